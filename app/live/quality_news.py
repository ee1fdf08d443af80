"""Takes what the relay nodes tell of links, keeps it, and says it in the classroom channels.

Who looks after sites (their teacher, admins above them) hears of each site's link; everybody hears of their own:

    ← {"type": "quality", "sites": [{"site", "state", "rung", "since", "streams": […]}], "own": [{"stream", …}]}
    ← {"type": "rung", "stream", "rung", "reason"}              one's own picture became smaller or larger
    ← {"type": "rung", "stream", "rung", "reason", "site"}      a site's did
"""

import uuid
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from app.live.hub import ChannelHub, Member, Message
from app.live.quality import LessonQuality, QualityRecord, StreamQuality, rung_of, survey
from app.live.quality_figures import QualityFigures
from app.live.sessions import MediaSession, SessionRegister
from media_relay.messages import RungChanged, Sample


class QualityNews:
    """One event loop owns it; `figures` are read from any thread."""

    def __init__(
        self,
        channels: ChannelHub,
        sessions: SessionRegister,
        live_streams: Callable[[uuid.UUID], Collection[str]],
    ) -> None:
        self.figures = QualityFigures()
        self._channels = channels
        self._sessions = sessions
        self._live = live_streams
        self._record = QualityRecord()

    # --- what the nodes tell ---

    def connected(self, session: MediaSession) -> None:
        """Media of a session can flow."""
        self._record.connected(session.id, datetime.now(UTC))

    def sampled(self, samples: Collection[Sample]) -> None:
        """Figures of the last seconds; those of sessions that have ended since are passed over."""
        now = datetime.now(UTC)
        for sample in samples:
            session = self._sessions.get(sample.session)
            if session is None:
                continue
            before = self._record.of(session.id).rung
            self._record.sampled(sample, now)
            self.figures.sampled(session, sample)
            self.figures.moved(session, before, self._record.of(session.id).rung)

    def stepped(self, event: RungChanged) -> None:
        """Somebody's picture became smaller or larger: said at once."""
        session, rung = self._sessions.get(event.session), rung_of(event.rung)
        if session is None or rung is None:
            return
        before = self._record.of(session.id).rung
        self._record.stepped(session.id, rung, event.reason, datetime.now(UTC))
        self.figures.stepped(session, rung, event.reason)
        self.figures.moved(session, before, rung)
        message = {"type": "rung", "stream": session.key.stream, "rung": rung, "reason": event.reason}
        site = session.admission.site_code
        for member in self._channels.members(session.key.lesson_id):
            if member.viewer and member.viewer == session.admission.viewer:
                member.send(message)
            elif site in member.sites:
                member.send({**message, "site": site})

    def forget(self, session: MediaSession) -> None:
        """A session has ended."""
        self.figures.moved(session, self._record.of(session.id).rung, None)
        self._record.forget(session.id)

    # --- who is told ---

    def of(self, lesson_id: uuid.UUID) -> LessonQuality:
        """All links of a lesson."""
        return survey(self._sessions.of_lesson(lesson_id), self._record, self._live(lesson_id))

    def tell(self) -> None:
        """Say in every channel how the links are."""
        for lesson_id in self._channels.lessons():
            quality = self.of(lesson_id)
            for member in self._channels.members(lesson_id):
                self._tell(member, quality)

    def tell_newcomer(self, member: Member) -> None:
        """Say it to one who has just come."""
        self._tell(member, self.of(member.lesson_id))

    def _tell(self, member: Member, quality: LessonQuality) -> None:
        message = _news(member, quality)
        if message is not None:
            member.send(message)


def _news(member: Member, quality: LessonQuality) -> Message | None:
    """What a member is told; nothing where there is nothing to tell."""
    sites = [_known(site.as_json()) for code, site in quality.sites.items() if code in member.sites]
    own = [_known(each.as_json()) for each in quality.streams if _is_own(each, member)]
    return {"type": "quality", "sites": sites, "own": own} if sites or own else None


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known: a lesson of many sites is told of every few seconds, over their teacher's link."""
    known = {name: value for name, value in fields.items() if value is not None}
    if "streams" in known:
        known["streams"] = [_known(stream) for stream in known["streams"]]
    return known


def _is_own(stream: StreamQuality, member: Member) -> bool:
    return member.viewer != "" and stream.session.admission.viewer == member.viewer
