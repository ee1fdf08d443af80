"""Bodies of the requests and answers about planning, publishing and changing lessons."""

import datetime as dt
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.lessons.publishing import Selection
from app.schemas import Day, Input, Name, Output, example
from app.timetables.clashes import Resource
from app.timetables.planning import Plan
from app.timetables.schemas import EntryIn, ScheduledEntryOut, SkippedOut, TimetableEntryOut

_CLASH = {
    "resource": "teacher",
    "id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22",
    "name": "王老师 Wang",
    "lesson_id": "27081930-4152-4637-8485-96a7b8c9d0e1",
    "title": "Grade 4 Music",
    "starts_at": "2026-11-23T00:50:00Z",
    "ends_at": "2026-11-23T01:30:00Z",
}
_APART = {
    "id": "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55",
    "name": "教室 1",
    "date": "2026-11-23",
    "starts_at": "2026-11-23T00:50:00Z",
    "ends_at": "2026-11-23T01:30:00Z",
}
_ALTERNATIVE = {
    "weekday": 1,
    "period": 3,
    "lessons": 16,
    "date": "2026-11-30",
    "starts_at": "2026-11-30T01:40:00Z",
    "ends_at": "2026-11-30T02:20:00Z",
}

CLASH_EXAMPLE = {
    "type": "about:blank",
    "title": "Already taken",
    "status": 409,
    "detail": "王老师 Wang is taken by “Grade 4 Music” on 2026-11-23 from 08:50 to 09:30; "
    "choose another period, teacher or room.",
    "code": "timetable.clash",
    "clashes": [_CLASH],
    "total": 1,
    "bells_apart": [],
    "alternatives": [_ALTERNATIVE],
}


def scheduled(plan: Plan) -> ScheduledEntryOut:
    """The answer to whoever planned an entry."""
    return ScheduledEntryOut(
        **TimetableEntryOut.model_validate(plan.entry).model_dump(),
        lessons=len(plan.occurrences),
        skipped=[SkippedOut(date=each.day, reason=each.reason) for each in plan.skipped],
    )


class ClashOut(Output):
    """Somebody or something that is taken, and by which lesson."""

    resource: Resource
    id: UUID
    name: str
    lesson_id: UUID
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime

    model_config = example(_CLASH)


class ApartOut(Output):
    """A lesson during which a receiving room has no period by its own bells."""

    id: UUID
    name: str
    date: dt.date
    starts_at: dt.datetime
    ends_at: dt.datetime

    model_config = example(_APART)


class AlternativeOut(Output):
    """Another slot of the week in which everything is free, every time."""

    weekday: int
    period: int
    lessons: int = Field(description="How many lessons the entry would have there")
    date: dt.date = Field(description="Of the first of them")
    starts_at: dt.datetime = Field(description="When the first of them begins")
    ends_at: dt.datetime

    model_config = example(_ALTERNATIVE)


class CheckOut(Output):
    """What would become of an entry."""

    free: bool
    lessons: int
    skipped: list[SkippedOut]
    clashes: list[ClashOut] = Field(description="The first fifty")
    total: int = Field(description="How many clashes there are")
    bells_apart: list[ApartOut]
    alternatives: list[AlternativeOut] = Field(description="The ten nearest free slots")

    model_config = example(
        {
            "free": False,
            "lessons": 15,
            "skipped": [],
            "clashes": [_CLASH],
            "total": 1,
            "bells_apart": [],
            "alternatives": [_ALTERNATIVE],
        }
    )

    @classmethod
    def of(cls, plan: Plan, described: dict[str, Any]) -> Self:
        """The findings of `clash_report.described`."""
        return cls(
            free=not described["clashes"] and not described["bells_apart"],
            lessons=len(plan.occurrences),
            skipped=[SkippedOut(date=each.day, reason=each.reason) for each in plan.skipped],
            **described,
        )


class EntryCheck(EntryIn):
    """An entry as it would be planned."""


class Publication(Input):
    """Which drafts are published: those of a term, narrowed to one school or to some entries."""

    term_id: UUID
    school_id: UUID | None = None
    entry_ids: list[UUID] = Field([], max_length=500)

    model_config = example({"term_id": "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6"})

    def selection(self) -> Selection:
        """What the service takes."""
        return Selection(self.term_id, self.school_id, frozenset(self.entry_ids))


class PublishedOut(Output):
    """What became visible."""

    entries: int
    lessons: int

    model_config = example({"entries": 12, "lessons": 240})


Reason = Annotated[Name | None, Field(description="Shown to teacher and sites")]
Period = Annotated[int, Field(ge=1, le=99, description="A number of the main school's bells")]


class Cancellation(Input):
    """Why a lesson does not take place."""

    reason: Name = Field(description="Shown to teacher and sites")

    model_config = example({"reason": "大雪封路 Road closed by snow"})


class Move(Input):
    """When a lesson is given instead."""

    date: Day
    period: Period
    reason: Reason = None

    model_config = example({"date": "2026-11-25", "period": 3, "reason": "教研活动 Teachers' meeting"})


class Substitution(Input):
    """Who teaches a lesson instead."""

    teacher_id: UUID
    reason: Reason = None

    model_config = example({"teacher_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22", "reason": "病假 Ill"})


class RoomSwap(Input):
    """A receiving room, and the one of the same site that takes its place."""

    planned_id: UUID
    instead_id: UUID

    model_config = example(
        {
            "planned_id": "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55",
            "instead_id": "b2d7f3ef-a3d2-4b55-9e2d-7f1a2c3b8d66",
        }
    )


class RoomsChange(Input):
    """Where a lesson is given and received instead."""

    main_room_id: UUID | None = None
    receiving_rooms: list[RoomSwap] = Field([], max_length=500)
    reason: Reason = None

    model_config = example({"main_room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33"})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.main_room_id is None and not self.receiving_rooms:
            raise PydanticCustomError("nothing_changed", "Name a room to change")
        return self


class SitesChange(Input):
    """Who else takes part in a lesson, and who does not any more."""

    add_room_ids: list[UUID] = Field(
        [], max_length=500, description="Receiving rooms; each needs an active pairing"
    )
    drop_site_ids: list[UUID] = Field([], max_length=500)
    pupil_group_ids: list[UUID] = Field([], max_length=500, description="Groups of the sites that are added")
    reason: Reason = None

    model_config = example({"add_room_ids": ["a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55"], "drop_site_ids": []})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.add_room_ids and not self.drop_site_ids:
            raise PydanticCustomError("nothing_changed", "Name a site to add or to drop")
        return self
