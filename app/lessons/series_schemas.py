"""Bodies of the requests and answers about changing weekly lessons and looking at a week."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.lessons.changes import Facts
from app.lessons.planning_schemas import Period, Reason
from app.lessons.schemas import LessonOut
from app.lessons.series_effects import Effect, LessonEffect
from app.pairings.schemas import Subject
from app.schemas import Day, Input, Name, Output, example
from app.timetables.rules import LessonMode
from app.timetables.schemas import TimetableEntryOut, WeekNumbers
from app.timetables.weeks import WeekPattern

_MOST_NAMED = 100
_FACTS = {
    "date": "2026-11-23",
    "period": 2,
    "starts_at": "2026-11-23T00:50:00Z",
    "ends_at": "2026-11-23T01:30:00Z",
    "title": "Grade 3 English",
    "subject": "English",
    "mode": "synchronous",
    "teacher_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22",
    "substitute_for_id": None,
    "main_room_id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33",
    "receiving_room_ids": ["a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55"],
    "pupil_group_ids": [],
}
_EFFECT = {
    "effect": "changed",
    "lesson_id": "27a8b9c0-1d2e-4f30-8415-263748596a7b",
    "before": _FACTS,
    "after": _FACTS | {"teacher_id": "0c8d9e1f-2a3b-4c4d-8e5f-60718293a4b5"},
}
_LISTS = ("receiving_room_ids", "pupil_group_ids", "weeks")


class EntryPatch(Input):
    """What becomes different; what is left out stays."""

    main_room_id: UUID | None = None
    teacher_id: UUID | None = None
    receiving_room_ids: list[UUID] | None = Field(None, min_length=1, max_length=500)
    pupil_group_ids: list[UUID] | None = Field(None, max_length=500)
    subject: Subject | None = None
    title: Name | None = None
    mode: LessonMode | None = None
    weekday: int | None = Field(None, ge=1, le=7, description="Monday is 1")
    period: Period | None = None
    week_pattern: WeekPattern | None = None
    weeks: WeekNumbers | None = Field(None, description="Together with `week_pattern`")
    last_day: Day | None = None
    reason: Reason = None

    model_config = example({"teacher_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22", "reason": "产假 On leave"})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.changes():
            raise PydanticCustomError("nothing_changed", "Name something to change")
        if (self.week_pattern is WeekPattern.LISTED) != bool(self.weeks):
            raise PydanticCustomError(
                "weeks_listed", "List weeks with the pattern `listed`, and only with it"
            )
        return self

    def changes(self) -> dict[str, Any]:
        """Fields of a draft with their new values."""
        given = self.model_dump(exclude_none=True, exclude={"reason"})
        if self.week_pattern is not None:
            given["weeks"] = self.weeks or []
        return {name: tuple(dict.fromkeys(v)) if name in _LISTS else v for name, v in given.items()}


class OutcomeOut(Output):
    """What a change of an entry came to."""

    entry: TimetableEntryOut = Field(description="The one that has the lessons now; new when it was split")
    changed: int = Field(description="How many lessons are different now")
    added: int
    cancelled: int

    model_config = example(
        {
            "entry": TimetableEntryOut.model_config["json_schema_extra"]["example"],  # type: ignore[index]
            "changed": 12,
            "added": 0,
            "cancelled": 0,
        }
    )


class LessonFactsOut(Output):
    """What of a lesson matters to people."""

    date: dt.date
    period: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    title: str
    subject: str
    mode: LessonMode
    teacher_id: UUID
    substitute_for_id: UUID | None
    main_room_id: UUID
    receiving_room_ids: list[UUID]
    pupil_group_ids: list[UUID]

    model_config = example(_FACTS)

    @classmethod
    def of(cls, facts: Facts) -> Self:
        rooms = [site["receiving_room_id"] for site in facts["sites"]]
        named = {"receiving_room_ids": rooms, "substitute_for_id": facts["substitute_for"]}
        return cls.model_validate({**facts, **named})


class LessonEffectOut(Output):
    """A lesson as it is and as it would be."""

    effect: Effect
    lesson_id: UUID | None = Field(description="null: it would be added")
    before: LessonFactsOut | None
    after: LessonFactsOut | None

    model_config = example(_EFFECT)


class SeriesEffectsOut(Output):
    """What a change of an entry would do."""

    lessons: list[LessonEffectOut] = Field(description="The first 100, by date")
    total: dict[Effect, int] = Field(description="How many of each kind there are")

    model_config = example(
        {"lessons": [_EFFECT], "total": {"changed": 1, "moved": 0, "added": 0, "cancelled": 0}}
    )

    @classmethod
    def of(cls, effects: Sequence[LessonEffect]) -> Self:
        return cls(
            lessons=[
                LessonEffectOut(
                    effect=each.effect,
                    lesson_id=each.lesson_id,
                    before=LessonFactsOut.of(each.before) if each.before else None,
                    after=LessonFactsOut.of(each.after) if each.after else None,
                )
                for each in effects[:_MOST_NAMED]
            ],
            total={kind: sum(each.effect is kind for each in effects) for kind in Effect},
        )


class WeekDayOut(Output):
    """A day of a week."""

    date: dt.date
    weekday_taught: int | None = Field(description="Whose weekday's timetable it follows; null: no lessons")

    model_config = example({"date": "2026-11-23", "weekday_taught": 1})


class WeekOut(Output):
    """A week of the timetable."""

    term_id: UUID
    week: int
    days: list[WeekDayOut]
    lessons: list[LessonOut] = Field(description="In order; cancelled and moved ones too, see `state`")

    model_config = example(
        {
            "term_id": "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6",
            "week": 12,
            "days": [{"date": "2026-11-23", "weekday_taught": 1}],
            "lessons": [],
        }
    )
