"""All reports of a term as a workbook (XLSX): the rates, the rooms, who is left out, and the list behind them."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import xlsxwriter
from xlsxwriter.format import Format

from app.feeds.rules import Language
from app.reports import service
from app.reports.rules import Figures, minutes, total
from app.reports.service import By, RoomRow, View
from app.schools.rules import RoomKind
from app.timetables.curriculum_rules import Count

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_ACTIVE: Final = re.compile(r"[=+\-@\t\r\n＝＋－＠]")

Value = str | int | float | None
Table = tuple[str, Sequence[str], Iterable[Sequence[Value]]]
"""A sheet: its name, its columns, its rows. Columns whose name ends in % hold shares."""

_FIGURES: Final = {
    Language.CHINESE: (
        *("应开科次", "已排科次", "开课率(计划)%", "已开科次", "开课率(实际)%"),
        *("应开课时", "自有教师课时", "已排课时", "计入课时", "开足率(计划)%"),
        *("已到时课时", "已完成课时", "开足率(实际)%"),
        *("已到时分钟", "已完成分钟"),
    ),
    Language.ENGLISH: (
        *("Subjects required", "Subjects planned", "Opening rate (planned) %", "Subjects delivered"),
        *("Opening rate (delivered) %", "Periods required", "By own teachers", "Periods planned", "Counted"),
        *("Full-hours rate (planned) %", "Periods due", "Periods delivered", "Full-hours rate (delivered) %"),
        *("Minutes due", "Minutes delivered"),
    ),
}
_SHEETS: Final = {
    Language.CHINESE: {
        By.AREA: "按区域", By.SITE: "按学校和教学点", By.GRADE: "按年级", By.SUBJECT: "按学科",
        RoomKind.MAIN: "主课堂", RoomKind.RECEIVING: "听课教室", "unserved": "未覆盖班级",
        "unassigned": "未注明班级的课", "cells": "明细", "about": "说明",
    },
    Language.ENGLISH: {
        By.AREA: "By area", By.SITE: "By site", By.GRADE: "By grade", By.SUBJECT: "By subject",
        RoomKind.MAIN: "Main rooms", RoomKind.RECEIVING: "Receiving rooms", "unserved": "Without lessons",
        "unassigned": "Lessons of no class", "cells": "List", "about": "About",
    },
}  # fmt: skip
_COLUMNS: Final = {
    Language.CHINESE: {
        "part": "名称", "total": "合计",
        "rooms": ("学校或教学点", "教室", "已排课时", "已到时课时", "已完成课时", "已到时分钟", "已完成分钟",
                  "每周课时"),
        "unserved": ("学校或教学点", "班级", "年级", "人数"),
        "unassigned": ("学校或教学点", "学科", "已排课时"),
        "cells": ("学校或教学点", "班级", "年级", "学科", "应开课时", "自有教师课时",
                  "已排课时", "已到时课时", "已完成课时", "已到时分钟", "已完成分钟"),
    },
    Language.ENGLISH: {
        "part": "Name", "total": "Total",
        "rooms": ("School or site", "Room", "Planned", "Due", "Delivered", "Minutes due", "Minutes delivered",
                  "Per week"),
        "unserved": ("School or site", "Class", "Grades", "Pupils"),
        "unassigned": ("School or site", "Subject", "Periods planned"),
        "cells": ("School or site", "Class", "Grade", "Subject", "Required", "By own teachers",
                  "Planned", "Due", "Delivered", "Minutes due", "Minutes delivered"),
    },
}  # fmt: skip

_ABOUT: Final = {
    Language.CHINESE: {
        "units": "统计范围", "term": "学期", "days": "起止日期", "weeks": "教学周数", "today": "统计日期",
        "grade": "年级", "subject": "学科",
        "开课率": "应开科次中已开设的比例。科次：一个班一个年级的一门学科。",
        "开足率": "应开课时中已落实的比例；每个科次最多按应开课时计入。",
        "自有教师课时": "由本校教师承担，按填报数计入，视为已排、已上。",
        "未注明班级的课": "教学点有多个班级，而课上未注明班级，故不计入任何数字。",
    },
    Language.ENGLISH: {
        "units": "About", "term": "Term", "days": "Days", "weeks": "Teaching weeks", "today": "As of",
        "grade": "Grade", "subject": "Subject",
        "Opening rate": "Of the subjects required in each grade of each class, the share that is taught.",
        "Full-hours rate": "Of the periods required, the share that is covered; in each subject of a class at most "
                           "what is required there.",
        "By own teachers": "Outside of these lessons, as entered; counted as planned and as delivered.",
        "Lessons of no class": "Where there are several classes and a lesson names none: counted in no figure.",
    },
}  # fmt: skip
"""The words for what it is about, and what the figures mean."""
_GRADE: Final = {Language.CHINESE: "{}年级", Language.ENGLISH: "Grade {}"}


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called."""

    units: Mapping[UUID, str]
    groups: Mapping[UUID | None, str]
    subjects: Mapping[str, str]


def written(
    found: View,
    rooms: Mapping[RoomKind, Sequence[RoomRow]],
    names: Names,
    language: Language,
    today: date,
) -> bytes:
    """The workbook; texts are written as texts, so that none of them can be a formula."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8F0FE", "bottom": 1, "text_wrap": True})
        share = book.add_format({"num_format": "0.0%"})
        _write(book, _about(found, names, language, today), head, share)
        for table in _tables(found, rooms, names, language):
            _write(book, table, head, share)
    return file.getvalue()


def _tables(
    found: View, rooms: Mapping[RoomKind, Sequence[RoomRow]], names: Names, language: Language
) -> Iterable[Table]:
    sheets, columns = _SHEETS[language], _COLUMNS[language]
    heads = (str(columns["part"]), *_FIGURES[language])
    called = dict[UUID | int | str, str](names.units.items())
    called.update(names.subjects)
    called.update((grade, _GRADE[language].format(grade)) for grade in range(1, 13))
    for by in By:
        parts = service.divide(found, by)
        rows = [(called.get(row.key, str(row.key)), *_figures(row.figures)) for row in parts]
        rows.append((str(columns["total"]), *_figures(total(row.figures for row in parts))))
        yield sheets[by], heads, rows
    for kind, listed in rooms.items():
        yield sheets[kind], columns["rooms"], [_room(row, names.units, found.weeks) for row in listed]
    yield (
        sheets["unserved"],
        columns["unserved"],
        [
            (
                names.units[each.unit_id],
                names.groups[each.group_id],
                ", ".join(map(str, each.grades)),
                each.pupils,
            )
            for each in found.unserved
        ],
    )
    yield (
        sheets["unassigned"],
        columns["unassigned"],
        [
            (names.units[unit_id], names.subjects.get(subject, subject), planned)
            for (unit_id, subject), planned in found.unassigned.items()
        ],
    )
    yield (
        sheets["cells"],
        columns["cells"],
        [
            (
                *(names.units[cell.unit_id], names.groups[cell.group_id], cell.grade),
                *(names.subjects.get(cell.subject, cell.subject), cell.balance.required, cell.balance.own),
                *_lessons(cell.balance.lessons),
            )
            for cell in found.list_of_cells()
        ],
    )


def _about(found: View, names: Names, language: Language, today: date) -> Table:
    """Which term and whose it is, as of when: a workbook is sent on, and kept."""
    words, wanted, term = _ABOUT[language], found.wanted, found.term
    told: dict[str, Value] = {
        "units": ", ".join(unit.name for unit in found.tops()),
        "term": term.name,
        "days": f"{term.first_day} – {term.last_day}",
        "weeks": round(found.weeks, 2),
        "today": today.isoformat(),
        "grade": wanted.grade,
        "subject": names.subjects.get(wanted.subject, wanted.subject) if wanted.subject else None,
    }
    lines: list[tuple[str, Value]] = [
        (words[name], value) for name, value in told.items() if value is not None
    ]
    lines += [(name, meaning) for name, meaning in words.items() if name not in told]
    return _SHEETS[language]["about"], tuple(map(str, lines[0])), lines[1:]


def _write(book: xlsxwriter.Workbook, table: Table, head: Format, share: Format) -> None:
    name, columns, rows = table
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 1)
    for position, column in enumerate(columns):
        sheet.set_column(position, position, 28 if position == 0 else 14)
        sheet.write_string(0, position, column.removesuffix("%").strip(), head)
    shares = {position for position, column in enumerate(columns) if column.endswith("%")}
    for number, row in enumerate(rows, start=1):
        for position, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, position, _harmless(value))
            elif value is not None:
                sheet.write_number(number, position, value, share if position in shares else None)


def _figures(figures: Figures) -> tuple[Value, ...]:
    return (
        figures.cells,
        figures.opened,
        figures.opening_rate,
        figures.opened_delivered,
        figures.opening_rate_delivered,
        figures.required,
        figures.own,
        figures.planned,
        figures.counted,
        figures.full_hours_rate,
        figures.due,
        figures.delivered,
        figures.full_hours_rate_delivered,
        figures.due_minutes,
        figures.delivered_minutes,
    )


def _room(row: RoomRow, units: Mapping[UUID, str], weeks: float) -> tuple[Value, ...]:
    per_week = round(row.count.planned / weeks, 2) if weeks else None
    return units[row.room.org_unit_id], row.room.name, *_lessons(row.count), per_week


def _lessons(count: Count) -> tuple[Value, ...]:
    ran = minutes(count.due_seconds), minutes(count.delivered_seconds)
    return count.planned, count.due, count.delivered, *ran


def _harmless(text: str) -> str:
    """A text that is no formula either when somebody saves the sheet as CSV and opens that."""
    return "'" + text if _ACTIVE.match(text) else text
