"""Binds the sessions of each page to what its link carries (see :mod:`media_relay.core.viewer`) and tells about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from media_relay.core.feedback_reader import FeedbackError, read_feedback
from media_relay.core.member import Member
from media_relay.core.viewer import Viewer
from media_relay.counters import Counters
from media_relay.messages import RungChanged
from media_relay.stream import Stream
from media_relay.subscriber import Subscriber

_LATE: Final = 0.120
"""Seconds between two ticks that only a starved process leaves."""
_MAX_PREFERENCES: Final = 2_000


@dataclass(slots=True)
class _Session:
    subscriber: Subscriber
    member: Member
    given: tuple[str | None, bool, bool] = (None, False, True)
    """What it was last told to want, whether at a pace of its own, and whether with repetitions of sound."""
    reason: str = "start"
    """Why its rung changes next; empty once it has what was decided: what changes then is the publisher's doing."""


@dataclass(slots=True)
class _Page:
    viewer: Viewer = field(default_factory=Viewer)
    sessions: list[_Session] = field(default_factory=list)

    def of(self, member: Member) -> _Session:
        return next(session for session in self.sessions if session.member is member)


class Viewers:
    """All pages that play something from this node. Times are monotonic seconds."""

    def __init__(self, emit: Callable[[RungChanged], None], counters: Counters) -> None:
        self._emit = emit
        self._counters = counters
        self._pages: dict[tuple[str, str], _Page] = {}
        self._by_session: dict[str, tuple[_Page, _Session]] = {}
        self._narrow: dict[int, _Page] = {}
        """Those whose link is cared for."""
        self._ticked_at: float | None = None
        self._preferred: dict[tuple[str, str], str] = {}
        """What pages said that matters most to them, also before their sessions are connected."""

    def join(self, subscriber: Subscriber, now: float) -> None:
        """A subscriber is connected."""
        key = subscriber.stream.lesson, subscriber.viewer
        page = self._pages.setdefault(key, _Page())
        page.viewer.preferred = self._preferred.get(key, "")
        pictures, sound = subscriber.subscriptions.get("video"), subscriber.subscriptions.get("audio")
        member = Member(
            subscriber.stream.name, subscriber.transport, pictures, sound, probes=subscriber.takes_padding
        )
        session = _Session(subscriber, member)
        page.sessions.append(session)
        self._by_session[subscriber.session] = page, session
        subscriber.link = self
        page.viewer.join(member, now)
        self._give(page, now)

    def leave(self, subscriber: Subscriber) -> None:
        """A subscriber is gone; one that never connected was never here."""
        page, session = self._by_session.pop(subscriber.session, (None, None))
        if page is None or session is None:
            return
        page.viewer.leave(session.member)
        page.sessions.remove(session)
        if not page.sessions:
            del self._pages[subscriber.stream.lesson, subscriber.viewer]
            self._narrow.pop(id(page), None)

    def first_window(self, session: str, picture: int, now: float) -> int:
        """Bytes that a session may be sent before its first feedback where its first picture has so many."""
        page, mine = self._by_session[session]
        return page.viewer.first_window(mine.member, picture, now)

    def prefer(self, lesson: str, viewer: str, stream: str, now: float) -> None:
        """This stream matters most to the viewer from now on."""
        key = lesson, viewer
        self._preferred.pop(key, None)
        self._preferred[key] = stream
        while len(self._preferred) > _MAX_PREFERENCES:
            del self._preferred[next(iter(self._preferred))]
        page = self._pages.get(key)
        if page is not None:
            page.viewer.prefer(stream, now)
            self._give(page, now)

    # --- what clients say -------------------------------------------------------------------------------------------

    def transport_feedback(self, session: str, fci: bytes, now: float) -> None:
        """A session's transport-wide feedback."""
        page, mine = self._by_session[session]
        try:
            feedback = read_feedback(fci)
        except FeedbackError:
            self._counters.drops["feedback"] += 1
            return
        if page.viewer.feedback(mine.member, feedback, now):
            self._give(page, now)
        if mine.member.log.missed:
            mine.subscriber.repair(mine.member.log.missed, now)

    def remb(self, session: str, bitrate: int, now: float) -> None:
        """What a session's client says it can receive, bits a second."""
        page, _ = self._by_session[session]
        if page.viewer.remb(bitrate, now):
            self._give(page, now)

    def report(self, session: str, loss: float, rtt: float | None, now: float) -> None:
        """A receiver report of a session: share of loss, seconds of round trip."""
        page, mine = self._by_session[session]
        if page.viewer.reported(mine.member, loss, rtt, now):
            self._give(page, now)

    # --- time -------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Every 20 ms: probes. A late one says that this process was kept waiting: for a moment no link is to blame."""
        if self._ticked_at is not None and now - self._ticked_at > _LATE:
            for page in self._pages.values():
                page.viewer.excuse(now)
        self._ticked_at = now
        for page in self._narrow.values():
            member = page.viewer.probe(now)
            if member is None:
                continue
            octets = page.viewer.probing.padding(member.log)
            if octets:
                page.of(member).subscriber.pad(octets)
            page.viewer.probing.padded(member.log, now)

    def look(self, now: float) -> None:
        """Five times a second: whose link has changed, and who is given something else now."""
        for page in self._pages.values():
            if page.viewer.look(now) or page.viewer.capacity is not None:
                self._give(page, now)
            for session in page.sessions:
                self._tell(session)

    def _give(self, page: _Page, now: float) -> None:
        """Let every session of a page be given what was decided."""
        viewer = page.viewer
        paced = viewer.capacity is not None
        if paced:
            self._narrow[id(page)] = page
        else:
            self._narrow.pop(id(page), None)
        changed: dict[Stream, None] = {}
        for session in page.sessions:
            subscriber, rung = session.subscriber, viewer.rung(session.member)
            subscriber.limit(viewer, session.member)
            given = rung, paced, viewer.repeats
            if given != session.given:
                session.given, wanted = given, subscriber.rung_wanted
                subscriber.want(rung)
                if subscriber.rung_wanted != wanted:
                    session.reason = viewer.reason
                changed[subscriber.stream] = None
        for stream in changed:
            stream.pace()
            stream.steer(now)

    def _tell(self, session: _Session) -> None:
        """Emit an event when a picture is another than before."""
        subscriber = session.subscriber
        before, rung = subscriber.rung, subscriber.rung_now
        if rung == before:
            return
        subscriber.rung = rung
        reason = session.reason or "publisher"
        stream = subscriber.stream
        self._emit(RungChanged(subscriber.session, stream.lesson, stream.name, rung, reason))
        if rung == subscriber.rung_wanted:
            session.reason = ""
