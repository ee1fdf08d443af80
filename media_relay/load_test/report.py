"""What a load test found, as figures and as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from media_relay.load_test.subscriber import ReceivingClient


@dataclass(frozen=True, slots=True)
class Window:
    """What stood on the counters at one end of the time that is reported on."""

    at: float
    """Monotonic seconds."""
    published: int
    packets: tuple[int, ...]
    """By subscriber."""
    octets: int
    repaired: int
    refused: int
    sound: tuple[tuple[int, int], ...] = ()
    """By subscriber: packets of sound that came too late, and all that came."""
    freezes: int = 0
    still: float = 0.0
    """Seconds that all pictures together stood still."""
    feedbacks: int = 0


def look(at: float, published: int, subscribers: Sequence[ReceivingClient]) -> Window:
    """The counters of this moment."""
    return Window(
        at=at,
        published=published,
        packets=tuple(s.packets for s in subscribers),
        octets=sum(s.octets for s in subscribers),
        repaired=sum(t.repaired for s in subscribers for t in s.tracks.values()),
        refused=sum(s.refused for s in subscribers),
        sound=tuple((s.sound.late, _unique(s, "audio")) for s in subscribers),
        freezes=sum(s.pictures.freezes for s in subscribers),
        still=sum(s.pictures.still(at) for s in subscribers),
        feedbacks=sum(s.feedbacks for s in subscribers),
    )


def _unique(subscriber: ReceivingClient, kind: str) -> int:
    track = subscriber.tracks.get(kind)
    return 0 if track is None else track.unique


@dataclass(frozen=True, slots=True)
class Report:
    """A load test's result. Latencies and joins are milliseconds; ``None`` where nothing could be measured."""

    subscribers: int
    receiving: int
    """Subscribers that have sound and pictures, got packets in this time and were not sent away."""
    seconds: float
    published_packets: int
    packets: int
    packets_per_second: float
    megabits_per_second: float
    lost_packets: int
    """Packets that never arrived, repair included."""
    repaired_packets: int
    refused_packets: int
    """Packets that did not decrypt."""
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    latency_max_ms: float | None
    latency_samples: int
    join_p50_ms: float | None
    join_p99_ms: float | None
    first_frame_p50_ms: float | None
    """From the answer to the last packet of the first keyframe."""
    first_frame_max_ms: float | None
    freezes: int
    """Pauses between pictures that somebody would notice, at all subscribers together."""
    frozen_percent: float
    """Of the time, over all subscribers: their pictures stood still, or they had none."""
    concealed_percent: float
    """Of the sound: it never came, or too late to be played, so a player has to make something up."""
    held_back_ms: float
    """How long players held pictures and sound back at the end, for repairs to come in time: the mean over all."""
    transport_feedbacks: int
    """Messages that told the server what arrived when, by which it estimates links; 0 where it wants none."""
    layers: dict[str, int]
    """Subscribers by the encoding of the picture that they were given last; 0 is the only or the smallest one."""

    def as_json(self) -> str:
        """The report as one line of JSON."""
        return json.dumps(asdict(self))

    @property
    def good(self) -> bool:
        """Whether every subscriber received everything."""
        return self.receiving == self.subscribers and not self.lost_packets and not self.refused_packets


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that ``share`` of the ordered values do not exceed (nearest rank)."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def summarise(
    begin: Window,
    end: Window,
    subscribers: Sequence[ReceivingClient],
    latencies: Sequence[float],
    joins: Sequence[float],
) -> Report:
    """The report on the time between two windows; ``latencies`` and ``joins`` are ordered."""
    seconds = end.at - begin.at
    packets = [after - before for before, after in zip(begin.packets, end.packets, strict=True)]
    tracks = [track for s in subscribers for track in s.tracks.values()]
    frames = sorted(
        (s.first_frame_at - s.answered_at) * 1e3 for s in subscribers if s.first_frame_at is not None
    )
    return Report(
        subscribers=len(subscribers),
        receiving=sum(
            got > 0 and len(s.tracks) == 2 and not s.failure
            for got, s in zip(packets, subscribers, strict=True)
        ),
        seconds=round(seconds, 3),
        published_packets=end.published - begin.published,
        packets=sum(packets),
        packets_per_second=round(sum(packets) / seconds, 1),
        megabits_per_second=round((end.octets - begin.octets) * 8 / seconds / 1e6, 2),
        lost_packets=sum(track.lost(before=end.at) for track in tracks),
        repaired_packets=end.repaired - begin.repaired,
        refused_packets=end.refused - begin.refused,
        latency_p50_ms=percentile(latencies, 0.50),
        latency_p99_ms=percentile(latencies, 0.99),
        latency_max_ms=percentile(latencies, 1.0),
        latency_samples=len(latencies),
        join_p50_ms=percentile(joins, 0.50),
        join_p99_ms=percentile(joins, 0.99),
        first_frame_p50_ms=percentile(frames, 0.50),
        first_frame_max_ms=percentile(frames, 1.0),
        freezes=end.freezes - begin.freezes,
        frozen_percent=round(100 * (end.still - begin.still) / (seconds * max(1, len(subscribers))), 2),
        concealed_percent=_concealed(begin, end, subscribers),
        held_back_ms=_held_back(subscribers),
        transport_feedbacks=end.feedbacks - begin.feedbacks,
        layers=dict(sorted(Counter(str(s.layer) for s in subscribers if s.layer is not None).items())),
    )


def _concealed(begin: Window, end: Window, subscribers: Sequence[ReceivingClient]) -> float:
    """Percent of the sound that was lost or late between two windows."""
    lost = sum(
        track.lost(before=end.at) - track.lost(before=begin.at)
        for s in subscribers
        if (track := s.tracks.get("audio")) is not None
    )
    late = sum(after[0] - before[0] for before, after in zip(begin.sound, end.sound, strict=True))
    came = sum(after[1] - before[1] for before, after in zip(begin.sound, end.sound, strict=True))
    return round(100 * (lost + late) / (lost + came), 2) if lost + came else 0.0


def _held_back(subscribers: Sequence[ReceivingClient]) -> float:
    """Milliseconds; of each subscriber's two tracks the longer wait, since lips and voice are played together."""
    waits = [max(s.sound.hold_back.seconds, s.pictures.hold_back.seconds) for s in subscribers]
    return round(1e3 * sum(waits) / max(1, len(waits)), 1)


def as_text(report: Report) -> str:
    """The report for a person."""
    latency = "not measured: no packet carried this tool's stamp"
    if report.latency_p50_ms is not None:
        latency = (
            f"p50 {report.latency_p50_ms} ms, p99 {report.latency_p99_ms} ms, most {report.latency_max_ms} ms"
        )
    layers = ", ".join(f"{count} × {layer}" for layer, count in report.layers.items())
    rows = [
        ("published", f"{report.published_packets} packets in {report.seconds} s"),
        ("subscribers", f"{report.receiving} of {report.subscribers} receive sound and pictures"),
        ("first packet", f"p50 {report.join_p50_ms} ms, p99 {report.join_p99_ms} ms after the offer"),
        (
            "first picture",
            f"p50 {report.first_frame_p50_ms} ms, most {report.first_frame_max_ms} ms after the answer",
        ),
        ("received", f"{report.packets_per_second} packets/s, {report.megabits_per_second} Mbit/s in all"),
        ("lost", f"{report.lost_packets} packets of {report.packets}; {report.repaired_packets} repaired"),
        ("latency", latency),
        (
            "pictures",
            f"{report.freezes} freezes, {report.frozen_percent} % of the time; "
            f"subscribers by encoding: {layers or 'not known'}",
        ),
        (
            "feedback",
            f"{report.transport_feedbacks} transport-wide messages" if report.transport_feedbacks else "none",
        ),
        ("sound", f"{report.concealed_percent} % lost or too late"),
        ("waiting", f"{report.held_back_ms} ms that players hold back for what comes late"),
    ]
    return "\n".join(f"{name:<14}{words}" for name, words in rows)
