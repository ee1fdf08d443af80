"""What the demo says in the end: figures of each stream, and whether the lesson really arrived.

``latency_*_ms`` is measured per picture, from the moment the publisher's track handed the encoded frame to
WebRTC to the moment the receiver had it decoded. It contains the wait for the next frame that tells
aiortc's jitter buffer that a frame is whole, which is one frame interval (50 ms at 20 frames a second).

``first_frame_ms`` runs from the WHEP request to the first decoded picture; a loop cannot answer a keyframe
request, so up to a second of it is the wait for the next keyframe. ``relay_us_per_packet`` is the CPU time
of the relay's process over the packets it forwarded while the lesson ran, at this small load mostly its
ticks and wake-ups.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.demo.watching import Observation

LONGEST_GAP: Final = 1.0
LEAST_SHARE: Final = 0.8
LEAST_TONE: Final = 0.5


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def complaint(seen: Observation) -> str | None:
    """Why a stream did not arrive as a lesson needs it, or None when it did."""
    if seen.first_frame_ms is None:
        return "no picture"
    # What a machine that is too busy did not send is not missed: the demo's clients share it with the server.
    if seen.frames < LEAST_SHARE * seen.frames_sent:
        return f"{seen.frames} pictures in {seen.seconds:.1f} s, {seen.frames_sent} were sent"
    if seen.longest_freeze > LONGEST_GAP + seen.longest_pause:
        return f"the picture froze for {seen.longest_freeze:.1f} s"
    if seen.sound_packets < LEAST_SHARE * seen.sounds_sent:
        return f"{seen.sound_packets} packets of sound in {seen.seconds:.1f} s, {seen.sounds_sent} were sent"
    if seen.longest_silence > LONGEST_GAP + seen.longest_pause:
        return f"the sound broke off for {seen.longest_silence:.1f} s"
    if seen.tone_share < LEAST_TONE:
        return "the sound is not the sender's"
    return None


def figures(seen: Observation) -> dict[str, Any]:
    """The JSON figures of one received stream."""
    return {
        "frames": seen.frames,
        "first_frame_ms": _rounded(seen.first_frame_ms),
        "latency_p50_ms": _rounded(percentile(seen.latencies_ms, 0.50)),
        "latency_p99_ms": _rounded(percentile(seen.latencies_ms, 0.99)),
        "lost_packets": seen.lost_packets,
        "longest_freeze_ms": _rounded(seen.longest_freeze * 1000),
        "audio_frames": seen.sound_frames,
    }


def report(
    lesson: str, sites: Mapping[str, Observation], answer: tuple[str, Observation], relay_us: float | None
) -> dict[str, Any]:
    """The last line of the demo. ``answer`` is the site that answered, as the teacher saw it."""
    answering, seen_by_teacher = answer
    complaints = [f"{code}: {problem}" for code, seen in sites.items() if (problem := complaint(seen))]
    if problem := complaint(seen_by_teacher):
        complaints.append(f"teacher, watching {answering}: {problem}")
    result: dict[str, Any] = {
        "ok": not complaints,
        "lesson": lesson,
        "sites": [{"site": code, **figures(seen)} for code, seen in sites.items()],
        "answer": {"site": answering, **figures(seen_by_teacher)},
        "relay_us_per_packet": _rounded(relay_us),
    }
    return result if not complaints else result | {"reason": "; ".join(complaints)}


def failure(reason: str) -> dict[str, Any]:
    """The last line of a demo that did not get far enough for figures."""
    return {"ok": False, "reason": " ".join(reason.split())}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
