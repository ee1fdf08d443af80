"""Brings people's media sessions to relay nodes and keeps both sides agreed about what should be.

The coordinator's register is the desired state. A node that comes up is told which sessions to keep. A node
that goes down takes its sessions with it: the classroom channels tell every page to publish and watch again,
and the first offer that comes brings the lesson to the least loaded node that is ready.
"""

import asyncio
import contextlib
import math
import uuid
import weakref
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from app.accounts.rules import Basis
from app.errors import TooManyRequests
from app.guard.throttle import Throttle
from app.lessons.rules import MAIN_STREAM
from app.live.fleet import Fleet
from app.live.hub import ChannelHub, Member
from app.live.nodes import RelayPool
from app.live.on_air import OnAir, StreamLog
from app.live.quality_news import QualityNews
from app.live.refusals import LESSON_OVER, REPLACED, refusal_of, relay_down, stream_taken
from app.live.rights import Claim
from app.live.rules import Direction, Limits
from app.live.sessions import Admission, MediaSession, Opened, SessionRegister, StreamKey
from app.live.speech import Speech
from media_relay.api import NodeLost, OfferRefused, RelayError
from media_relay.messages import (
    Event,
    NodeDrained,
    NodeReady,
    RungChanged,
    Samples,
    SessionClosed,
    SessionConnected,
    SpeakerChanged,
    StreamMuted,
    StreamStarted,
    StreamStopped,
)

_log = structlog.stdlib.get_logger(__name__)

NODE_PATIENCE: Final = 4.0
"""Seconds an offer waits for a node that is just being started again."""

OFFERS_AT_ONCE: Final = 60
OFFERS_PER_SECOND: Final = 10
"""How fast one person may send offers: a page opens all its streams at once, again after a node was lost."""


class OnAirLog(StreamLog, Protocol):
    """Where the coordinator reports what the lessons' records should say."""

    def site_changed(self, lesson_id: uuid.UUID, site_code: str, *, present: bool) -> None:
        """A teaching site receives the lesson, or no longer does."""


class Coordinator:
    """All that is on air in this process. One event loop owns it; any thread may ask for `live_streams`."""

    def __init__(
        self,
        *,
        nodes: int,
        first_port: int,
        addresses: tuple[str, ...],
        log: OnAirLog,
        limits: Limits | None = None,
        native: bool = True,
    ) -> None:
        self.channels = ChannelHub()
        self._sessions = SessionRegister(limits)
        self._pool = RelayPool(nodes, first_port, addresses, self._take, self._node_down, native=native)
        self._log = log
        self._pace = Throttle(burst=OFFERS_AT_ONCE, per_second=OFFERS_PER_SECOND)
        self.fleet = Fleet(self._pool, self._sessions, self._restart_media)
        self._on_air = OnAir(self.channels, log)
        self.quality = QualityNews(self.channels, self._sessions, self.live_streams)
        self._locks: weakref.WeakValueDictionary[StreamKey, asyncio.Lock] = weakref.WeakValueDictionary()
        self._background: set[asyncio.Task[None]] = set()

    # --- life ---

    def start(self) -> None:
        """Start the relay nodes; returns before they are ready."""
        self._pool.start()

    async def stop(self) -> None:
        """End all media and wait until the nodes' processes are gone."""
        for task in self._background:
            task.cancel()
        await self._pool.stop()

    @property
    def ready(self) -> bool:
        """Whether at least one relay node takes offers."""
        return bool(self._pool.ready)

    async def wait_ready(self, seconds: float) -> None:
        """Wait until a relay node takes offers; raises :exc:`TimeoutError`."""
        await self._pool.wait_ready(seconds)

    # --- what is on air ---

    def live_streams(self, lesson_id: uuid.UUID) -> frozenset[str]:
        """The lesson's streams whose media arrive."""
        return self._on_air.streams(lesson_id)

    def speech(self, lesson_id: uuid.UUID) -> Speech:
        """Who speaks in the lesson and whose sound is off."""
        return self._on_air.speech(lesson_id)

    def lessons(self) -> set[uuid.UUID]:
        """The lessons that have media sessions or listeners."""
        return {*self._sessions.lessons(), *self.channels.lessons()}

    def claims(self) -> set[Claim]:
        """Who has media sessions or listens, and where."""
        return {Claim(*each) for each in self._sessions.holders() | self.channels.holders()}

    def bases(self) -> set[Basis]:
        """What programs that have media sessions or listen were let in by."""
        return self._sessions.bases() | self.channels.bases()

    def session_counts(self) -> dict[Direction, int]:
        """How many sessions there are in each direction."""
        return self._sessions.counts()

    # --- media sessions ---

    async def publish(self, admission: Admission, offer: str, *, only_free: bool = False) -> Opened:
        """Let somebody send a stream. Who may take it over from whom: `Admission.may_take_over`; with `only_free`
        nobody does."""
        self._check_pace(admission.person_id)
        # One at a time for each stream, so that two who press the button together do not both win.
        async with self._locks.setdefault(admission.key, asyncio.Lock()):
            before = self._sessions.publisher(admission.key)
            if before is not None and (only_free or not admission.may_take_over(before.admission)):
                raise stream_taken(admission.key.stream, mine=admission.may_take_over(before.admission))
            try:
                opened = await self._open(admission, offer)
            except BaseException:
                if before is not None:
                    self._sessions.restore_publisher(before)
                raise
            if before is not None:
                self._sessions.note_over(before, REPLACED)
                self._forget(before.id)  # the node has ended it in favour of the new one
            return opened

    async def watch(self, admission: Admission, offer: str) -> Opened:
        """Let somebody receive a stream, now or as soon as somebody sends it."""
        self._check_pace(admission.person_id)
        opened = await self._open(admission, offer)
        for member in list(self.channels.members(admission.key.lesson_id)):
            if member.viewer and member.viewer == admission.viewer and member.prefers is not None:
                await self._tell_preference(opened.session, member.prefers)
        return opened

    async def prefer(self, member: Member, stream: str) -> None:
        """Note which stream matters most to a page whose link does not carry all; its node is told, now and anew."""
        member.prefers = stream
        own = [
            session
            for session in self._sessions.of_lesson(member.lesson_id)
            if member.viewer and session.admission.viewer == member.viewer
        ]
        if own:  # a lesson is on one node
            await self._tell_preference(own[0], stream)

    async def _tell_preference(self, session: MediaSession, stream: str) -> None:
        with contextlib.suppress(NodeLost):  # then the page watches anew, and it is told again
            link = self.fleet.link(session.node)
            await link.prefer(str(session.key.lesson_id), session.admission.viewer, stream)

    def find(self, key: StreamKey, direction: Direction, secret: str) -> MediaSession | None:
        """The session behind a session URL."""
        return self._sessions.find(key, direction, secret)

    def why_over(self, secret: str) -> str | None:
        """Why the session behind a session URL was ended, if it was ended here and of late."""
        return self._sessions.why_over(secret)

    async def trickle(self, session: MediaSession, fragment: str) -> Opened | None:
        """Hand on an SDP fragment; the renewed session and the node's fragment after an ICE restart."""
        try:
            answer = await self.fleet.link(session.node).trickle(session.id, fragment)
        except (OfferRefused, NodeLost) as error:
            raise refusal_of(error) from error
        if answer is None:
            return None
        return Opened(self._sessions.renew_entity_tag(session.id) or session, answer.sdp)

    async def end(self, session: MediaSession) -> None:
        """End a session because its client asked for it."""
        self._forget(session.id)
        with contextlib.suppress(NodeLost):  # then it took the session with it
            await self.fleet.link(session.node).close(session.id)

    async def end_lesson(self, lesson_id: uuid.UUID, reason: str) -> None:
        """End all media of a lesson and say goodbye in its channel."""
        self.channels.close_lesson(lesson_id, reason)
        await self.end_sessions(lesson_id, LESSON_OVER, lambda _: True)

    async def end_sessions(
        self, lesson_id: uuid.UUID, why: str, doomed: Callable[[MediaSession], bool]
    ) -> None:
        """End those media sessions of a lesson; their clients are told why when they come back to them."""
        sessions = [session for session in self._sessions.of_lesson(lesson_id) if doomed(session)]
        for session in sessions:
            self._sessions.note_over(session, why)
            self._forget(session.id)
        for number in {session.node for session in sessions}:
            await self.fleet.reconcile(number)

    async def tell_quality(self) -> None:
        """Say in the channels how the links are."""
        self.quality.tell()

    def _check_pace(self, person_id: uuid.UUID) -> None:
        wait = self._pace.wait(person_id, asyncio.get_running_loop().time())
        if wait > 0:
            raise TooManyRequests(
                "session.too_fast",
                "Too many offers",
                "Your program opens media sessions too fast; let it wait before it tries again.",
                headers={"Retry-After": str(math.ceil(wait))},
            )

    async def _open(self, admission: Admission, offer: str) -> Opened:
        session = await self._register(admission)
        try:
            link = self.fleet.link(session.node)
            key = admission.key
            names = session.id, str(key.lesson_id), key.stream
            if admission.direction is Direction.PUBLISH:
                answer = await link.publish(*names, offer)
            else:
                answer = await link.subscribe(*names, offer, viewer=admission.viewer)
        except RelayError as error:
            self._forget(session.id)
            raise refusal_of(error) from error
        except BaseException:
            self._forget(session.id)
            raise
        if self._sessions.get(session.id) is None:  # the node went down, or the lesson ended, since
            raise relay_down()
        _log.info("media session opened", session=session.id, stream=str(admission.key), node=session.node)
        return Opened(session, answer.sdp)

    async def _register(self, admission: Admission) -> MediaSession:
        try:
            await self._pool.wait_ready(NODE_PATIENCE)
        except TimeoutError:
            raise relay_down() from None
        # From here to `add` nothing may await: all sessions of a lesson have to land on one node.
        siblings = self._sessions.of_lesson(admission.key.lesson_id)
        node = siblings[0].node if siblings else self.fleet.place()
        if node is None:
            raise relay_down()
        session = MediaSession.new(admission, node)
        self._sessions.add(session)
        return session

    def _forget(self, session_id: str) -> MediaSession | None:
        session = self._sessions.remove(session_id)
        if session is not None:
            self.quality.forget(session)
            if session.connected:
                self._report_presence(session)
        return session

    # --- what the nodes report ---

    def _take(self, number: int, event: Event) -> None:
        match event:
            case NodeDrained():
                self.fleet.drained(number)
            case NodeReady():
                task = asyncio.create_task(self.fleet.reconcile(number))
                self._background.add(task)
                task.add_done_callback(self._background.discard)
            case SessionConnected(session=session_id):
                if session := self._sessions.mark_connected(session_id):
                    self.quality.connected(session)
                    self._report_presence(session)
            case SessionClosed(session=session_id, reason=reason):
                if self._forget(session_id):
                    _log.info("media session closed", session=session_id, reason=reason)
            case StreamStarted(lesson=lesson, stream=stream):
                self._on_air.stream_changed(StreamKey(uuid.UUID(lesson), stream), live=True)
            case StreamStopped(lesson=lesson, stream=stream):
                self._on_air.stream_changed(StreamKey(uuid.UUID(lesson), stream), live=False)
            case SpeakerChanged(lesson=lesson, stream=stream):
                self._on_air.speaker_changed(uuid.UUID(lesson), stream or None)
            case StreamMuted(lesson=lesson, stream=stream, muted=muted):
                self._on_air.mute_changed(StreamKey(uuid.UUID(lesson), stream), muted)
            case RungChanged():
                self.quality.stepped(event)
            case Samples(samples=samples):
                self.quality.sampled(samples)

    def _node_down(self, number: int) -> None:
        self.fleet.went_down(number)
        self._restart_media(number)

    def _restart_media(self, number: int) -> None:
        """Forget the sessions of a node and tell their lessons, whose pages then come again."""
        lost = [session for session in self._sessions.of_node(number) if self._forget(session.id)]
        for lesson_id in {session.key.lesson_id for session in lost}:
            self._on_air.restart(lesson_id)

    def _report_presence(self, session: MediaSession) -> None:
        """A site is in class while it receives the main stream on at least one connection."""
        site_code = session.admission.site_code
        if site_code is None or session.key.stream != MAIN_STREAM or session.direction is not Direction.WATCH:
            return
        present = any(
            other.connected and other.admission == session.admission
            for other in self._sessions.of_lesson(session.key.lesson_id)
        )
        self._log.site_changed(session.key.lesson_id, site_code, present=present)
