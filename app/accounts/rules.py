"""Who may do what, and where: pure rules."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.errors import Forbidden


class Role(StrEnum):
    """What a person does in the county."""

    BUREAU_ADMIN = "bureau_admin"
    SCHOOL_ADMIN = "school_admin"
    TEACHER = "teacher"
    SITE_ASSISTANT = "site_assistant"


# The kinds of org unit a role makes sense on, in the words of the schools domain.
PLACES: dict[Role, frozenset[str]] = {
    Role.BUREAU_ADMIN: frozenset({"county"}),
    Role.SCHOOL_ADMIN: frozenset({"school"}),
    Role.TEACHER: frozenset({"school", "teaching_site"}),
    Role.SITE_ASSISTANT: frozenset({"school", "teaching_site"}),
}

# Whom an administrator may appoint.
APPOINTABLE: dict[Role, frozenset[Role]] = {
    Role.BUREAU_ADMIN: frozenset(Role),
    Role.SCHOOL_ADMIN: frozenset({Role.TEACHER, Role.SITE_ASSISTANT}),
}


@dataclass(frozen=True)
class Duty:
    """A role on an org unit, on the days from `valid_from` to `valid_to`, both included."""

    role: Role
    org_unit_id: uuid.UUID
    valid_from: date = date.min
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the duty is in force on this day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Principal:
    """The signed-in person, as of one day: `today` is the day in the person's county."""

    person_id: uuid.UUID
    name: str
    county_id: uuid.UUID
    assignments: tuple[Duty, ...]
    today: date


def permits(principal: Principal, roles: Collection[Role], org_path: Sequence[uuid.UUID]) -> bool:
    """Whether one of the roles is held today on a unit of the path, which leads from the county down.

    A role reaches downwards: a bureau admin's assignment on the county covers every school below it.
    """
    units = frozenset(org_path)
    return any(
        duty.role in roles and duty.org_unit_id in units and duty.holds_on(principal.today)
        for duty in principal.assignments
    )


def require(principal: Principal, roles: Collection[Role], org_path: Sequence[uuid.UUID]) -> None:
    """Raise `Forbidden` unless `permits` holds."""
    if org_path and org_path[0] != principal.county_id:
        raise Forbidden(
            "access.foreign_county", "Another county", "This belongs to another county than you do."
        )
    if not permits(principal, roles, org_path):
        wanted = " or ".join(sorted(role.value.replace("_", " ") for role in roles))
        raise Forbidden("access.denied", "Not allowed", f"This takes the role of {wanted} here.")


def require_county(principal: Principal, county_id: uuid.UUID) -> None:
    """Raise `Forbidden` for what belongs to another county."""
    if county_id != principal.county_id:
        raise Forbidden(
            "access.foreign_county", "Another county", "This belongs to another county than you do."
        )


def may_appoint(principal: Principal, role: Role, org_path: Sequence[uuid.UUID]) -> bool:
    """Whether the person may give this role to somebody on the last unit of the path."""
    return any(
        role in appointable and permits(principal, {admin}, org_path)
        for admin, appointable in APPOINTABLE.items()
    )
