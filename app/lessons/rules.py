"""What a lesson may become, when it is on air, and who may publish and watch what: pure rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

MAIN_STREAM = "main"
BOARD_STREAM = "board"
SITE_STREAM_PREFIX = "site-"

OPENS_BEFORE = timedelta(minutes=15)
CLOSES_AFTER = timedelta(minutes=10)
MISSED_AFTER = timedelta(minutes=10)


class LessonState(StrEnum):
    """Where a lesson is between planning and archive."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PREPARING = "preparing"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    MOVED = "moved"
    MISSED = "missed"


class SiteState(StrEnum):
    """Where a teaching site is with its part in a lesson."""

    INVITED = "invited"
    CONFIRMED = "confirmed"
    CHECKING = "checking"
    READY = "ready"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    JOINED = "joined"
    RECONNECTING = "reconnecting"
    LEFT = "left"
    ROLL_SUBMITTED = "roll_submitted"
    DELIVERED = "delivered"
    CAUGHT_UP = "caught_up"
    MISSED = "missed"
    CANCELLED = "cancelled"  # the lesson was cancelled or moved, or the site was dropped from it


class ChangeKind(StrEnum):
    """What happened to lessons that people already know of."""

    PUBLISHED = "published"  # they learn of it now
    PLANNED = "planned"  # one more lesson of an entry they know
    CANCELLED = "cancelled"
    MOVED = "moved"
    EDITED = "edited"
    SUBSTITUTED = "substituted"
    ROOMS_CHANGED = "rooms_changed"
    SITE_ADDED = "site_added"
    SITE_DROPPED = "site_dropped"
    MADE_UP = "made_up"


class ParticipantRole(StrEnum):
    """In what capacity somebody takes part in a lesson."""

    TEACHER = "teacher"
    SITE_ASSISTANT = "site_assistant"
    OBSERVER = "observer"
    MAIN_ROOM = "main_room"  # the screen and camera of the room it is given in


_S = LessonState
_Id = TypeVar("_Id")

TRANSITIONS: Mapping[LessonState, frozenset[LessonState]] = {
    _S.DRAFT: frozenset({_S.PUBLISHED, _S.CANCELLED, _S.MOVED}),
    _S.PUBLISHED: frozenset({_S.PREPARING, _S.LIVE, _S.CANCELLED, _S.MOVED, _S.MISSED}),
    _S.PREPARING: frozenset({_S.LIVE, _S.CANCELLED, _S.MOVED, _S.MISSED}),
    _S.LIVE: frozenset({_S.INTERRUPTED, _S.ENDED}),
    _S.INTERRUPTED: frozenset({_S.LIVE, _S.ENDED}),
    _S.ENDED: frozenset({_S.ARCHIVED}),
    _S.ARCHIVED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.MOVED: frozenset(),
    # A teacher who comes late still finds the children waiting; the late start shows in `went_live_at`.
    _S.MISSED: frozenset({_S.LIVE}),
}

# A lesson in one of these states holds no teacher and no room; the database's overlap rules skip it.
FREES_RESOURCES = frozenset({_S.CANCELLED, _S.MOVED})

# Media flow in these only, and then only within the lesson's window.
TAKES_MEDIA = frozenset({_S.PUBLISHED, _S.PREPARING, _S.LIVE, _S.INTERRUPTED, _S.MISSED})

# A lesson that has not begun: it can be moved, cancelled, and given to somebody else.
CHANGEABLE = frozenset({_S.DRAFT, _S.PUBLISHED, _S.PREPARING})
CAN_BE_MADE_UP = frozenset({_S.CANCELLED, _S.MISSED})

ON_THE_AIR = frozenset({_S.LIVE, _S.INTERRUPTED})
AWAITS_TEACHER = frozenset({_S.PUBLISHED, _S.PREPARING})


@dataclass(frozen=True, slots=True)
class OnAirWindow:
    """When media of a lesson are let through: a little before it starts until a little after it ends."""

    opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    closes_at: datetime

    @classmethod
    def of(cls, starts_at: datetime, ends_at: datetime) -> "OnAirWindow":
        return cls(starts_at - OPENS_BEFORE, starts_at, ends_at, ends_at + CLOSES_AFTER)

    @staticmethod
    def latest_end_closed_at(now: datetime) -> datetime:
        """Lessons that ended by then are closed now."""
        return now - CLOSES_AFTER

    def is_open(self, now: datetime) -> bool:
        return self.opens_at <= now < self.closes_at


def state_by_the_clock(
    state: LessonState, starts_at: datetime, ends_at: datetime, now: datetime
) -> LessonState:
    """The state time alone brings a lesson to."""
    window = OnAirWindow.of(starts_at, ends_at)
    if state in ON_THE_AIR and now >= window.closes_at:
        return LessonState.ENDED
    if state in AWAITS_TEACHER and now >= starts_at + MISSED_AFTER:
        return LessonState.MISSED
    if state is LessonState.PUBLISHED and now >= window.opens_at:
        return LessonState.PREPARING
    return state


def is_known(state: LessonState, sequence: int) -> bool:
    """Whether people have been told of a lesson: drafts, and those that went no further, nobody knows."""
    return state is not LessonState.DRAFT and not (state in FREES_RESOURCES and sequence == 0)


def belongs(site: SiteState, lesson: LessonState) -> bool:
    """Whether a site is part of a lesson: one that was dropped is not, those of a cancelled lesson still are."""
    return site is not SiteState.CANCELLED or lesson in FREES_RESOURCES


def site_stream(site_code: str) -> str:
    """The stream a teaching site publishes."""
    return SITE_STREAM_PREFIX + site_code


def streams(site_codes: Iterable[str]) -> tuple[str, ...]:
    """Every stream of a lesson with these sites."""
    return (MAIN_STREAM, BOARD_STREAM, *map(site_stream, site_codes))


@dataclass(frozen=True, slots=True)
class Participation:
    """What one person may do in one lesson."""

    role: ParticipantRole
    publish: tuple[str, ...]
    watch: tuple[str, ...]


def participation_of(
    *,
    is_teacher: bool,
    assisted: Iterable[str],
    observes: bool,
    site_codes: Iterable[str],
    presents: LessonState | None = None,
) -> Participation | None:
    """The widest part a person's places give in a lesson, or None: whoever has no part has no rights.

    `assisted` are the codes of the lesson's sites at which the person is the assistant. `presents` is the lesson's
    state, for the screen of the room it is given in: somebody has to begin before that sends the room's picture.
    """
    if is_teacher:
        sites = tuple(map(site_stream, site_codes))
        return Participation(ParticipantRole.TEACHER, (MAIN_STREAM, BOARD_STREAM), sites)
    if own := tuple(map(site_stream, assisted)):
        return Participation(ParticipantRole.SITE_ASSISTANT, own, (MAIN_STREAM, BOARD_STREAM))
    if presents is not None:
        sites = tuple(map(site_stream, site_codes))
        camera = (MAIN_STREAM,) if presents in ON_THE_AIR else ()
        return Participation(ParticipantRole.MAIN_ROOM, camera, (BOARD_STREAM, *sites))
    if observes:
        return Participation(ParticipantRole.OBSERVER, (), (MAIN_STREAM, BOARD_STREAM))
    return None


@dataclass(frozen=True, slots=True)
class Oversight:
    """Whose links somebody may look at in one lesson: it is they who can do something about them."""

    teacher: bool
    sites: frozenset[str]
    """Codes of teaching sites."""


def oversight_of(*, of_lesson: bool, own_sites: Iterable[str], site_codes: Iterable[str]) -> Oversight:
    """Who teaches a lesson, or administers where it is taught, sees all; others see the sites that are theirs."""
    return Oversight(of_lesson, frozenset(site_codes if of_lesson else own_sites))


def nearest(windows: Mapping[_Id, OnAirWindow], now: datetime) -> _Id | None:
    """The lesson somebody wants when they ask for "my lesson": the one running, else one that opens its
    doors, else one that is about to close them, else the next to come."""

    def rank(lesson_id: _Id) -> tuple[int, datetime]:
        window = windows[lesson_id]
        if window.starts_at <= now < window.ends_at:
            return 0, window.starts_at
        if window.opens_at <= now < window.starts_at:
            return 1, window.starts_at
        if window.ends_at <= now < window.closes_at:
            return 2, window.starts_at
        return 3, window.starts_at

    return min((each for each in windows if windows[each].closes_at > now), key=rank, default=None)
