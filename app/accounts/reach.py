"""How far somebody gets with an action: the table of permissions, applied. Pure rules.

What an action is about is a `Target`; how far somebody gets is a `Reach`; what is not within reach is refused, or is
said not to exist where one may not even know of it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from app.accounts.permissions import APPOINTABLE, OF_ONESELF, PASSES, SEEN_BY, TABLE, Action, Scope
from app.accounts.rules import ADMINS, Pass, Principal, Role
from app.errors import Forbidden, NotFound

Path = Sequence[uuid.UUID]
"""The ids of org units from the county down to one unit."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an action is about."""

    county_id: uuid.UUID
    paths: tuple[Path, ...] = ()
    """The org units it belongs to."""
    person_id: uuid.UUID | None = None
    """Whose account it is."""
    teacher_id: uuid.UUID | None = None
    """Who teaches the lesson it is."""
    site_paths: tuple[Path, ...] = ()
    """The teaching sites that take part in the lesson it is."""
    room_ids: frozenset[uuid.UUID] = frozenset()
    """The main classroom it is given in, and the receiving rooms that take part."""
    lesson_id: uuid.UUID | None = None
    """The lesson it is."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one person gets with one action: what any of these finds is within reach."""

    person_id: uuid.UUID
    county_id: uuid.UUID | None = None
    """The whole county."""
    units: frozenset[uuid.UUID] = frozenset()
    """These org units and everything below them."""
    teaches: bool = False
    """The lessons the person teaches."""
    assists: frozenset[uuid.UUID] = frozenset()
    """The lessons in which these units or something below them take part."""
    oneself: bool = False
    room_id: uuid.UUID | None = None
    """The lessons that are given in this room, or reach it."""
    lesson_id: uuid.UUID | None = None
    """This lesson."""

    def __bool__(self) -> bool:
        roles = self.county_id or self.units or self.teaches or self.assists
        return bool(roles or self.oneself or self.room_id or self.lesson_id)

    def includes(self, target: Target) -> bool:
        """Whether a thing is within reach."""
        return (
            (self.county_id is not None and target.county_id == self.county_id)
            or _any_at_or_below(target.paths, self.units)
            or (self.teaches and target.teacher_id == self.person_id)
            or _any_at_or_below(target.site_paths, self.assists)
            or (self.room_id is not None and self.room_id in target.room_ids)
            or (self.lesson_id is not None and self.lesson_id == target.lesson_id)
            or (self.oneself and target.person_id == self.person_id)
        )


def reach(principal: Principal, action: Action) -> Reach:
    """How far somebody gets with an action today."""
    if principal.actions is not None and action not in principal.actions:
        return Reach(principal.person_id)
    if principal.held is not None:
        return _reach_of_pass(principal, principal.held, action)
    scopes = {} if principal.must_change_password or principal.must_add_factor else TABLE.get(action, {})
    held = [
        (duty, scopes[duty.role])
        for duty in principal.assignments
        if duty.role in scopes and duty.holds_on(principal.today)
    ]
    in_lessons = [duty for duty, scope in held if scope is Scope.LESSON]
    return Reach(
        person_id=principal.person_id,
        county_id=principal.county_id if any(scope is Scope.COUNTY for _, scope in held) else None,
        units=frozenset(duty.org_unit_id for duty, scope in held if scope is Scope.SUBTREE),
        teaches=any(duty.role is Role.TEACHER for duty in in_lessons),
        assists=frozenset(duty.org_unit_id for duty in in_lessons if duty.role is Role.SITE_ASSISTANT),
        oneself=action in OF_ONESELF,
    )


def _reach_of_pass(principal: Principal, held: Pass, action: Action) -> Reach:
    scope = PASSES.get(action, {}).get(held)
    return Reach(
        person_id=principal.person_id,
        county_id=principal.county_id if scope is Scope.COUNTY else None,
        room_id=principal.room_id if scope is Scope.ROOM else None,
        lesson_id=principal.lesson_id if scope is Scope.LESSON else None,
    )


def allows(principal: Principal, action: Action, target: Target) -> bool:
    """Whether somebody may do this to that."""
    return reach(principal, action).includes(target)


def require(principal: Principal, action: Action, target: Target, missing: NotFound) -> None:
    """Raise `missing` for what somebody may not even know of, `Forbidden` for what they may know of but not do.

    `missing` is what is raised for an id that nothing has, so that guessing ids tells nothing.
    """
    if allows(principal, action, target):
        return
    seen_by = SEEN_BY.get(action)
    if seen_by is None or not allows(principal, seen_by, target):
        raise missing
    raise denied(action)


def require_somewhere(principal: Principal, action: Action) -> Reach:
    """How far somebody gets with an action; raises `Forbidden` when they get nowhere."""
    found = reach(principal, action)
    if principal.actions is not None and action not in principal.actions:
        raise Forbidden(
            "token.scope",
            "Not what this token is for",
            f"This access token is not good for {action}; sign in, or have one made that is.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{action}"'},
        )
    if not found and principal.must_change_password:
        raise Forbidden(
            "password.change_first",
            "Change the password first",
            "Somebody else chose your password. Choose another one: `POST /api/v1/me/password`.",
        )
    if not found and principal.must_add_factor:
        raise Forbidden(
            "second_factor.add_first",
            "Add a second factor first",
            "Admins here sign in with a second factor. Add yours: `POST /api/v1/me/second-factor`.",
        )
    if not found:
        raise denied(action)
    return found


def denied(action: Action) -> Forbidden:
    """The refusal of an action, with the roles it would take."""
    roles = " or ".join(role.value.replace("_", " ") for role in TABLE.get(action, {}))
    return Forbidden("access.denied", "Not allowed", f"This takes the role of {roles} here.")


def may_appoint(principal: Principal, role: Role, path: Path) -> bool:
    """Whether the person may give this role to somebody on the last unit of the path.

    A script's token makes no admins: whoever finds one could make one for themselves, who outlives it.
    """
    if principal.actions is not None and role in ADMINS:
        return False
    scopes = TABLE[Action.PERSON_ADMIT]
    return any(
        duty.role in scopes
        and role in APPOINTABLE.get(duty.role, frozenset())
        and duty.org_unit_id in path
        and duty.holds_on(principal.today)
        for duty in principal.assignments
    )


def _any_at_or_below(paths: Sequence[Path], units: frozenset[uuid.UUID]) -> bool:
    return any(unit in units for path in paths for unit in path)
