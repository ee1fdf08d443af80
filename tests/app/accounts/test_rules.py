"""Permission rules, for every tree and every set of duties."""

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.permissions import SEEN_BY, TABLE, Action, Scope
from app.accounts.reach import Target, allows, may_appoint, require, require_somewhere
from app.accounts.rules import Duty, Principal, Role
from app.errors import Forbidden, NotFound

DAY = date(2026, 9, 1)
UNITS = [uuid.UUID(int=number) for number in range(1, 7)]
COUNTY, ABROAD = uuid.UUID(int=100), uuid.UUID(int=200)
MISSING = NotFound("thing.not_found", "No such thing", "There is no such thing.")

days = st.dates(DAY - timedelta(days=3), DAY + timedelta(days=3))
duties = st.builds(
    Duty,
    role=st.sampled_from(Role),
    org_unit_id=st.sampled_from(UNITS),
    valid_from=days,
    valid_to=st.none() | days,
)
paths = st.lists(st.sampled_from(UNITS), min_size=1, max_size=4, unique=True).map(tuple)
actions = st.sampled_from(Action)


def principal(*held: Duty, county: uuid.UUID = COUNTY, today: date = DAY) -> Principal:
    return Principal(uuid.uuid4(), "Wang", county, tuple(held), today)


def at(*path: uuid.UUID) -> Target:
    return Target(COUNTY, (path,))


@given(st.lists(duties, max_size=5), actions, paths)
def test_an_action_is_allowed_exactly_when_one_duty_fits_in_role_place_and_time(
    held: list[Duty], action: Action, path: tuple[uuid.UUID, ...]
) -> None:
    expected = False
    for duty in held:
        in_time = duty.valid_from <= DAY and (duty.valid_to is None or duty.valid_to >= DAY)
        scope = TABLE.get(action, {}).get(duty.role)
        in_place = scope is Scope.COUNTY or (scope is Scope.SUBTREE and duty.org_unit_id in path)
        expected = expected or (in_time and in_place)
    assert allows(principal(*held), action, at(*path)) is expected


@given(st.lists(duties, max_size=5), actions, paths, duties)
def test_one_more_duty_never_takes_a_permission_away(
    held: list[Duty], action: Action, path: tuple[uuid.UUID, ...], more: Duty
) -> None:
    if allows(principal(*held), action, at(*path)):
        assert allows(principal(*held, more), action, at(*path))


@given(st.lists(duties, max_size=5), actions, paths, st.sampled_from(UNITS))
def test_a_permission_reaches_everything_below(
    held: list[Duty], action: Action, path: tuple[uuid.UUID, ...], below: uuid.UUID
) -> None:
    if allows(principal(*held), action, at(*path)):
        assert allows(principal(*held), action, at(*path, below))


@given(actions, paths)
def test_nobody_without_duties_is_permitted_anything(action: Action, path: tuple[uuid.UUID, ...]) -> None:
    assert not allows(principal(), action, at(*path))


@given(st.lists(duties, max_size=5), actions)
def test_another_county_is_out_of_every_reach(held: list[Duty], action: Action) -> None:
    assert not allows(principal(*held, county=ABROAD), action, at(COUNTY))


@given(st.lists(duties, max_size=5), paths, st.sampled_from(Role))
def test_nobody_appoints_without_being_an_administrator_there(
    held: list[Duty], path: tuple[uuid.UUID, ...], role: Role
) -> None:
    if may_appoint(principal(*held), role, path):
        assert allows(principal(*held), Action.PERSON_ADMIT, at(*path))


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


def test_what_one_may_not_know_of_is_not_there_and_what_one_knows_is_refused() -> None:
    colleague = principal(Duty(Role.SCHOOL_ADMIN, UNITS[1]))
    with pytest.raises(Forbidden, match="bureau admin or school admin") as refused:
        require(colleague, Action.ROOM_ADD, at(UNITS[0], UNITS[2]), MISSING)
    assert refused.value.code == "access.denied"
    stranger = principal(Duty(Role.BUREAU_ADMIN, UNITS[1]), county=ABROAD)
    with pytest.raises(NotFound) as hidden:
        require(stranger, Action.ROOM_ADD, at(UNITS[0], UNITS[1]), MISSING)
    assert hidden.value is MISSING


def test_an_action_that_no_role_has_is_refused_at_the_gate() -> None:
    with pytest.raises(Forbidden, match="This takes the role of bureau admin here"):
        require_somewhere(principal(Duty(Role.TEACHER, UNITS[0])), Action.TERM_ADD)


def test_a_thing_is_there_for_everybody_who_may_do_something_to_it() -> None:
    """Or somebody could change what they are told does not exist."""
    for action, seen_by in SEEN_BY.items():
        assert TABLE[action].keys() <= TABLE[seen_by].keys()


def test_a_lesson_is_its_teachers_and_its_assistants() -> None:
    teacher = principal(Duty(Role.TEACHER, UNITS[0]))
    assistant = principal(Duty(Role.SITE_ASSISTANT, UNITS[2]))
    lesson = Target(
        COUNTY,
        ((COUNTY, UNITS[0]), (COUNTY, UNITS[2], UNITS[3])),
        teacher_id=teacher.person_id,
        site_paths=((COUNTY, UNITS[2], UNITS[3]),),
    )
    assert allows(teacher, Action.LESSON_TEACH, lesson)
    assert allows(assistant, Action.LESSON_ANSWER, lesson)
    assert not allows(principal(Duty(Role.TEACHER, UNITS[0])), Action.LESSON_SHOW, lesson)
    assert not allows(principal(Duty(Role.SITE_ASSISTANT, UNITS[0])), Action.LESSON_SHOW, lesson)


def test_a_school_admin_appoints_teachers_but_no_administrators() -> None:
    admin = principal(Duty(Role.SCHOOL_ADMIN, UNITS[1]))
    path = [UNITS[0], UNITS[1]]
    assert may_appoint(admin, Role.TEACHER, path)
    assert not may_appoint(admin, Role.SCHOOL_ADMIN, path)
    assert not may_appoint(admin, Role.TEACHER, [UNITS[0]])
