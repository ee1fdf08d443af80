"""Files as they come: whatever encoding and spreadsheet program, and some that were made to do harm."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from app import web
from app.schools.rules import EquipmentKind
from app.transfer import columns, csv_files, rooms, tables, xlsx_files, xml_files
from app.transfer.columns import BadValue, Column, as_code, as_day, as_it_is, as_number, as_text, as_whole
from app.transfer.csv_files import read_csv
from app.transfer.grades import as_grades
from app.transfer.service import read_table
from app.transfer.tables import BadCell, BadFile, Cell, Table
from app.transfer.weekly import as_clock
from app.transfer.writing import Sheet, csv_of, xlsx_of
from app.transfer.xlsx_files import read_xlsx
from app.web.language import Language

COLUMNS = tuple(Column(key, (key, key), ("", ""), as_text, as_it_is) for key in ("one", "two"))


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(BadFile) as error:
        read()
    return error.value.code


def workbook(path: Path, fill: Callable[[Any, Any], None], **options: Any) -> Path:
    with xlsxwriter.Workbook(path / "book.xlsx", options) as book:
        fill(book, book.add_worksheet())
    return path / "book.xlsx"


def cells(table: Table) -> list[tuple[int, dict[int, Cell]]]:
    return [(row.number, dict(row.cells)) for row in table.rows]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_whatever_encoding(encoding: str, delimiter: str) -> None:
    text = f'编码{delimiter}名称\r\n\r\nS1{delimiter}"梅山,镇;""中心""\t小学"\r\n{delimiter}\r\n'
    found = read_csv(text.encode(encoding))
    assert cells(found) == [(1, {0: "编码", 1: "名称"}), (3, {0: "S1", 1: '梅山,镇;"中心"\t小学'})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_columns_does_not_hide_what_stands_between_them(delimiter: str) -> None:
    text = f'2026 年教室表, 秋季\n\n编码{delimiter}名称\nS1{delimiter}a\nS2{delimiter}"b,;\t"\n'
    found = read_csv(text.encode())
    assert cells(found)[1:] == [
        (3, {0: "编码", 1: "名称"}),
        (4, {0: "S1", 1: "a"}),
        (5, {0: "S2", 1: "b,;\t"}),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("code,name\nS1,梅山镇中心小学\nS2,响洪甸".encode() + b"\xe5\n", "file.encoding"),
        (b"\n" * (csv_files.MOST_LINES + 1) + b"a", "file.too_many_rows"),
        (b"", "file.empty"),
        (b"\xef\xbb\xbf\r\n", "file.empty"),
        (b"\xff\xff\xff,1", "file.encoding"),
        (b"\xff\xfea", "file.encoding"),
        (b"name,code\x02\x1b,1", "file.not_text"),
        (b'a,b\n"never closed,1\n' + b"x" * 100, "file.csv_broken"),
        (b"a," * 70 + b"b", "file.too_many_columns"),
        (b"a\n" * (tables.MOST_ROWS + 1), "file.too_many_rows"),
        ((b"," * 500_000 + b"\n") * 3, "file.too_many_cells"),
        (b"," * (csv_files.LONGEST_ROW + 1), "file.too_many_columns"),
        (b'"\n",' * (csv_files.LONGEST_ROW // 3), "file.too_many_columns"),
        (b",\n", "file.empty"),
    ],
)
def test_csv_that_cannot_be_used(content: bytes, code: str) -> None:
    assert refused(lambda: read_csv(content)) == code


def test_xlsx_as_spreadsheets_write_it(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        hidden = book.add_worksheet("hidden")
        hidden.hide()
        day = book.add_format({"num_format": 'yyyy"年"m"月"d"日"'})
        price = book.add_format({"num_format": '0.00 "days"'})
        sheet.write_row(1, 0, ["a", "b", 3415240012, 2.5, True])
        sheet.write_datetime(2, 0, date(2026, 9, 1), day)
        sheet.write_number(2, 1, 46266, price)
        sheet.write_number(2, 2, 46266.5, day)
        sheet.write_rich_string(2, 3, "梅山镇", book.add_format({"bold": True}), "小学")
        sheet.write_formula(3, 0, "=1+1", value=2)
        sheet.write_formula(3, 1, '="S"&1', value="S1")
        sheet.write_formula(3, 2, "=1/0", value="#DIV/0!")
        sheet.write_formula(3, 3, "=A1", value="")
        sheet.write_blank(900_000, 5, None, day)
        sheet.merge_range(4, 0, 5, 1, "both")
        sheet.write_string(5, 3, "_x0041_ \x1f")

    def with_others(book: Any, _empty: Any) -> None:
        """The rows stand in the second sheet, and more in the last one; codes are shown with their zeros."""
        code = book.add_format({"num_format": "00000"})
        book.add_worksheet("甲镇").write_number(0, 0, 42, code)
        book.add_worksheet("还是空的").write_blank(0, 0, None, code)
        book.add_worksheet("乙镇").write_string(0, 0, "x")

    found = cells(read_xlsx(workbook(tmp_path, fill)))
    merged = BadCell("cell.merged")
    assert found == [
        (2, {0: "a", 1: "b", 2: 3415240012.0, 3: 2.5, 4: True}),
        (3, {0: date(2026, 9, 1), 1: 46266.0, 2: BadCell("cell.no_date"), 3: "梅山镇小学"}),
        (4, {0: 2.0, 1: "S1", 2: BadCell("cell.formula_failed"), 3: BadCell("cell.formula_without_result")}),
        (5, {0: merged, 1: merged}),
        (6, {0: merged, 1: merged, 3: "_x0041_ \x1f"}),
    ]
    several = read_xlsx(workbook(tmp_path, with_others))
    assert (several.name, cells(several), several.others) == ("甲镇", [(1, {0: "00042"})], ("乙镇",))
    early = workbook(
        tmp_path, lambda _, sheet: sheet.write_datetime(0, 0, date(2026, 9, 1), None), date_1904=True
    )
    assert cells(read_xlsx(early)) == [(1, {0: 44804.0})]  # without a format, a number like any other


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    target = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def test_xlsx_that_was_made_to_do_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = workbook(tmp_path, lambda _, sheet: sheet.write_row(0, 0, ["a", "b"]))
    sheet = "xl/worksheets/sheet1.xml"

    def with_sheet(old: bytes, new: bytes) -> Path:
        return rewritten(book, lambda name, content: content.replace(old, new) if name == sheet else content)

    bomb = with_sheet(b"</sheetData>", b"</sheetData>" + b" " * (65 * 1024 * 1024))
    assert bomb.stat().st_size < 200_000
    assert refused(lambda: read_xlsx(bomb)) == "file.zip_bomb"
    for costly in (b"<a>" * 1000, b'<a b="' + b"x" * 3_000_000 + b'"/>', b"<!--" + b"x" * 3_000_000 + b"-->"):
        book_of_it = with_sheet(b"</sheetData>", costly)
        assert refused(partial(read_xlsx, book_of_it)) == "file.xlsx_broken"
    long = with_sheet(b"</row>", b'<c r="C1" t="str"><v>' + b"x" * 1_000_000 + b"</v></c></row>")
    assert cells(read_xlsx(long)) == [(1, {0: "a", 1: "b", 2: BadCell("cell.too_long")})]
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet'
    assert refused(lambda: read_xlsx(with_sheet(b"<worksheet", laughs))) == "file.xlsx_broken"
    assert refused(lambda: read_xlsx(with_sheet(b'r="B1"', b'r="XFD1"'))) == "file.too_many_columns"
    monkeypatch.setattr(xml_files, "MOST_ELEMENTS", 30)
    many = with_sheet(b"</sheetData>", b"</sheetData>" + b"<a/>" * 30)
    assert refused(lambda: read_xlsx(many)) == "file.too_many_cells"
    monkeypatch.undo()
    monkeypatch.setattr(tables, "MOST_CELLS", 3)
    many = with_sheet(b"</row>", b"</row>" + b'<row><c s="0"/></row>' * 3)
    assert refused(lambda: read_xlsx(many)) == "file.too_many_cells"
    without = with_sheet(b"</row>", b'<c r="C1"><f>A1</f></c></row>')
    assert refused(lambda: read_xlsx(without)) == "file.too_many_cells"
    monkeypatch.undo()
    for result in (b"", b"<v/>", b"<v></v>"):
        without = with_sheet(b"</row>", b'<c r="C1"><f>A1</f>' + result + b"</c></row>")
        assert cells(read_xlsx(without)) == [(1, {0: "a", 1: "b", 2: BadCell("cell.formula_without_result")})]
    empty = with_sheet(b"</row>", b'<c r="C1" t="str"><f>IF(A1="a","",1)</f><v></v></c></row>')
    assert cells(read_xlsx(empty)) == [(1, {0: "a", 1: "b"})]
    monkeypatch.setattr(xlsx_files, "MOST_CELLS", 3)
    merged = with_sheet(
        b"</sheetData>", b"</sheetData><mergeCells>" + b'<mergeCell ref="A1:B9"/>' * 2 + b"</mergeCells>"
    )
    assert refused(lambda: read_xlsx(merged)) == "file.too_many_merged"
    monkeypatch.undo()
    assert cells(read_xlsx(merged)) == [(1, {0: BadCell("cell.merged"), 1: BadCell("cell.merged")})]
    formats = b'<numFmts><numFmt numFmtId="200" formatCode="' + b"[" * 256 + b'"/></numFmts><fonts'
    long = rewritten(book, lambda _, content: content.replace(b"<fonts", formats, 1))
    assert refused(lambda: read_xlsx(long)) == "file.xlsx_broken"
    plain = tmp_path / "plain"
    content = book.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    shifted = int.from_bytes(content[end + 16 : end + 20], "little") + 1000
    plain.write_bytes(content[: end + 16] + shifted.to_bytes(4, "little") + content[end + 20 :])
    assert refused(lambda: read_table(plain)) == "file.xlsx_broken"
    plain.write_bytes(b"PK\x03\x04 no archive")
    assert refused(lambda: read_table(plain)) == "file.xlsx_broken"
    plain.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old")
    assert refused(lambda: read_table(plain)) == "file.old_xls"


def test_characters_that_no_database_holds_are_refused_where_they_stand(tmp_path: Path) -> None:
    book = workbook(tmp_path, lambda _, sheet: sheet.write_row(0, 0, ["a", "b", "c", "d"]))
    texts = {b"<t>a<": b"<t>_xD800_<", b"<t>b<": b"<t>x_x0000_<", b"<t>c<": b"<t>_xD83D__xDE00_<"}
    texts[b"<t>d<"] = b"<t>_x005F_xD800_<"

    def change(_: str, content: bytes) -> bytes:
        for old, new in texts.items():
            content = content.replace(old, new)
        return content

    unreadable = BadCell("cell.unreadable")
    found = cells(read_xlsx(rewritten(book, change)))
    assert found == [(1, {0: unreadable, 1: unreadable, 2: "\N{GRINNING FACE}", 3: "_xD800_"})]
    for content, encoding in (("a,\0", "utf-8"), ("a,\ud800", "utf-16"), ("a,\ud800", "utf-8")):
        with pytest.raises(BadFile, match="file.encoding"):
            read_csv(content.encode(encoding, "surrogatepass"))


@settings(max_examples=100)
@given(st.data())
def test_damaged_workbooks_are_refused_and_nothing_else(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "whole.xlsx"
    if not path.exists():
        content = Sheet("s", COLUMNS, [["a", "b"]] * 3)
        path.write_bytes(xlsx_of(content, Language.ENGLISH))
    stored = rewritten_stored(path)
    changes = data.draw(
        st.lists(st.tuples(st.integers(0, len(stored) - 1), st.binary(min_size=1, max_size=4)), max_size=4)
    )
    damaged = bytearray(
        stored[: data.draw(st.integers(len(stored) // 2, len(stored)) | st.just(len(stored)))]
    )
    for position, new in changes:
        damaged[position : position + len(new)] = new
    target = folder / "damaged.xlsx"
    target.write_bytes(damaged)
    try:
        read_xlsx(target)
    except BadFile:
        pass


def rewritten_stored(path: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return file.getvalue()


@settings(max_examples=50)
@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "ignore")))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    try:
        csv_files.read_csv(content)
    except BadFile:
        pass


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n='+-@"), min_size=1, max_size=20
)


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.sampled_from(Language))
def test_what_is_written_is_read_again(
    tmp_path_factory: Any, rows: list[tuple[str, str]], language: Language
) -> None:
    """And no cell of it is a formula to a spreadsheet."""
    path = tmp_path_factory.getbasetemp() / "again"
    kept = [[columns.plain(text) for text in row] for row in rows]
    sheet = Sheet("s", COLUMNS, kept)
    for content in (csv_of(sheet, language), xlsx_of(sheet, language)):
        path.write_bytes(content)
        table = read_table(path)
        assert not any(
            isinstance(cell, str) and cell.startswith(tuple("=+-@\t＝＋－＠"))
            for row in table.rows
            for cell in row.cells.values()
        )
        header, faults = columns.find_header(table, COLUMNS)
        assert header is not None and not faults
        found, faults = columns.records(table, header, COLUMNS)
        assert not faults
        assert [[record.values["one"] or "", record.values["two"] or ""] for record in found] == [
            row for row in kept if any(row)
        ]


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (as_code, "　Ｓ１２－３ ", "S12-3"),
        (as_code, 3415240012.0, "3415240012"),
        (as_code, 1e15, "cell.number_lost_digits"),
        (as_code, date(2026, 1, 2), "cell.became_date"),
        (as_whole, "４２", 42),
        (as_whole, "1,200", 1200),
        (as_code, "3.41524E+09", "cell.scientific"),
        (as_whole, 2.5, "cell.no_whole_number"),
        (as_number, "1e5", "cell.no_number"),
        (as_number, "２.５", 2.5),
        (as_day, "2026-9-1", date(2026, 9, 1)),
        (as_day, "２０２６年９月１日", date(2026, 9, 1)),
        (as_day, "2026.09.01", date(2026, 9, 1)),
        (as_day, "20260901", date(2026, 9, 1)),
        (as_day, "2026-09-01 00:00:00", date(2026, 9, 1)),
        (as_day, "2026/9/1 0:00", date(2026, 9, 1)),
        (as_day, "2026/9/1 8:00", "cell.no_date"),
        (as_day, 46266.0, date(2026, 9, 1)),
        (as_day, "46266", date(2026, 9, 1)),
        (as_day, "01/09/2026", "cell.no_date"),
        (as_day, "2026-02-29", "cell.no_date"),
        (as_day, True, "cell.no_date"),
        (as_clock, "8：00", time(8)),
        (as_clock, "下午2:05", time(14, 5)),
        (as_clock, "12:30 AM", time(0, 30)),
        (as_clock, "12:30 pm", time(12, 30)),
        (as_clock, "下午14:05", time(14, 5)),
        (as_clock, "0.333333333", time(8)),
        (as_clock, "24:00", time(0)),
        (as_clock, "24:01", "cell.no_time"),
        (as_clock, "8:60", "cell.no_time"),
        (as_grades, "1-3", [1, 2, 3]),
        (as_grades, "一、二年级", [1, 2]),
        (as_grades, "十一年级", [11]),
        (as_grades, 3.0, [3]),
        (as_grades, "0", "cell.bad_grades"),
        (as_grades, "3-1", "cell.bad_grades"),
    ],
)
def test_cells_become_values(read: Callable[[Cell], object], cell: Cell, value: object) -> None:
    try:
        found = read(columns.plain(cell) if isinstance(cell, str) else cell)
    except BadValue as error:
        found = error.code
    assert found == value


def test_columns_go_by_any_of_their_names_and_none_is_lost() -> None:
    table = read_csv("县 2026,,\n One * ,TWO,Three\n1,2,3\n".encode())
    header, faults = columns.find_header(table, COLUMNS)
    assert header is None
    assert [(fault.row, fault.code, fault.facts) for fault in faults] == [
        (2, "column.unknown", {"name": "Three"})
    ]
    merged = Table((tables.Row(1, {0: BadCell("cell.merged"), 1: "two"}),))
    assert [(fault.at, fault.code) for fault in columns.find_header(merged, COLUMNS)[1]] == [
        (0, "cell.merged")
    ]
    table = read_csv(b"one,one\n1,2\n")
    assert [fault.code for fault in columns.find_header(table, COLUMNS)[1]] == ["column.twice"]
    table = read_csv(b"one,two\n1,2,3\n")
    header, _ = columns.find_header(table, COLUMNS)
    assert header is not None
    assert [fault.code for fault in columns.records(table, header, COLUMNS)[1]] == ["row.beyond_columns"]


def test_tables_call_equipment_as_the_pages_do() -> None:
    texts = [
        json.loads((Path(web.__file__).parent / "texts" / f"{language}.county.json").read_text("utf-8"))
        for language in ("zh", "en")
    ]
    assert {kind.value: tuple(each[f"equipment.{kind}"] for each in texts) for kind in EquipmentKind} == dict(
        rooms.EQUIPMENT
    )
