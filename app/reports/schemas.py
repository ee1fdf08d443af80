"""What goes over the wire about reports."""

import datetime as dt
from typing import Final
from uuid import UUID

from pydantic import Field

from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.reports.rules import Figures
from app.reports.service import By
from app.schemas import Output, example

_TERM: Final = "3b1f0c52-1c1a-4a7e-9a51-3d7f5a2b8c03"
_UNIT: Final = "0f5d3b0a-8f0a-4a8e-9a55-3e0c2a1d7b01"
_GROUP: Final = "9b8e1f0c-2a55-4f3f-8e4a-6d0e7c1b2a04"
_FIGURES: Final = {
    "cells": 10,
    "opened": 8,
    "opened_delivered": 6,
    "opening_rate": 0.8,
    "opening_rate_delivered": 0.6,
    "required": 520.0,
    "own": 0.0,
    "planned": 420,
    "counted": 416.0,
    "due": 120,
    "delivered": 114,
    "delivered_counted": 114.0,
    "due_minutes": 4800,
    "delivered_minutes": 4471,
    "full_hours_rate": 0.8,
    "full_hours_rate_delivered": 0.2192,
}


_MINUTES: Final = (
    "Minutes of the delivered periods, within their planned time, in which the teacher was on the air and, at a site, "
    "the site received it: breaks of either are left out. The `delivered_seconds` of the lessons behind, rounded"
)


class FiguresOut(Output):
    """Sums over the cells of a report: one subject of one grade of a class, over the term."""

    model_config = Output.model_config | example(_FIGURES)

    cells: int
    opened: int = Field(description="Cells with lessons planned, or taught by the unit's own teachers")
    opened_delivered: int = Field(description="The same by lessons that were delivered")
    opening_rate: float | None = Field(description="opened ÷ cells; null: nothing is required")
    opening_rate_delivered: float | None = Field(description="opened_delivered ÷ cells")
    required: float = Field(description="Periods of the whole term that the curriculum asks for")
    own: float = Field(description="Periods that the units' own teachers give")
    planned: int = Field(description="Periods planned, those over too")
    counted: float = Field(description="Own and planned, in each cell at most what is required")
    due: int = Field(description="Planned periods whose time is over")
    delivered: int = Field(
        description="Periods held that the site was there for, however long, and whatever the heads, as no rolls "
        "are kept yet. How long: `delivered_minutes`"
    )
    delivered_counted: float = Field(description="Own and delivered, likewise")
    due_minutes: int = Field(description="Minutes of the periods that are due, as planned")
    delivered_minutes: int = Field(description=_MINUTES)
    full_hours_rate: float | None = Field(description="counted ÷ required")
    full_hours_rate_delivered: float | None = Field(description="delivered_counted ÷ required")

    @classmethod
    def of(cls, figures: Figures) -> "FiguresOut":
        return cls.model_validate(figures)


class CoverageRow(Output):
    """One part of the report."""

    model_config = Output.model_config | example(
        {
            "org_unit_id": _UNIT,
            "grade": None,
            "subject": None,
            "name": "梅山镇",
            "figures": _FIGURES,
            "cells": f"/api/v1/reports/coverage/cells?term_id={_TERM}&org_unit_id={_UNIT}",
            "within": f"/api/v1/reports/coverage?term_id={_TERM}&by=area&org_unit_id={_UNIT}",
        }
    )

    org_unit_id: UUID | None
    grade: int | None
    subject: str | None
    name: str
    figures: FiguresOut
    cells: str = Field(description="The list that the figures are the sums of")
    within: str | None = Field(description="The same report of this unit, by what is below it")


class CoverageOut(Output):
    """Opening rate and full-hours rate of a term."""

    model_config = Output.model_config | example(
        {
            "term_id": _TERM,
            "by": "area",
            "weeks": 19.6,
            "total": _FIGURES,
            "rows": [CoverageRow.model_config["json_schema_extra"]["example"]],  # type: ignore[index]
            "unserved": 2,
            "unassigned": 0,
        }
    )

    term_id: UUID
    by: By
    weeks: float = Field(description="Teaching weeks: school days by the school days of a full week")
    total: FiguresOut
    rows: list[CoverageRow] = Field(description="Together they are the total")
    unserved: int = Field(description="Classes that no lesson reaches: GET /api/v1/reports/unserved")
    unassigned: int = Field(
        description="Lessons counted in no cell, as they do not say for which class: GET /api/v1/reports/unassigned"
    )


class CellOut(Output):
    """One subject of one grade of a class over the term, in periods: a line behind the figures."""

    model_config = Output.model_config | example(
        {
            "org_unit_id": _UNIT,
            "org_unit": "第1教学点",
            "pupil_group_id": _GROUP,
            "pupil_group": "三四年级",
            "grade": 3,
            "subject": "English",
            "pupils": 11,
            "required": 39.2,
            "own": 0.0,
            "planned": 40,
            "due": 10,
            "delivered": 9,
            "due_minutes": 400,
            "delivered_minutes": 351,
            "lessons": f"/api/v1/reports/lessons?term_id={_TERM}&pupil_group_id={_GROUP}&subject=English",
        }
    )

    org_unit_id: UUID
    org_unit: str
    pupil_group_id: UUID | None = Field(description="null: the grade has pupils, but no group")
    pupil_group: str
    grade: int
    subject: str
    pupils: int
    required: float
    own: float = Field(description="Given by the unit's own teachers")
    planned: int
    due: int
    delivered: int
    due_minutes: int
    delivered_minutes: int = Field(description=_MINUTES)
    lessons: str | None = Field(description="The lessons that are counted")


class UnservedOut(Output):
    """A class that no lesson reaches in the term."""

    model_config = Output.model_config | example(
        {
            "org_unit_id": _UNIT,
            "org_unit": "第1教学点",
            "pupil_group_id": _GROUP,
            "pupil_group": "三四年级",
            "grades": [3, 4],
            "pupils": 11,
        }
    )

    org_unit_id: UUID
    org_unit: str
    pupil_group_id: UUID | None
    pupil_group: str
    grades: list[int]
    pupils: int


class UnassignedOut(Output):
    """Lessons that reach a unit, of which nobody can say for which of its classes."""

    model_config = Output.model_config | example(
        {
            "org_unit_id": _UNIT,
            "org_unit": "第1教学点",
            "subject": "Music",
            "planned": 19,
            "lessons": f"/api/v1/reports/lessons?term_id={_TERM}&unit_id={_UNIT}&subject=Music",
        }
    )

    org_unit_id: UUID
    org_unit: str
    subject: str
    planned: int
    lessons: str


class RoomFiguresOut(Output):
    """Lessons of a room in the term."""

    model_config = Output.model_config | example(
        {
            "room_id": _GROUP,
            "name": "主课堂",
            "org_unit_id": _UNIT,
            "org_unit": "梅山镇第1小学",
            "planned": 260,
            "due": 65,
            "delivered": 63,
            "due_minutes": 2600,
            "delivered_minutes": 2471,
            "per_week": 13.0,
            "lessons": f"/api/v1/reports/lessons?term_id={_TERM}&main_room_id={_GROUP}",
        }
    )

    room_id: UUID
    name: str
    org_unit_id: UUID
    org_unit: str
    planned: int
    due: int
    delivered: int
    due_minutes: int = Field(description="Minutes of the lessons that are due, as planned")
    delivered_minutes: int = Field(description=_MINUTES)
    per_week: float | None = Field(description="planned ÷ weeks of the term")
    lessons: str


class RoomsOut(Output):
    """Lessons per room and week."""

    model_config = Output.model_config | example(
        {
            "term_id": _TERM,
            "weeks": 19.6,
            "planned": 260,
            "due": 65,
            "delivered": 63,
            "due_minutes": 2600,
            "delivered_minutes": 2471,
            "per_week": 13.0,
            "rows": [RoomFiguresOut.model_config["json_schema_extra"]["example"]],  # type: ignore[index]
        }
    )

    term_id: UUID
    weeks: float = Field(description="Teaching weeks: school days by the school days of a full week")
    planned: int
    due: int
    delivered: int
    due_minutes: int
    delivered_minutes: int
    per_week: float | None = Field(description="Lessons of a room and week on average")
    rows: list[RoomFiguresOut]


class CountedLesson(Output):
    """A lesson behind a figure."""

    model_config = Output.model_config | example(
        {
            "id": "2c1a8f3e-57a2-4a6b-8d0e-3f5f2f0a9b11",
            "entry_id": None,
            "date": "2026-09-07",
            "period": 1,
            "starts_at": "2026-09-07T00:00:00Z",
            "title": "三年级英语",
            "subject": "English",
            "state": "published",
            "main_room_id": _GROUP,
            "teacher_id": "7a4a2c1e-0a9b-4a53-8d2c-8e9f3b2a1c02",
            "delivered_seconds": 0,
        }
    )

    id: UUID
    entry_id: UUID | None
    date: dt.date
    period: int
    starts_at: dt.datetime
    title: str
    subject: str
    state: LessonState
    main_room_id: UUID
    teacher_id: UUID
    delivered_seconds: int = Field(description="Of its planned time, what reached whom the figure is about")

    @classmethod
    def of(cls, lesson: Lesson, seconds: int) -> "CountedLesson":
        names = cls.model_fields.keys() - {"delivered_seconds"}
        return cls(**{name: getattr(lesson, name) for name in names}, delivered_seconds=seconds)
