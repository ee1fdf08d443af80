"""Bodies of the requests and answers about headcounts."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas import Input, Output, VersionedOutput, example
from app.schools.group_schemas import Grade
from app.timetables.headcounts import Heads

_TERM = "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6"
_SITE = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
_COUNT = {"grade": 1, "pupils": 5}
_GROUP = {"id": "38b9c0d1-2e3f-4041-9526-3748596a7b8c", "name": "一二年级复式班", "headcount": 9}
_BAND = {"grades": [1, 2], "pupils": 9, "in_groups": 9, "groups": [_GROUP]}


class GradeCount(Input):
    """How many pupils of one grade there are."""

    grade: Grade
    pupils: int = Field(ge=0, le=10_000)

    model_config = example(_COUNT)


def _each_grade_once(counts: list[GradeCount]) -> list[GradeCount]:
    if len({count.grade for count in counts}) < len(counts):
        raise PydanticCustomError("grade_twice", "Name each grade once")
    return counts


class NewHeadcounts(Input):
    """The pupils of a unit; grades that are not named have none."""

    grades: Annotated[list[GradeCount], AfterValidator(_each_grade_once)] = Field(max_length=12)

    model_config = example({"grades": [_COUNT, {"grade": 2, "pupils": 4}]})

    def counts(self) -> dict[int, int]:
        return {count.grade: count.pupils for count in self.grades}


class GradeCountOut(Output):
    """How many pupils of one grade there are."""

    grade: int
    pupils: int

    model_config = example(_COUNT)


class CountedGroup(Output):
    """A pupil group and how many pupils it has."""

    id: UUID
    name: str
    headcount: int

    model_config = example(_GROUP)


class BandOut(Output):
    """Grades whose pupils can be counted together only, because a group combines them."""

    grades: list[int]
    pupils: int = Field(description="By the headcounts")
    in_groups: int = Field(description="By the groups; differs when one of both is out of date")
    groups: list[CountedGroup]

    model_config = example(_BAND)


class HeadcountsOut(VersionedOutput):
    """The pupils of a unit in a term, beside the groups they are taught in."""

    term_id: UUID
    org_unit_id: UUID
    pupils: int = Field(description="All together")
    grades: list[GradeCountOut]
    bands: list[BandOut]

    model_config = example(
        {
            "version": 1,
            "term_id": _TERM,
            "org_unit_id": _SITE,
            "pupils": 9,
            "grades": [_COUNT, {"grade": 2, "pupils": 4}],
            "bands": [_BAND],
        }
    )

    @classmethod
    def of(cls, heads: Heads) -> Self:
        return cls(
            version=heads.version,
            term_id=heads.term_id,
            org_unit_id=heads.org_unit_id,
            pupils=sum(heads.counts.values()),
            grades=[
                GradeCountOut(grade=grade, pupils=pupils) for grade, pupils in sorted(heads.counts.items())
            ],
            bands=[
                BandOut(
                    grades=list(band.grades),
                    pupils=band.pupils,
                    in_groups=band.in_groups,
                    groups=[CountedGroup.model_validate(heads.groups[group.id]) for group in band.groups],
                )
                for band in heads.bands
            ],
        )


class HeadcountOut(Output):
    """How many pupils of a grade a unit has in a term."""

    term_id: UUID
    org_unit_id: UUID
    grade: int
    pupils: int

    model_config = example({"term_id": _TERM, "org_unit_id": _SITE, **_COUNT})
