"""What becomes of the lessons of a weekly one that changes; nothing is stored here.

What was changed on a single lesson outlives a change of the series: a substitute keeps teaching, another room stays, a
lesson that was moved keeps its time. Lessons that are over or on the air stay as they were.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from app.lessons.carrying_out import draft_of, is_like, says_the_same
from app.lessons.changes import Doing
from app.lessons.clash_report import Part, wanted_by
from app.lessons.fitting import Fit
from app.lessons.models import Lesson
from app.lessons.rules import CHANGEABLE, SiteState
from app.timetables.ground import bells_apart
from app.timetables.models import TimetableEntry
from app.timetables.planning import EntryDraft, Plan, plan_days, plan_entry
from app.timetables.reading import Reading
from app.timetables.rules import Occurrence, week_of

Changes = Mapping[str, Any]
"""Fields of an `EntryDraft` with their new values."""
OF_ONE: Final = frozenset(
    {"main_room_id", "teacher_id", "receiving_room_ids", "pupil_group_ids", "subject", "title", "mode"}
)
"""Those of them that a single lesson may have otherwise."""


@dataclass(frozen=True)
class Reshaped:
    """An entry as it is planned otherwise, and what that means for its lessons."""

    entry: TimetableEntry
    plan: Plan
    lessons: Sequence[Lesson]
    """All that it has from the day of the change on."""
    fits: tuple[Fit, ...]
    added: tuple[Occurrence, ...]
    surplus: tuple[Lesson, ...]
    parts: tuple[Part, ...]
    """What its lessons that change will hold."""

    @property
    def gone(self) -> list[UUID]:
        """Lessons that give up what they hold."""
        return [*(fit.lesson.id for fit in self.fits), *(lesson.id for lesson in self.surplus)]


@dataclass
class _Match:
    """Which lesson goes where."""

    regular: list[tuple[Lesson, Occurrence]] = field(default_factory=list)
    special: list[tuple[Lesson, Occurrence | None]] = field(default_factory=list)
    """Lessons with changes of their own; None: they keep their time as well."""
    added: list[Occurrence] = field(default_factory=list)
    surplus: list[Lesson] = field(default_factory=list)


def draft_of_entry(entry: TimetableEntry) -> EntryDraft:
    """What it would take to plan an entry as it is."""
    own = {"receiving_room_ids", "pupil_group_ids", "weeks", "first_week", "last_week"}
    same = {each.name: getattr(entry, each.name) for each in fields(EntryDraft) if each.name not in own}
    return EntryDraft(
        **same,
        receiving_room_ids=tuple(site.receiving_room_id for site in entry.sites),
        pupil_group_ids=tuple(entry.pupil_group_ids),
        weeks=tuple(entry.weeks),
    )


def reshape(
    reading: Reading,
    entry: TimetableEntry,
    day: date,
    wanted: Changes,
    lessons: Sequence[Lesson],
    doing: Doing,
) -> Reshaped:
    """Plan an entry otherwise from a day on; `lessons` are those it has from then on. Raises what planning raises."""
    draft = replace(draft_of_entry(entry), **wanted)
    if day > entry.first_day:
        draft = replace(draft, first_day=day)
    plan = plan_entry(reading.session, draft, doing.now, doing.skew, reading)
    match = _matched(entry, plan, lessons, doing)
    regular = [
        Fit(lesson, plan, target, lesson.substitute_for)
        for lesson, target in match.regular
        if not is_like(lesson, plan, target)  # nobody is told of a lesson that stays as it is
    ]
    special = []
    for lesson, place in match.special:
        one, substitute_for = _adapted(lesson, place, plan.entry.period, wanted)
        if substitute_for != lesson.substitute_for or not says_the_same(one, draft_of(lesson)):
            special.append(_special_fit(reading, lesson, one, substitute_for, doing))
    return Reshaped(
        entry,
        plan,
        lessons,
        (*regular, *special),
        tuple(match.added),
        tuple(match.surplus),
        tuple(_parts(plan, regular, special, match.added)),
    )


def _special_fit(
    reading: Reading, lesson: Lesson, draft: EntryDraft, substitute_for: UUID | None, doing: Doing
) -> Fit:
    assert draft.first_day is not None
    plan = plan_days(reading.session, draft, [draft.first_day], doing.now, doing.skew, reading)
    return Fit(lesson, plan, plan.occurrences[0], substitute_for)


def _parts(
    plan: Plan, regular: Sequence[Fit], special: Sequence[Fit], added: Sequence[Occurrence]
) -> list[Part]:
    """Those of the series come last: what is in their way may be one of its own that has another place."""
    parts = [Part(fit.plan, tuple(wanted_by(fit.plan, [fit.occurrence], fit.lesson.id))) for fit in special]
    chosen = tuple(sorted([*(fit.occurrence for fit in regular), *added], key=lambda each: each.day))
    if chosen:
        apart = bells_apart(plan.sites, chosen, plan.skew)
        bookings = [
            booking for fit in regular for booking in wanted_by(plan, [fit.occurrence], fit.lesson.id)
        ]
        bookings += wanted_by(plan, added)
        parts.append(Part(replace(plan, occurrences=chosen, apart=apart), tuple(bookings)))
    return parts


def _matched(entry: TimetableEntry, plan: Plan, lessons: Sequence[Lesson], doing: Doing) -> _Match:
    """Which lesson goes to which date: within each week of the term, in order."""
    to_come = {each.day: each for each in plan.occurrences}
    first = plan.term.first_day
    days: dict[int, list[date]] = defaultdict(list)
    for day in plan.slot.days(plan.taught):
        days[week_of(first, day)].append(day)
    match = _Match()
    for lesson in lessons:
        changeable = is_to_come(lesson, doing)
        if lesson.moved_from_id is not None or lesson.makes_up_id is not None:
            if changeable:
                match.special.append((lesson, None))
            continue
        week = days[week_of(first, lesson.date)]
        target = to_come.get(week.pop(0)) if week else None
        if not changeable:
            continue
        if _is_special(lesson, entry):
            match.special.append((lesson, target))
        elif target is not None:
            match.regular.append((lesson, target))
        else:
            match.surplus.append(lesson)
    left = [day for week in days.values() for day in week]
    match.added = [to_come[day] for day in sorted(left) if day in to_come]
    return match


def is_to_come(lesson: Lesson, doing: Doing) -> bool:
    """Whether a lesson has not begun and can be changed."""
    return lesson.state in CHANGEABLE and lesson.ends_at > doing.now


def _is_special(lesson: Lesson, entry: TimetableEntry) -> bool:
    rooms = {site.receiving_room_id for site in lesson.sites if site.state is not SiteState.CANCELLED}
    groups = {group.pupil_group_id for group in lesson.groups if not group.released}
    return (
        (lesson.teacher_id, lesson.main_room_id) != (entry.teacher_id, entry.main_room_id)
        or rooms != {site.receiving_room_id for site in entry.sites}
        or groups != set(entry.pupil_group_ids)
    )


def _adapted(
    lesson: Lesson, target: Occurrence | None, period: int, wanted: Changes
) -> tuple[EntryDraft, UUID | None]:
    """What a lesson that has changes of its own is to be like, and for whom somebody else teaches it."""
    values = {name: value for name, value in wanted.items() if name in OF_ONE}
    substitute_for = lesson.substitute_for
    if substitute_for is not None and "teacher_id" in values:
        substitute_for = values.pop("teacher_id")
        if substitute_for == lesson.teacher_id:  # the substitute has the series now
            substitute_for = None
    draft = replace(draft_of(lesson), **values)
    if target is not None:
        weekday = target.day.isoweekday()
        draft = replace(draft, first_day=target.day, last_day=target.day, weekday=weekday, period=period)
    return draft, substitute_for
