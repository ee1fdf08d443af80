"""When a weekly lesson is, as people write it: 星期三, 周三, Wed, 3; 第2节; 单周, 第1-8周, 1-16单周. Pure rules."""

import re
from collections.abc import Iterable
from datetime import time
from itertools import pairwise
from typing import Final

from app.timetables.weeks import WeekPattern
from app.transfer.columns import BadValue, Value, as_code, as_whole
from app.transfer.tables import Cell
from app.web.language import Language

MOST_WEEKS: Final = 60
_MINUTES: Final = 24 * 60
_CLOCK: Final = re.compile(r"(\d{1,2})\s*[:时]\s*(\d{2})(?::00(?:\.0+)?)?分?", re.ASCII)
_HALF: Final = re.compile(r"^(?:上午|下午|[AP]M)|[AP]M$", re.IGNORECASE)
_AFTERNOON: Final = frozenset({"下午", "pm"})
_PART_OF_A_DAY: Final = re.compile(r"0?\.\d{2,17}", re.ASCII)
_DAYS: Final = (
    ("星期一", "Monday"), ("星期二", "Tuesday"), ("星期三", "Wednesday"), ("星期四", "Thursday"), ("星期五", "Friday"),
    ("星期六", "Saturday"), ("星期日", "Sunday"),
)  # fmt: skip
_WEEKDAYS: Final = {
    name: number
    for number, (chinese, english) in enumerate(_DAYS, start=1)
    for name in (str(number), chinese[-1], english.lower(), english[:3].lower())
} | {"天": 7}
_EVERY: Final = frozenset({"", "每", "全", "全部", "every", "all"})
_PARITIES: Final = {
    "单": WeekPattern.ODD,
    "odd": WeekPattern.ODD,
    "双": WeekPattern.EVEN,
    "even": WeekPattern.EVEN,
}
_PARITY: Final = re.compile(r"[(（]?(单|双|odd|even)[)）]?$")
_SPAN: Final = re.compile(r"(\d{1,2})(?:[-~—–至](\d{1,2}))?", re.ASCII)
Weeks = tuple[WeekPattern, tuple[int, ...]]
"""A pattern, and the weeks that it lists."""


def as_weekday(cell: Cell) -> int:
    """A day of the week; Monday is 1."""
    text = as_code(cell)
    bare = re.sub(r"^(星期|周|礼拜)", "", text).lower()
    if (found := _WEEKDAYS.get(bare)) is None:
        raise BadValue("cell.no_weekday", value=text[:40])
    return found


def weekday_in(number: Value, language: Language) -> str:
    """What a day of the week is called."""
    chinese, english = _DAYS[number - 1]
    return chinese if language is Language.CHINESE else english


def as_period(cell: Cell) -> int:
    """The number of a period."""
    text = as_code(cell) if isinstance(cell, str) else cell
    return as_whole(text.removeprefix("第").removesuffix("节") if isinstance(text, str) else text)


def as_clock(cell: Cell) -> time:
    """A time of the day in whole minutes: typed, or a part of a day, as spreadsheets keep it."""
    if isinstance(cell, float):
        minutes = round(cell * _MINUTES)
        if not 0 <= minutes < _MINUTES or abs(cell * _MINUTES - minutes) > 0.01:
            raise BadValue("cell.no_time", value=str(cell)[:40])
        return time(*divmod(minutes, 60))
    text = as_code(cell)
    if _PART_OF_A_DAY.fullmatch(text):
        return as_clock(float(text))
    half = _HALF.search(text)
    found = _CLOCK.fullmatch(_HALF.sub("", text, count=1).strip())
    hour, minute = (int(found[1]), int(found[2])) if found else (99, 0)
    if half and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (half[0].lower() in _AFTERNOON)
    if minute > 59 or hour * 60 + minute > _MINUTES:
        raise BadValue("cell.no_time", value=text[:40])
    return time(hour % 24, minute)


def clock_in(clock: Value, _language: Language) -> str:
    """Writes a time of the day."""
    return f"{clock:%H:%M}"


def as_weeks(cell: Cell) -> Weeks:
    """Which weeks of a term: every one, the odd or even ones, or those that are listed."""
    text = as_code(cell)
    bare = re.sub(r"第|周|weeks?|\s(?=[(（单双oe])", "", text.lower()).strip()
    if bare in _EVERY:
        return WeekPattern.EVERY, ()
    if bare in _PARITIES:
        return _PARITIES[bare], ()
    parity = _PARITY.search(bare)
    found: set[int] = set()
    for part in re.split(r"[,，、;；\s]+", bare[: parity.start()].strip() if parity else bare):
        span = _SPAN.fullmatch(part)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (0, 0)
        if not 1 <= first <= last <= MOST_WEEKS:
            raise BadValue("cell.bad_weeks", value=text[:40])
        found.update(range(first, last + 1))
    if parity:
        odd = _PARITIES[parity[1]] is WeekPattern.ODD
        found = {week for week in found if week % 2 == odd}
    if not found:
        raise BadValue("cell.bad_weeks", value=text[:40])
    return WeekPattern.LISTED, tuple(sorted(found))


def weeks_in(weeks: Value, language: Language) -> str:
    """Writes weeks in words, so that no spreadsheet takes 1-8 for a day in January."""
    pattern, listed = weeks
    chinese = language is Language.CHINESE
    match pattern:
        case WeekPattern.EVERY:
            return "每周" if chinese else "every week"
        case WeekPattern.ODD:
            return "单周" if chinese else "odd weeks"
        case WeekPattern.EVEN:
            return "双周" if chinese else "even weeks"
        case _:
            spans = ("、" if chinese else ", ").join(_spans(listed))
            return f"第{spans}周" if chinese else f"weeks {spans}"


def _spans(numbers: Iterable[int]) -> list[str]:
    """Numbers in order, those that follow each other as one span."""
    ordered = sorted(numbers)
    breaks = [place for place, (one, other) in enumerate(pairwise(ordered), start=1) if other != one + 1]
    runs = [ordered[start:end] for start, end in pairwise([0, *breaks, len(ordered)])]
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
