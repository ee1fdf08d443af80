"""Bodies of the requests and answers about subjects."""

import uuid
from typing import Annotated

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from app.schemas import Code, Input, VersionedOutput, example, line

_SUBJECT = {"code": "English", "name_zh": "英语", "name_en": "English"}
SubjectName = Annotated[str, line(50)]


class NewSubject(Input):
    """A subject to be added to the county's list."""

    code: Code
    name_zh: SubjectName
    name_en: SubjectName

    model_config = example(_SUBJECT)


class SubjectNames(Input):
    """Other names of a subject; its code never changes."""

    name_zh: SubjectName | None = None
    name_en: SubjectName | None = None

    model_config = example({"name_en": "English language"})

    @model_validator(mode="after")
    def _something(self) -> "SubjectNames":
        if not self.wanted():
            raise PydanticCustomError("nothing_to_change", "Give name_zh, name_en or both")
        return self

    def wanted(self) -> dict[str, str]:
        """The names that change."""
        names = {"name_zh": self.name_zh, "name_en": self.name_en}
        return {field: name for field, name in names.items() if name is not None}


class SubjectOut(VersionedOutput):
    """A subject of the county's list."""

    id: uuid.UUID
    code: str
    name_zh: str
    name_en: str

    model_config = example({"id": "6f7a8b9c-0d1e-4f20-8314-253647586970", "version": 1, **_SUBJECT})
