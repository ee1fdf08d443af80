"""One session of a viewer: its picture, and how it gets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from media_relay.core.allocation import NO_PICTURE
from media_relay.core.congestion import CongestionDetector
from media_relay.core.queueing import Queueing
from media_relay.core.report_judge import ReportJudge
from media_relay.core.transport_log import TransportLog

AUDIO_ONLY: Final = "audio_only"
_HOLD: Final = 3.0
_LONGEST_HOLD: Final = 60.0
_TRIAL: Final = 10.0
"""Seconds in which a larger picture must prove that it was no mistake."""
_SMOOTHING: Final = 0.05
"""Weight of a new measurement, five times a second: a keyframe every four seconds is to be no event."""


class Choice(Protocol):
    """A rendition of a picture."""

    @property
    def rung(self) -> str:
        """Its name: ``full``, ``middle`` or ``low``."""

    @property
    def bitrate(self) -> int:
        """Bits a second, measured lately; 0 while unknown."""

    @property
    def repeated(self) -> int:
        """How much of that is repetitions of sound."""

    @property
    def active(self) -> bool:
        """Whether the publisher sends it just now."""


class Media(Protocol):
    """What a viewer is given of one kind: see :class:`media_relay.core.subscription.Subscription`."""

    def renditions(self, now: float) -> Sequence[Choice]:
        """What there is, lowest first."""


class Member:
    """State of one session. Times are monotonic seconds."""

    __slots__ = (
        "_bitrates",
        "_hold",
        "_raised_at",
        "_sound",
        "bitrates",
        "detector",
        "hold_until",
        "index",
        "log",
        "picture",
        "probes",
        "queueing",
        "repeats",
        "reports",
        "rungs",
        "sound",
        "stream",
    )

    def __init__(
        self, stream: str, log: TransportLog, picture: Media | None, sound: Media | None, *, probes: bool
    ) -> None:
        self.stream = stream
        self.log = log
        self.picture = picture
        self._sound = sound
        self.probes = probes
        """Whether padding can be sent to it (on the SSRC of its retransmissions)."""
        self.queueing = Queueing()
        self.detector = CongestionDetector()
        self.reports = ReportJudge()
        self.sound = 0
        """Bits a second of its sound."""
        self.repeats = True
        """Whether its sound is sent with repetitions, where there are any."""
        self.rungs: list[str] = []
        """Names of the renditions that there are, lowest first."""
        self.bitrates: list[int] = []
        """Their smoothed bits a second."""
        self.index: int | None = None
        """The rendition it is to have; ``None``: not decided yet, so the best."""
        self.hold_until = 0.0
        """Until when it is not given more."""
        self._bitrates: dict[str, float] = {}
        self._hold = _HOLD
        self._raised_at: float | None = None

    @property
    def chosen(self) -> int:
        """The index of the rendition it is to have."""
        best = len(self.rungs) - 1
        return best if self.index is None else min(self.index, best)

    @property
    def cost(self) -> int:
        """Bits a second of its picture now."""
        return self.bitrates[self.chosen] if self.chosen > NO_PICTURE else 0

    def measure(self, now: float) -> bool:
        """Take note of the renditions that live and what they take; whether they are others than before."""
        if self._sound is not None:
            sounds = self._sound.renditions(now)
            self.sound = sum(r.bitrate - (0 if self.repeats else r.repeated) for r in sounds)
        if self.picture is None:
            return False
        # One that lives and sent nothing for a moment, as encoders short of time do, takes what it took.
        alive = [
            r for r in self.picture.renditions(now) if r.active and (r.bitrate or r.rung in self._bitrates)
        ]
        for rendition in alive:
            known = self._bitrates.get(rendition.rung, float(rendition.bitrate))
            taken = rendition.bitrate or known
            self._bitrates[rendition.rung] = known + _SMOOTHING * (taken - known)
        rungs = [rendition.rung for rendition in alive]
        self.bitrates = [int(self._bitrates[rung]) for rung in rungs]
        if rungs == self.rungs:
            return False
        before = self.rungs
        if self.index is not None and self.index > NO_PICTURE:
            self.index = _same_place(self.index, before, rungs)
        self.rungs = rungs
        return True

    def release(self) -> None:
        """It is given the best there is from now on, and nobody asks what that takes."""
        self.index = None
        self._bitrates.clear()

    def lowered(self, now: float) -> None:
        """It is given less because of trouble: the sooner after it was given more, the longer the next try waits."""
        failed = self._raised_at is not None and now - self._raised_at < _TRIAL
        if failed:
            self._hold = min(2 * self._hold, _LONGEST_HOLD)
        elif now >= self.hold_until:  # not once more in the same trouble
            self._hold = _HOLD
        self._raised_at = None
        self.hold_until = now + self._hold

    def raised(self, now: float) -> None:
        """It is given more."""
        self._raised_at = now

    def is_full(self, now: float) -> bool:
        """Whether it has the best picture that there is, and that was no mistake; nobody's picture is not full.

        Neither is the best of what is left while the publisher pauses a larger one: that one comes back.
        """
        if self.picture is None:
            return True
        if not self.rungs or self.chosen != len(self.rungs) - 1:
            return False
        proven = self._raised_at is None or now - self._raised_at >= _TRIAL
        return proven and self.rungs[-1] == max(self._bitrates, key=self._bitrates.__getitem__)


def _same_place(index: int, before: list[str], now: list[str]) -> int:
    """Where a rendition of the former list is in the new one; else as close to it as there is."""
    if index < len(before) and before[index] in now:
        return now.index(before[index])
    return max(NO_PICTURE, min(index, len(now) - 1))
