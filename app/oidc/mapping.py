"""The file that says which claims give which role where."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.accounts.rules import Role
from app.errors import StartupError
from app.oidc.rules import LONGEST_CODE, RoleMapping, Rule

_VARIABLE: Final = "TONGTANG_OIDC_MAPPING_FILE"
_Word = Annotated[str, Field(min_length=1, max_length=500)]
_Code = Annotated[str, Field(min_length=1, max_length=LONGEST_CODE)]


class _RuleIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    claim: _Word
    value: _Word
    role: Role
    org_unit: _Code


class _MappingIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    county: _Code
    rules: list[_RuleIn] = Field(min_length=1, max_length=5000)


def read_mapping(path: Path) -> RoleMapping:
    """Read the file; raises `StartupError` in one line that says where it is wrong."""
    try:
        given = _MappingIn.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StartupError(f"{_VARIABLE}: {path} cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StartupError(f"{_VARIABLE}: {path}: {where}: {first['msg']}") from None
    return RoleMapping(given.county, tuple(_rule(path, n, each) for n, each in enumerate(given.rules)))


def _rule(path: Path, number: int, given: _RuleIn) -> Rule:
    try:
        return Rule(given.claim, given.value, given.role, given.org_unit)
    except ValueError as error:
        raise StartupError(f"{_VARIABLE}: {path}: rules.{number}: {error}") from None
