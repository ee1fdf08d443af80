"""Bodies of the requests and answers about the curriculum."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.pairings.schemas import Subject
from app.schemas import Input, Output, VersionedOutput, example
from app.schools.group_schemas import Grade
from app.timetables.curriculum import Curriculum
from app.timetables.curriculum_rules import MOST_PERIODS, Periods, Plan

_TERM = "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6"
_COUNTY = "0b1de0c2-51a5-4d1c-8a55-6f0d1c2b3a44"
_LINE = {"grade": 3, "subject": "English", "periods_per_week": 3, "own_periods": 0}
_OWN = "Of them, given by the unit's own teachers, outside of this timetable"
PeriodsAWeek = Annotated[float, Field(ge=0, le=MOST_PERIODS, multiple_of=0.5, allow_inf_nan=False)]


class Requirement(Input):
    """Periods a week of one grade in one subject; a half is one every other week, 0 is not required."""

    grade: Grade
    subject: Subject = Field(description="A code of the county's list")
    periods_per_week: PeriodsAWeek
    own_periods: PeriodsAWeek = Field(0, description=_OWN)

    model_config = example(_LINE)

    @model_validator(mode="after")
    def _own_within(self) -> "Requirement":
        if self.own_periods > self.periods_per_week:
            raise PydanticCustomError("own_periods", "own_periods is a part of periods_per_week")
        return self


def _each_once(lines: list[Requirement]) -> list[Requirement]:
    if len({(line.grade, line.subject) for line in lines}) < len(lines):
        raise PydanticCustomError("requirement_twice", "Name each grade and subject once")
    return lines


class NewCurriculum(Input):
    """What a unit says of its curriculum; what is not named is as the unit above says."""

    requirements: Annotated[list[Requirement], AfterValidator(_each_once)] = Field(max_length=2400)

    model_config = example({"requirements": [_LINE]})

    def plan(self) -> Plan:
        return {
            (line.grade, line.subject): Periods(line.periods_per_week, line.own_periods)
            for line in self.requirements
        }


class RequirementOut(Output):
    """Periods a week of one grade in one subject."""

    grade: int
    subject: str
    periods_per_week: float
    own_periods: float = Field(description=_OWN)

    model_config = example(_LINE)


class CurriculumOut(VersionedOutput):
    """The curriculum of a unit in a term."""

    term_id: UUID
    org_unit_id: UUID
    own: list[RequirementOut] = Field(description="What the unit says itself")
    effective: list[RequirementOut] = Field(
        description="What counts for it: the nearest unit that says anything"
    )
    weekly: dict[int, float] = Field(description="Periods a week by grade, of what counts")

    model_config = example(
        {
            "version": 1,
            "term_id": _TERM,
            "org_unit_id": _COUNTY,
            "own": [_LINE],
            "effective": [_LINE],
            "weekly": {"3": 3},
        }
    )

    @classmethod
    def of(cls, curriculum: Curriculum) -> Self:
        weekly: dict[int, float] = {}
        for (grade, _), periods in sorted(curriculum.effective.items()):
            weekly[grade] = weekly.get(grade, 0) + periods.required
        return cls(
            version=curriculum.version,
            term_id=curriculum.term_id,
            org_unit_id=curriculum.org_unit_id,
            own=_shown(curriculum.own),
            effective=_shown(curriculum.effective),
            weekly=weekly,
        )


class CurriculumCopy(Input):
    """From which term a curriculum is taken over."""

    from_term_id: UUID

    model_config = example({"from_term_id": _TERM})


class CurriculumCopied(Output):
    """What became of it."""

    copied: int = Field(description="Units that say the same now as in the other term")
    kept: int = Field(description="Units that said something in this term already, and still say that")

    model_config = example({"copied": 4, "kept": 0})


def _shown(plan: Plan) -> list[RequirementOut]:
    return [
        RequirementOut(
            grade=grade, subject=subject, periods_per_week=periods.required, own_periods=periods.own
        )
        for (grade, subject), periods in sorted(plan.items())
    ]
