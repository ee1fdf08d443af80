"""Bodies of the requests and answers about pupil groups."""

import uuid
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas import Input, VersionedOutput, example, line
from app.schools.schemas import Patch

_GROUP = {
    "org_unit_id": "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11",
    "name": "一二年级复式班",
    "grades": [1, 2],
    "headcount": 9,
}


def _each_once(grades: list[int]) -> list[int]:
    if len(set(grades)) < len(grades):
        raise PydanticCustomError("grade_twice", "Name each grade once")
    return sorted(grades)


Grade = Annotated[int, Field(ge=1, le=12)]


GroupName = Annotated[str, line(100)]
Grades = Annotated[
    list[Grade],
    AfterValidator(_each_once),
    Field(min_length=1, max_length=12, description="Several for a combined class"),
]
Heads = Annotated[int, Field(ge=0, le=10_000)]


class NewPupilGroup(Input):
    """Pupils who have their lessons together."""

    org_unit_id: uuid.UUID
    name: GroupName
    grades: Grades
    headcount: Heads

    model_config = example(_GROUP)


class PupilGroupPatch(Patch):
    """What changes of a group; its unit stays."""

    name: GroupName | None = None
    grades: Grades | None = None
    headcount: Heads | None = None

    model_config = example({"headcount": 11, "grades": [1, 2]})


class PupilGroupOut(VersionedOutput):
    """Pupils who have their lessons together."""

    id: uuid.UUID
    org_unit_id: uuid.UUID
    name: str
    grades: list[int]
    headcount: int
    closed_from: date | None = Field(None, description="From this day on no lesson can be for it")

    model_config = example(
        {"id": "38b9c0d1-2e3f-4041-9526-3748596a7b8c", "version": 1, "closed_from": None, **_GROUP}
    )
