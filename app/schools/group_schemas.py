"""Bodies of the requests and answers about pupil groups."""

import uuid
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.schemas import Input, VersionedOutput, example, line

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


class NewPupilGroup(Input):
    """Pupils who have their lessons together."""

    org_unit_id: uuid.UUID
    name: Annotated[str, line(100)]
    grades: Annotated[list[Grade], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=12, description="Several for a combined class"
    )
    headcount: int = Field(ge=0, le=10_000)

    model_config = example(_GROUP)


class PupilGroupOut(VersionedOutput):
    """Pupils who have their lessons together."""

    id: uuid.UUID
    org_unit_id: uuid.UUID
    name: str
    grades: list[int]
    headcount: int

    model_config = example({"id": "38b9c0d1-2e3f-4041-9526-3748596a7b8c", "version": 1, **_GROUP})
