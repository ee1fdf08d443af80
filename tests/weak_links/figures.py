"""From a receiver's notes to the figures of the table."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_BROKEN: Final = 0.05
"""Share of an interval's sound that is made up, from which on a listener hears it."""
Notes = tuple[Sequence[dict[str, Any]], Sequence[tuple[float, int]]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a receiver saw and heard in a phase. Shares are of the phase's time or samples."""

    seconds: float
    frames: int
    freezes: int
    frozen: float
    longest_gap: float
    """Seconds between two frames shown, at most."""
    concealed: float
    height: int
    """Of most frames shown."""
    video_kbits: float
    audio_kbits: float
    sound_broken_until: float
    """Seconds into the phase, after which no interval of sound was broken any more."""
    video_delay_ms: float
    """Mean time in the video's jitter buffer."""
    audio_delay_ms: float
    keyframes: int


def seen(notes: Notes, begin: float, end: float) -> Seen:
    """The figures of the time between two Unix times."""
    samples, shown = notes
    times = [sample["at"] for sample in samples]
    window = samples[bisect_left(times, begin) : bisect_left(times, end) + 1]
    first, last = window[0], window[-1]
    seconds = last["at"] - first["at"]
    frames = [(at, height) for at, height in shown if begin <= at <= end]
    marks = [begin, *(at for at, _ in frames), end]
    heights = sorted(height for _, height in frames) or [0]

    def gained(name: str) -> float:
        return float(last.get(name, 0) - first.get(name, 0))

    return Seen(
        seconds=seconds,
        frames=int(gained("video.framesDecoded")),
        freezes=int(gained("video.freezeCount")),
        frozen=gained("video.totalFreezesDuration") / seconds,
        longest_gap=max(later - earlier for earlier, later in zip(marks, marks[1:], strict=False)),
        concealed=gained("audio.concealedSamples") / max(1.0, gained("audio.totalSamplesReceived")),
        height=heights[len(heights) // 2],
        video_kbits=gained("video.bytesReceived") * 8 / seconds / 1e3,
        audio_kbits=gained("audio.bytesReceived") * 8 / seconds / 1e3,
        sound_broken_until=_broken_until(window, begin),
        video_delay_ms=_delay(gained("video.jitterBufferDelay"), gained("video.jitterBufferEmittedCount")),
        audio_delay_ms=_delay(gained("audio.jitterBufferDelay"), gained("audio.jitterBufferEmittedCount")),
        keyframes=int(gained("video.keyFramesDecoded")),
    )


def time_to_height(notes: Notes, begin: float, height: int) -> float | None:
    """Seconds from ``begin`` to the first frame shown of this height; ``None`` when none came."""
    return next((at - begin for at, shown in notes[1] if at >= begin and shown >= height), None)


def _broken_until(window: Sequence[dict[str, Any]], begin: float) -> float:
    until = 0.0
    for before, after in zip(window, window[1:], strict=False):
        total = after["audio.totalSamplesReceived"] - before["audio.totalSamplesReceived"]
        made_up = after["audio.concealedSamples"] - before["audio.concealedSamples"]
        if total <= 0 or made_up / total > _BROKEN:
            until = after["at"] - begin
    return until


def _delay(seconds: float, emitted: float) -> float:
    return seconds / emitted * 1e3 if emitted else 0.0
