"""How the links of a lesson's people are doing, as the relay nodes measured it last.

A node tells a sample of each media session every five seconds, and at once when somebody's picture becomes smaller
or larger (its *rung*). Kept is the newest of each; with the session it is gone.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.lessons.rules import MAIN_STREAM, SITE_STREAM_PREFIX
from app.live.rules import Direction
from app.live.sessions import MediaSession
from media_relay.messages import Sample

WEAK_LOSS: Final = 0.05
"""From this share of lost packets on repair is felt, whatever the picture's size."""


class Rung(StrEnum):
    """How much of the picture somebody is given, largest first. Their sound is whole on all of them."""

    FULL = "full"
    MIDDLE = "middle"
    LOW = "low"
    AUDIO_ONLY = "audio_only"


_RUNGS: Final = {rung: number for number, rung in enumerate(Rung)}


class LinkState(StrEnum):
    """What a person needs to know of a site's link."""

    GOOD = "good"
    WEAK = "weak"  # a smaller picture, or one that stops at times
    AUDIO_ONLY = "audio_only"
    AWAY = "away"  # it does not receive the lesson


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of one session's link; ``None`` where nothing is yet."""

    connected_at: datetime | None = None
    sample: Sample | None = None
    at: datetime | None = None
    """When the sample came."""
    rung: Rung | None = None
    reason: str | None = None
    """Why it is on that rung."""
    rung_at: datetime | None = None
    freezes: int = 0
    """Since it connected."""


_NOTHING: Final = Measured()


class QualityRecord:
    """The newest figures of all sessions. One event loop owns it."""

    def __init__(self) -> None:
        self._sessions: dict[str, Measured] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, session_id: str) -> Measured:
        """What is known of a session."""
        return self._sessions.get(session_id, _NOTHING)

    def connected(self, session_id: str, now: datetime) -> None:
        """Media of a session can flow."""
        self._sessions[session_id] = replace(self.of(session_id), connected_at=now)

    def sampled(self, sample: Sample, now: datetime) -> None:
        """A sample came. The rung it names counts where no change was told."""
        known = self.of(sample.session)
        rung = rung_of(sample.rung) or known.rung
        if rung is not known.rung:
            known = replace(known, rung=rung, reason=None, rung_at=now)
        self._sessions[sample.session] = replace(
            known, sample=sample, at=now, freezes=known.freezes + sample.freezes
        )

    def stepped(self, session_id: str, rung: Rung, reason: str, now: datetime) -> None:
        """A session's picture became smaller or larger."""
        self._sessions[session_id] = replace(self.of(session_id), rung=rung, reason=reason, rung_at=now)

    def forget(self, session_id: str) -> None:
        """The session has ended."""
        self._sessions.pop(session_id, None)


def rung_of(word: str) -> Rung | None:
    """The rung of this name; ``None`` for one we do not know."""
    return Rung(word) if word in _RUNGS else None


@dataclass(frozen=True, slots=True)
class StreamQuality:
    """One stream on its way to or from somebody."""

    session: MediaSession
    measured: Measured

    def as_json(self) -> dict[str, Any]:
        """For a page: names and figures, nothing of the person."""
        known, sample = self.measured, self.measured.sample
        return {
            "stream": self.session.key.stream,
            "direction": self.session.direction,
            "connected": self.session.connected,
            "connected_at": _stamp(known.connected_at),
            "measured_at": _stamp(known.at),
            "loss": sample and sample.loss,
            "rtt_ms": sample and sample.rtt_ms,
            "jitter_ms": sample and sample.jitter_ms,
            "bitrate": sample and sample.bitrate,
            "estimate": sample and sample.estimate,
            "repaired": sample and sample.repaired,
            "tcp": sample and sample.tcp,
            "freezes": known.freezes,
            "layers": sample.layers if sample and sample.publishes else None,
            "rung": known.rung,
            "reason": known.reason,
            "rung_at": _stamp(known.rung_at),
        }


@dataclass(frozen=True, slots=True)
class SiteQuality:
    """A teaching site's link, from all that its people send and receive."""

    site: str
    state: LinkState = LinkState.AWAY
    rung: Rung | None = None
    """The smallest of its pictures."""
    since: datetime | None = None
    """Since when it is given pictures of that size; before the first change, since when it receives the lesson."""
    streams: tuple[StreamQuality, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For a page."""
        return {
            "site": self.site,
            "state": self.state,
            "rung": self.rung,
            "since": _stamp(self.since),
            "streams": [stream.as_json() for stream in self.streams],
        }


@dataclass(frozen=True, slots=True)
class LessonQuality:
    """All links of a lesson."""

    streams: tuple[StreamQuality, ...] = ()
    teacher: tuple[StreamQuality, ...] = ()
    sites: Mapping[str, SiteQuality] = field(default_factory=dict)


def survey(sessions: Iterable[MediaSession], record: QualityRecord, live: Collection[str]) -> LessonQuality:
    """The links of a lesson's sessions; ``live`` are its streams whose media arrive."""
    by_name = sorted(sessions, key=lambda each: (each.key.stream, each.direction))
    streams = tuple(StreamQuality(session, record.of(session.id)) for session in by_name)
    sites: dict[str, list[StreamQuality]] = {}
    for each in streams:
        if (code := each.session.admission.site_code) is not None:
            sites.setdefault(code, []).append(each)
    return LessonQuality(
        streams,
        teacher=tuple(each for each in streams if _is_teachers(each.session)),
        sites={code: _site(code, sites[code], live) for code in sorted(sites)},
    )


def _is_teachers(session: MediaSession) -> bool:
    """Who publishes without being a site, or watches one."""
    to_a_site = session.key.stream.startswith(SITE_STREAM_PREFIX)
    return session.admission.site_code is None and (session.direction is Direction.PUBLISH or to_a_site)


def _site(code: str, streams: list[StreamQuality], live: Collection[str]) -> SiteQuality:
    receives = [
        each for each in streams if each.session.connected and each.session.direction is Direction.WATCH
    ]
    if not any(each.session.key.stream == MAIN_STREAM for each in receives):
        return SiteQuality(code, streams=tuple(streams))
    shown = [each.measured for each in receives if each.session.key.stream in live]
    worst = max(shown, key=lambda each: _RUNGS.get(each.rung or Rung.FULL, 0), default=_NOTHING)
    if shown and all(each.rung is Rung.AUDIO_ONLY for each in shown):
        state = LinkState.AUDIO_ONLY
    elif worst.rung not in (None, Rung.FULL) or any(_is_troubled(each.measured.sample) for each in streams):
        state = LinkState.WEAK
    else:
        state = LinkState.GOOD
    since = worst.rung_at or min((m.connected_at for m in shown if m.connected_at), default=None)
    return SiteQuality(code, state, worst.rung, since, tuple(streams))


def _is_troubled(sample: Sample | None) -> bool:
    return sample is not None and (sample.loss >= WEAK_LOSS or sample.freezes > 0)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
