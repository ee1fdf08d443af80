"""What cells of OneRoster say, in our words. Pure rules."""

import re
from datetime import date
from typing import Final

from app.transfer.columns import BadValue, as_day
from app.transfer.one_roster_files import Line

NO_NAME: Final = "."
"""Stands for the half of a name that somebody does not have, where OneRoster wants both."""
_LONGEST_CODE: Final = 32
_CJK: Final = re.compile(r"[㐀-鿿]")


class BadDay(Exception):
    """A day that is none."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def day_in(text: str, column: str) -> date | None:
    try:
        return as_day(text) if text else None
    except BadValue:
        raise BadDay(column) from None


def in_chinese(name: str) -> bool:
    """Whether a name is written family first and in one word."""
    return bool(_CJK.search(name))


def name_of(line: Line) -> str:
    """A name as its language writes it."""
    family, given = (text if text != NO_NAME else "" for text in (line["familyName"], line["givenName"]))
    return family + given if in_chinese(family + given) else f"{given} {family}".strip()


def code_of(text: str) -> str:
    """A code of ours from an identifier of theirs; one of a UUID fits without its dashes."""
    return text.replace("-", "") if len(text) > _LONGEST_CODE else text


def listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (each.strip() for each in text.split(",")) if part)


def grades_in(text: str) -> list[int]:
    """Grades 1 to 12 of a list of CEDS codes; kindergartens have others, which are left out."""
    return [
        int(each) for each in listed(text) if each.isdecimal() and each.isascii() and 1 <= int(each) <= 12
    ]
