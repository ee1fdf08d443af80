"""Permission rules, for every tree and every set of duties."""

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import APPOINTABLE, Duty, Principal, Role, may_appoint, permits, require
from app.errors import Forbidden

DAY = date(2026, 9, 1)
UNITS = [uuid.UUID(int=number) for number in range(1, 7)]

days = st.dates(DAY - timedelta(days=3), DAY + timedelta(days=3))
duties = st.builds(
    Duty,
    role=st.sampled_from(Role),
    org_unit_id=st.sampled_from(UNITS),
    valid_from=days,
    valid_to=st.none() | days,
)
paths = st.lists(st.sampled_from(UNITS), min_size=1, max_size=4, unique=True)
role_sets = st.sets(st.sampled_from(Role))


def principal(*held: Duty, county: uuid.UUID = UNITS[0], today: date = DAY) -> Principal:
    return Principal(uuid.uuid4(), "Wang", county, tuple(held), today)


@given(st.lists(duties, max_size=5), role_sets, paths)
def test_permits_exactly_when_one_duty_fits_in_role_place_and_time(
    held: list[Duty], roles: set[Role], path: list[uuid.UUID]
) -> None:
    expected = False
    for duty in held:
        in_time = duty.valid_from <= DAY and (duty.valid_to is None or duty.valid_to >= DAY)
        expected = expected or (duty.role in roles and duty.org_unit_id in path and in_time)
    assert permits(principal(*held), roles, path) is expected


@given(st.lists(duties, max_size=5), role_sets, paths, duties)
def test_one_more_duty_never_takes_a_permission_away(
    held: list[Duty], roles: set[Role], path: list[uuid.UUID], more: Duty
) -> None:
    if permits(principal(*held), roles, path):
        assert permits(principal(*held, more), roles, path)


@given(st.lists(duties, max_size=5), role_sets, paths, st.sampled_from(UNITS))
def test_a_permission_reaches_everything_below(
    held: list[Duty], roles: set[Role], path: list[uuid.UUID], below: uuid.UUID
) -> None:
    if permits(principal(*held), roles, path):
        assert permits(principal(*held), roles, [*path, below])


@given(role_sets, paths)
def test_nobody_without_duties_is_permitted_anything(roles: set[Role], path: list[uuid.UUID]) -> None:
    assert not permits(principal(), roles, path)


@given(st.lists(duties, max_size=5), paths, st.sampled_from(Role))
def test_nobody_appoints_without_being_an_administrator_there(
    held: list[Duty], path: list[uuid.UUID], role: Role
) -> None:
    if may_appoint(principal(*held), role, path):
        assert permits(principal(*held), set(APPOINTABLE), path)


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        (DAY, DAY, True),
        (DAY, None, True),
        (DAY - timedelta(days=9), DAY - timedelta(days=1), False),
        (DAY + timedelta(days=1), None, False),
    ],
)
def test_the_first_and_the_last_day_count(first: date, last: date | None, holds: bool) -> None:
    assert Duty(Role.TEACHER, UNITS[0], first, last).holds_on(DAY) is holds


def test_another_county_is_refused_even_with_a_duty_on_the_path() -> None:
    stranger = principal(Duty(Role.BUREAU_ADMIN, UNITS[1]), county=UNITS[1])
    with pytest.raises(Forbidden) as refused:
        require(stranger, {Role.BUREAU_ADMIN}, [UNITS[0], UNITS[1]])
    assert refused.value.code == "access.foreign_county"


def test_a_missing_role_is_named() -> None:
    with pytest.raises(Forbidden, match="bureau admin or school admin") as refused:
        require(principal(), {Role.BUREAU_ADMIN, Role.SCHOOL_ADMIN}, [UNITS[0]])
    assert refused.value.code == "access.denied"


def test_a_school_admin_appoints_teachers_but_no_administrators() -> None:
    admin = principal(Duty(Role.SCHOOL_ADMIN, UNITS[1]))
    path = [UNITS[0], UNITS[1]]
    assert may_appoint(admin, Role.TEACHER, path)
    assert not may_appoint(admin, Role.SCHOOL_ADMIN, path)
    assert not may_appoint(admin, Role.TEACHER, [UNITS[0]])
