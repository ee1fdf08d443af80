"""The register of media sessions: who sends or receives what, through which node.

A session has two names. Its *id* is known to the relay node and appears in logs and lists. Its *secret* is
the last part of the session URL: whoever holds the URL may patch or end the session, so it is never logged or
listed.
"""

import secrets
import uuid
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from app.accounts.rules import Basis, Holder, HolderKind
from app.errors import TooManyRequests, Unavailable
from app.lessons.rules import MAIN_STREAM
from app.live.rules import Direction, Limits, new_entity_tag

_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One stream of one lesson."""

    lesson_id: uuid.UUID
    stream: str

    def __str__(self) -> str:
        return f"{self.lesson_id}/{self.stream}"


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave for one person to send or receive one stream."""

    key: StreamKey
    direction: Direction
    person_id: uuid.UUID
    site_code: str | None = None
    """The teaching site the person assists in this lesson, if that is their part."""
    viewer: str = field(default="", compare=False)
    """The page or program that shares one link over all its sessions; empty: this session is alone."""
    lesson_ends_at: datetime = field(kw_only=True, compare=False)
    """When the lesson was to end as leave was given; it may be moved while it lasts."""
    kind: HolderKind = HolderKind.PERSON
    """What the id is the id of."""
    since: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    """When the grant was given, or leave without one."""
    basis: Basis | None = field(default=None, compare=False)
    """What a program was let in by."""

    @property
    def holder(self) -> Holder:
        """Whose right it rests on."""
        return Holder(self.kind, self.person_id)

    def may_take_over(self, other: "Admission") -> bool:
        """Whether this may replace another sender of the same stream.

        Oneself, from elsewhere; and a main classroom's own camera and whoever teaches there hand over to each other.
        """
        with_the_room = self.key.stream == MAIN_STREAM and HolderKind.TERMINAL in (self.kind, other.kind)
        return self.holder == other.holder or with_the_room


@dataclass(frozen=True, slots=True)
class MediaSession:
    """One WHIP or WHEP session."""

    id: str
    secret: str = field(repr=False)
    admission: Admission
    node: int
    entity_tag: str
    connected: bool = False

    @classmethod
    def new(cls, admission: Admission, node: int) -> "MediaSession":
        """A session with fresh names; 256 bits in the secret one."""
        return cls(uuid.uuid4().hex, secrets.token_urlsafe(32), admission, node, new_entity_tag())

    @property
    def key(self) -> StreamKey:
        return self.admission.key

    @property
    def direction(self) -> Direction:
        return self.admission.direction

    @property
    def person_id(self) -> uuid.UUID:
        return self.admission.person_id


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was opened, and the node's answer to the offer."""

    session: MediaSession
    sdp: str


class SessionRegister:
    """All sessions of this process, bounded. One event loop owns it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._by_id: dict[str, MediaSession] = {}
        self._id_by_secret: dict[str, str] = {}
        self._by_lesson: dict[uuid.UUID, set[str]] = {}
        self._publishers: dict[StreamKey, str] = {}
        self._over: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, session: MediaSession) -> None:
        """Take a session in; a publisher becomes the stream's publisher, whoever was before."""
        self._check_room(session)
        self._by_id[session.id] = session
        self._id_by_secret[session.secret] = session.id
        self._by_lesson.setdefault(session.key.lesson_id, set()).add(session.id)
        if session.direction is Direction.PUBLISH:
            self._publishers[session.key] = session.id

    def remove(self, session_id: str) -> MediaSession | None:
        """Take a session out; ``None`` when it was gone already."""
        session = self._by_id.pop(session_id, None)
        if session is None:
            return None
        del self._id_by_secret[session.secret]
        siblings = self._by_lesson[session.key.lesson_id]
        siblings.discard(session_id)
        if not siblings:
            del self._by_lesson[session.key.lesson_id]
        if self._publishers.get(session.key) == session_id:
            del self._publishers[session.key]
        return session

    def get(self, session_id: str) -> MediaSession | None:
        """The session with this listed id."""
        return self._by_id.get(session_id)

    def find(self, key: StreamKey, direction: Direction, secret: str) -> MediaSession | None:
        """The session a session URL names; every part of the address must fit."""
        session = self._by_id.get(self._id_by_secret.get(secret, ""))
        if session is None or session.key != key or session.direction is not direction:
            return None
        return session

    def publisher(self, key: StreamKey) -> MediaSession | None:
        """Who publishes the stream, connected or still connecting."""
        return self._by_id.get(self._publishers.get(key, ""))

    def restore_publisher(self, session: MediaSession) -> None:
        """Give a stream back to its publisher after a takeover that came to nothing."""
        if session.id in self._by_id:
            self._publishers[session.key] = session.id

    def note_over(self, session: MediaSession, why: str) -> None:
        """Remember why the server ended a session, for the client that comes back to it."""
        self._over[session.secret] = why
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)

    def why_over(self, secret: str) -> str | None:
        """Why the session with this secret was ended, if it is one of late."""
        return self._over.get(secret)

    def mark_connected(self, session_id: str) -> MediaSession | None:
        """Note that media can flow; the session as it is now, ``None`` when it is unknown."""
        session = self._by_id.get(session_id)
        return session and self._put(replace(session, connected=True))

    def renew_entity_tag(self, session_id: str) -> MediaSession | None:
        """A new ICE session has begun, so a new entity tag names it."""
        session = self._by_id.get(session_id)
        return session and self._put(replace(session, entity_tag=new_entity_tag()))

    def of_lesson(self, lesson_id: uuid.UUID) -> tuple[MediaSession, ...]:
        """All sessions of a lesson."""
        return tuple(self._by_id[id_] for id_ in self._by_lesson.get(lesson_id, ()))

    def of_node(self, node: int) -> tuple[MediaSession, ...]:
        """All sessions on a node."""
        return tuple(session for session in self._by_id.values() if session.node == node)

    def holders(self) -> set[tuple[uuid.UUID, Holder]]:
        """Who has sessions in which lesson."""
        return {(session.key.lesson_id, session.admission.holder) for session in self._by_id.values()}

    def bases(self) -> set[Basis]:
        """What programs that have sessions were let in by."""
        found = (session.admission.basis for session in self._by_id.values())
        return {basis for basis in found if basis is not None}

    def lessons(self) -> tuple[uuid.UUID, ...]:
        """The lessons that have sessions."""
        return tuple(self._by_lesson)

    def counts(self) -> dict[Direction, int]:
        """How many sessions there are in each direction."""
        found = Counter(session.direction for session in list(self._by_id.values()))  # any thread may ask
        return {direction: found[direction] for direction in Direction}

    def _put(self, session: MediaSession) -> MediaSession:
        self._by_id[session.id] = session
        return session

    def _check_room(self, session: MediaSession) -> None:
        siblings = self.of_lesson(session.key.lesson_id)
        if len(self._by_id) >= self._limits.in_all or len(siblings) >= self._limits.per_lesson:
            raise Unavailable(
                "session.server_full",
                "Server full",
                "No more media sessions fit; try again when somebody has left.",
                headers={"Retry-After": "10"},
            )
        own = sum(
            1 for other in siblings if other.key == session.key and other.person_id == session.person_id
        )
        if own >= self._limits.per_person_and_stream:
            raise TooManyRequests(
                "session.too_many",
                "Too many sessions",
                f"You have {own} media sessions on {session.key.stream} already; end one of them first.",
                headers={"Retry-After": "10"},
            )
