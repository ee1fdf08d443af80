"""Who may do what in a lesson, and what time makes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import Base
from app.lessons.models import Lesson
from app.lessons.queries import takes_place
from app.lessons.rules import (
    FREES_RESOURCES,
    TAKES_MEDIA,
    TRANSITIONS,
    LessonState,
    OnAirWindow,
    ParticipantRole,
    nearest,
    participation_of,
    state_by_the_clock,
    streams,
)

STARTS = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
ENDS = STARTS + timedelta(minutes=40)
WINDOW = OnAirWindow.of(STARTS, ENDS)
MINUTE = timedelta(minutes=1)

codes = st.lists(st.from_regex(r"[A-Z][0-9]{1,3}", fullmatch=True), max_size=5, unique=True)


def test_the_window_is_half_open() -> None:
    assert WINDOW.opens_at == STARTS - timedelta(minutes=15)
    assert WINDOW.closes_at == ENDS + timedelta(minutes=10)
    assert WINDOW.is_open(WINDOW.opens_at)
    assert not WINDOW.is_open(WINDOW.opens_at - timedelta(microseconds=1))
    assert not WINDOW.is_open(WINDOW.closes_at)


@given(
    st.booleans(), st.booleans(), codes.flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_)))
)
def test_nobody_publishes_what_somebody_else_does(
    is_teacher: bool, observes: bool, sites: tuple[list[str], list[str]]
) -> None:
    every, shuffled = sites
    assisted = shuffled[: len(shuffled) // 2]
    part = participation_of(is_teacher=is_teacher, assisted=assisted, observes=observes, site_codes=every)
    if part is None:
        assert not (is_teacher or assisted or observes)
        return
    known = set(streams(every))
    assert set(part.publish) | set(part.watch) <= known
    assert not set(part.publish) & set(part.watch)
    if part.role is not ParticipantRole.TEACHER:
        assert set(part.publish) <= {f"site-{code}" for code in assisted}
        assert set(part.watch) == {"main", "board"}


def test_each_role_has_its_streams() -> None:
    teacher = participation_of(is_teacher=True, assisted=["S1"], observes=True, site_codes=["S1", "S2"])
    assert teacher is not None
    assert (teacher.role, teacher.publish, teacher.watch) == (
        ParticipantRole.TEACHER,
        ("main", "board"),
        ("site-S1", "site-S2"),
    )
    site = participation_of(is_teacher=False, assisted=["S2"], observes=True, site_codes=["S1", "S2"])
    assert site is not None
    assert (site.role, site.publish) == (ParticipantRole.SITE_ASSISTANT, ("site-S2",))
    observer = participation_of(is_teacher=False, assisted=[], observes=True, site_codes=["S1"])
    assert observer is not None
    assert (observer.role, observer.publish) == (ParticipantRole.OBSERVER, ())
    assert participation_of(is_teacher=False, assisted=[], observes=False, site_codes=["S1"]) is None


@pytest.mark.parametrize("state", LessonState)
def test_the_screen_of_the_main_classroom_sends_its_camera_only_once_somebody_has_begun(
    state: LessonState,
) -> None:
    part = participation_of(is_teacher=False, assisted=[], observes=False, site_codes=["S1"], presents=state)
    assert part is not None
    assert part.watch == ("board", "site-S1")
    begun = state in (LessonState.LIVE, LessonState.INTERRUPTED)
    assert part.publish == (("main",) if begun else ())


@pytest.mark.parametrize(
    "state, minutes, expected",
    [
        ("published", -16, "published"),
        ("published", -15, "preparing"),
        ("preparing", 9, "preparing"),
        ("preparing", 10, "missed"),
        ("published", 10, "missed"),
        ("live", 49, "live"),
        ("live", 50, "ended"),
        ("interrupted", 50, "ended"),
        ("missed", 50, "missed"),
        ("draft", 50, "draft"),
        ("cancelled", 50, "cancelled"),
    ],
)
def test_time_alone_moves_a_lesson(state: str, minutes: int, expected: str) -> None:
    assert state_by_the_clock(LessonState(state), STARTS, ENDS, STARTS + minutes * MINUTE) == expected


@given(st.sampled_from(LessonState), st.integers(-60, 120))
def test_the_clock_takes_steps_the_state_machine_knows(state: LessonState, minutes: int) -> None:
    later = state_by_the_clock(state, STARTS, ENDS, STARTS + minutes * MINUTE)
    assert later is state or later in TRANSITIONS[state]


def test_every_state_can_be_reached_and_none_is_left_for_nothing() -> None:
    reached = {target for targets in TRANSITIONS.values() for target in targets}
    assert reached | {LessonState.DRAFT} == set(LessonState)
    for state in FREES_RESOURCES:
        assert not TRANSITIONS[state], "a freed teacher or room cannot be taken back without a check"
        assert state not in TAKES_MEDIA


def test_the_lesson_running_comes_before_the_ones_around_it() -> None:
    windows = {
        "before": OnAirWindow.of(STARTS - timedelta(minutes=45), STARTS - timedelta(minutes=5)),
        "now": WINDOW,
        "after": OnAirWindow.of(ENDS + timedelta(minutes=5), ENDS + timedelta(minutes=45)),
        "evening": OnAirWindow.of(ENDS + timedelta(hours=9), ENDS + timedelta(hours=10)),
    }

    def at(minutes: int) -> str | None:
        return nearest(windows, STARTS + minutes * MINUTE)

    assert at(-90) == "before"
    assert at(-6) == "before"
    assert at(-5) == "now"  # it opens its doors, while the one before is about to close
    assert at(39) == "now"
    assert at(40) == "after"
    assert at(85 + 9) == "after"
    assert at(85 + 10) == "evening"
    assert at(24 * 60) is None
    assert nearest({}, STARTS) is None


def test_make_up_lessons_are_asked_for_in_the_words_of_their_index() -> None:
    # By others SQLite does not use it: a county's report went through all lessons for each that was missed.
    table = Base.metadata.tables["lessons"]
    (index,) = [each for each in table.indexes if each.name == "uq_lessons_makes_up_id"]
    assert str(takes_place(Lesson.state)).removeprefix("(lessons.").rstrip(")") == str(
        index.dialect_options["sqlite"]["where"]
    ).rstrip(")")
