"""Grades as people write them: 3, 三年级, "1、2", "1-3". Pure rules."""

import re
from typing import Final

from app.transfer.columns import BadValue, Value, as_code
from app.transfer.tables import Cell
from app.web.language import Language

HIGHEST: Final = 12
_CHINESE: Final = {
    name: str(number)
    for number, name in enumerate(
        ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"), start=1
    )
}
_SPAN: Final = re.compile(r"(\d{1,2})(?:[-~—–至](\d{1,2}))?", re.ASCII)
_NUMERAL: Final = re.compile(r"十[一二]?|[一二三四五六七八九]")


def as_grades(cell: Cell) -> list[int]:
    """One grade or several."""
    text = as_code(cell)
    bare = _NUMERAL.sub(lambda found: _CHINESE[found[0]], text.replace("年级", ""))
    found: set[int] = set()
    for part in re.split(r"[,、;/\s]+", bare):
        span = _SPAN.fullmatch(part)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (0, 0)
        if not 1 <= first <= last <= HIGHEST:
            raise BadValue("cell.bad_grades", value=text[:40])
        found.update(range(first, last + 1))
    return sorted(found)


def grades_in(grades: Value, _language: Language) -> str:
    """Writes one grade or several."""
    return "、".join(map(str, grades))


def as_grade(cell: Cell) -> int:
    """One grade."""
    grades = as_grades(cell)
    if len(grades) > 1:
        raise BadValue("cell.one_grade")
    return grades[0]
