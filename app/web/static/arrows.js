// Going through a table by arrow keys.

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// Arrow keys go from cell to cell, over those with nothing in them.
export function wireArrows(table) {
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const step = ARROWS[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    let [row, column] = [cell.parentElement.rowIndex + step[0], cell.cellIndex + step[1]];
    for (; table.rows[row]?.cells[column]; row += step[0], column += step[1]) {
      const next = table.rows[row].cells[column].querySelector("button");
      if (next?.checkVisibility()) return next.focus();
    }
  });
}
