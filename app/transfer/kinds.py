"""The tables there are: what each is called, its columns, how it is taken in and given out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.transfer import (
    bells,
    calendar_days,
    curriculum,
    entries,
    headcounts,
    org_units,
    pairings,
    people,
    pupil_groups,
    rooms,
)
from app.transfer.columns import Column, Record, Written
from app.transfer.plans import Importing, Plan


class Kind(StrEnum):
    """What a table is about."""

    ORG_UNITS = "org-units"
    ROOMS = "rooms"
    PEOPLE = "people"
    PUPIL_GROUPS = "pupil-groups"
    HEADCOUNTS = "headcounts"
    CALENDAR = "calendar-days"
    BELLS = "bell-schedules"
    CURRICULUM = "curriculum"
    PAIRINGS = "pairings"
    ENTRIES = "timetable-entries"


class Imported(StrEnum):
    """What can be imported: tables, and bundles that hold several."""

    ORG_UNITS = Kind.ORG_UNITS.value
    ROOMS = Kind.ROOMS.value
    PEOPLE = Kind.PEOPLE.value
    PUPIL_GROUPS = Kind.PUPIL_GROUPS.value
    HEADCOUNTS = Kind.HEADCOUNTS.value
    CALENDAR = Kind.CALENDAR.value
    BELLS = Kind.BELLS.value
    CURRICULUM = Kind.CURRICULUM.value
    PAIRINGS = Kind.PAIRINGS.value
    ENTRIES = Kind.ENTRIES.value
    ONE_ROSTER = "oneroster"


@dataclass(frozen=True, slots=True)
class TableKind:
    """One kind of table."""

    titles: tuple[str, str]
    """In Chinese and English."""
    columns: tuple[Column, ...]
    examples: Sequence[Sequence[Written]]
    adds: Action
    """What it takes to add one."""
    shows: Action
    """What it takes to see one."""
    plan: Callable[[Session, Principal, Sequence[Record], Importing], Plan]
    rows: Callable[[Session, Principal], list[Sequence[Written]]]


def _whenever(
    plan: Callable[[Session, Principal, Sequence[Record]], Plan],
) -> Callable[[Session, Principal, Sequence[Record], Importing], Plan]:
    """For tables that do not mind in what circumstances."""
    return lambda session, principal, records, _at: plan(session, principal, records)


KINDS: Final[dict[Kind, TableKind]] = {
    Kind.ORG_UNITS: TableKind(
        ("单位", "Org units"), org_units.COLUMNS, org_units.EXAMPLES, Action.ORG_UNIT_ADD, Action.ORG_UNIT_SHOW,
        _whenever(org_units.plan), org_units.rows,
    ),
    Kind.ROOMS: TableKind(
        ("教室", "Rooms"), rooms.COLUMNS, rooms.EXAMPLES, Action.ROOM_ADD, Action.ROOM_SHOW,
        _whenever(rooms.plan), rooms.rows,
    ),
    Kind.PEOPLE: TableKind(
        ("人员", "People"), people.COLUMNS, people.EXAMPLES, Action.PERSON_ADMIT, Action.PERSON_LIST,
        _whenever(people.plan), people.rows,
    ),
    Kind.PUPIL_GROUPS: TableKind(
        ("学生班组", "Pupil groups"), pupil_groups.COLUMNS, pupil_groups.EXAMPLES, Action.PUPIL_GROUP_ADD,
        Action.PUPIL_GROUP_SHOW, _whenever(pupil_groups.plan), pupil_groups.rows,
    ),
    Kind.HEADCOUNTS: TableKind(
        ("学生人数", "Headcounts"), headcounts.COLUMNS, headcounts.EXAMPLES, Action.HEADCOUNT_SET,
        Action.HEADCOUNT_SHOW, _whenever(headcounts.plan), headcounts.rows,
    ),
    Kind.CALENDAR: TableKind(
        ("校历", "Calendar"), calendar_days.COLUMNS, calendar_days.EXAMPLES, Action.CALENDAR_SET, Action.CALENDAR_SHOW,
        calendar_days.plan, calendar_days.rows,
    ),
    Kind.BELLS: TableKind(
        ("作息表", "Bells"), bells.COLUMNS, bells.EXAMPLES, Action.BELLS_ADD, Action.BELLS_SHOW, bells.plan, bells.rows
    ),
    Kind.CURRICULUM: TableKind(
        ("课程计划", "Curriculum"), curriculum.COLUMNS, curriculum.EXAMPLES, Action.CURRICULUM_SET,
        Action.CURRICULUM_SHOW, _whenever(curriculum.plan), curriculum.rows,
    ),
    Kind.PAIRINGS: TableKind(
        ("结对", "Pairings"), pairings.COLUMNS, pairings.EXAMPLES, Action.PAIRING_ADD, Action.PAIRING_SHOW,
        _whenever(pairings.plan), pairings.rows,
    ),
    Kind.ENTRIES: TableKind(
        ("课表", "Timetable"), entries.COLUMNS, entries.EXAMPLES, Action.ENTRY_PLAN, Action.ENTRY_SHOW, entries.plan,
        entries.rows,
    ),
}  # fmt: skip
