"""Reads the figures of every session every few seconds, each at its own time, so that no tick has to do all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from media_relay.messages import SAMPLES_AT_ONCE, Sample, Samples
from media_relay.peer import PeerState
from media_relay.publisher import Publisher
from media_relay.subscriber import Subscriber

FIRST: Final = 1.0
"""Seconds from a session's connection to its first sample: the teacher who waits for a site wants to know."""
EVERY: Final = 5.0
"""Seconds from one sample of a session to the next."""


class Sampling:
    """Emits the samples of the sessions that are due."""

    def __init__(self, emit: Callable[[Samples], None]) -> None:
        self._emit = emit

    def look(self, peers: Iterable[Publisher | Subscriber], now: float) -> None:
        """A few times a second."""
        due: list[Sample] = []
        for peer in peers:
            if peer.state is not PeerState.CONNECTED:
                continue
            figures = peer.figures
            if isinstance(peer, Subscriber):
                figures.freezes.look(now, playing=peer.playing)
            if figures.sampled_at is None:
                _sample(peer, now)  # begins the first one's time
                figures.due_at = now + FIRST
            elif now >= figures.due_at:
                due.append(_sample(peer, now))
                figures.due_at = now + EVERY
        for start in range(0, len(due), SAMPLES_AT_ONCE):
            self._emit(Samples(tuple(due[start : start + SAMPLES_AT_ONCE])))


def _sample(peer: Publisher | Subscriber, now: float) -> Sample:
    return _of_publisher(peer, now) if isinstance(peer, Publisher) else _of_subscriber(peer, now)


def _of_subscriber(peer: Subscriber, now: float) -> Sample:
    tracks = {kind: s.path.rendition.track for kind, s in peer.subscriptions.items()}
    jitters = {kind: s.jitter / tracks[kind].clock_rate for kind, s in peer.subscriptions.items()}
    rtts = [s.rtt for s in peer.subscriptions.values() if s.rtt is not None]
    given = [s.path.rendition for s in peer.subscriptions.values() if not s.waiting]
    carried = peer.figures.added({id(rendition): rendition.carried[1] for rendition in given})
    seconds, loss, freezes, repaired = peer.figures.take(now)
    return Sample(
        session=peer.session,
        lesson=peer.stream.lesson,
        stream=peer.stream.name,
        publishes=False,
        seconds=round(seconds, 2),
        loss=round(loss, 4),
        rtt_ms=_milliseconds(min(rtts, default=None)),
        jitter_ms=_milliseconds(_of_the_link(jitters)) or 0.0,
        bitrate=_bitrate(carried, seconds),
        repaired=repaired,
        viewer=peer.viewer,
        rung=peer.rung,
        estimate=peer.estimate,
        freezes=freezes,
        tcp=peer.over_tcp,
    )


def _of_publisher(peer: Publisher, now: float) -> Sample:
    jitters, rtts = {}, []
    for track, source in peer.sources:
        reception = source.reception
        peer.figures.loss.note(source.ssrc, reception.expected, reception.expected - reception.received)
        jitters["video" if track.is_video else "audio"] = reception.jitter
        if source.nacks.rtt is not None:
            rtts.append(source.nacks.rtt)
    sent = [track for layers in peer.stream.layers.values() for track in layers.tracks]
    carried = peer.figures.added({id(track): track.octets for track in sent})
    seconds, loss, _, repaired = peer.figures.take(now)
    return Sample(
        session=peer.session,
        lesson=peer.stream.lesson,
        stream=peer.stream.name,
        publishes=True,
        seconds=round(seconds, 2),
        loss=round(loss, 4),
        rtt_ms=_milliseconds(min(rtts, default=None)),
        jitter_ms=_milliseconds(_of_the_link(jitters)) or 0.0,
        bitrate=_bitrate(carried, seconds),
        repaired=repaired,
        layers=sum(track.is_video and track.source is source for track, source in peer.sources),
        tcp=peer.over_tcp,
    )


def _bitrate(octets: int, seconds: float) -> int:
    return round(octets * 8 / seconds) if seconds > 0 else 0


def _of_the_link(jitters: dict[str, float]) -> float | None:
    """The sound's, if there is any: a picture's packets leave in bunches, which looks like jitter of the link."""
    return jitters.get("audio", jitters.get("video"))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds) * 1e3, 1)
