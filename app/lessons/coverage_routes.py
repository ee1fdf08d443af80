"""HTTP of what the timetable covers of the curriculum."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, NotFound, Unauthenticated, responses
from app.lessons import coverage
from app.schemas import Output, example
from app.timetables.curriculum_rules import Coverage

router = APIRouter(prefix="/api/v1", tags=["timetables"])

_LINE = {
    "pupil_group_id": "38b9c0d1-2e3f-4041-9526-3748596a7b8c",
    "grade": 3,
    "subject": "English",
    "pupils": 9,
    "required": 58.8,
    "own": 0,
    "planned": 39,
    "is_opened": True,
}


class CoverageLine(Output):
    """One subject of one grade of a class over the term, in periods."""

    pupil_group_id: UUID | None = Field(description="null: a grade with pupils of which no group is named")
    grade: int
    subject: str
    pupils: int
    required: float
    own: float = Field(description="Given by the unit's own teachers")
    planned: int = Field(description="Lessons of the timetable")
    is_opened: bool = Field(description="Taught at all (开齐)")

    model_config = example(_LINE)


class UnassignedLessons(Output):
    """Lessons that reach the unit, of which nobody can say for which of its classes."""

    subject: str
    lessons: int

    model_config = example({"subject": "Music", "lessons": 19})


class UnitCoverageOut(Output):
    """Planned against required in one unit."""

    weeks: float = Field(description="Teaching weeks: school days by the school days of a full week")
    lines: list[CoverageLine]
    unassigned: list[UnassignedLessons]

    model_config = example(
        {"weeks": 19.6, "lines": [_LINE], "unassigned": [{"subject": "Music", "lessons": 19}]}
    )

    @classmethod
    def of(cls, found: Coverage) -> Self:
        return cls(
            weeks=found.weeks,
            lines=[
                CoverageLine(
                    pupil_group_id=cell.group_id,
                    grade=cell.grade,
                    subject=cell.subject,
                    pupils=cell.pupils,
                    required=cell.balance.required,
                    own=cell.balance.own,
                    planned=cell.balance.lessons.planned,
                    is_opened=cell.balance.is_opened,
                )
                for cell in found.cells()
            ],
            unassigned=[
                UnassignedLessons(subject=subject, lessons=count)
                for (_, subject), count in sorted(found.unassigned.items(), key=lambda each: each[0][1])
            ],
        )


@router.get(
    "/org-units/{org_unit_id}/coverage",
    summary="Show planned against required",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def show_coverage(
    org_unit_id: UUID,
    term_id: Annotated[UUID, Query(description="The term it is for")],
    session: SessionDep,
    principal: Annotated[Principal, may(Action.COVERAGE_SHOW)],
) -> UnitCoverageOut:
    """What the timetable plans for the classes of a school or site, beside what the curriculum requires of them.

    Lessons that name no group count for the unit's only class that needs the subject; else they are `unassigned`.
    """
    return UnitCoverageOut.of(
        coverage.show_coverage(session, principal, term_id, org_unit_id, datetime.now(UTC))
    )
