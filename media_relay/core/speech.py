"""Who speaks: from the audio levels that senders tell in their packets (RFC 6464), without decoding anything.

Steady noise is as loud as speech. What tells them apart is that speech rises and falls several times a second while a
fan does not, and that it stands out from what was there before. So a stream speaks when it is well above its own noise
floor for a while *and* its loudness dipped recently; a hum, however loud and however suddenly it begins, never does.
Some senders mark voice themselves, but browsers mark every packet, so the mark counts only against: a sender that is
known to use it, and does not, is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from media_relay.core.packet import NO_LEVEL

SILENCE: Final = 127
"""The level of digital silence, in -dBov."""
FAINTEST: Final = SILENCE - 55
"""Loudness (dB above digital silence) below which nothing counts as speech: -55 dBov."""
ABOVE_FLOOR: Final = 8.0
"""Decibels a voice stands above the noise of its room."""
DIP: Final = 8.0
"""Decibels loudness falls between syllables, beyond the flicker of steady noise."""
ATTACK: Final = 0.16
"""Seconds of loudness before somebody speaks: longer than a cough or a dropped book."""
RELEASE: Final = 0.8
"""Seconds without loudness before somebody has stopped: longer than a pause for breath."""
MUTED_AFTER: Final = 1.5
"""Seconds without any sound at all, not even a room's own noise: longer than a link's hiccup."""

_DIP_STARTS: Final = 1.0
"""How recent a dip must be for somebody to begin to speak, seconds."""
_DIP_LASTS: Final = 2.0
"""How long somebody speaks without one, seconds."""
_FLOOR_RISES: Final = 3.0
_FLOOR_FALLS: Final = 50.0
"""How fast the noise floor follows loudness, decibels a second: a gap of one packet does not move it much."""
_CREST_FALLS: Final = 20.0
_LONGEST_PACKET: Final = 0.12
"""The most sound that one packet stands for, seconds."""
_SMOOTHING: Final = 0.3
"""Time constant of the loudness that speakers are compared by, seconds."""

STRONGER: Final = 6.0
"""Decibels by which somebody drowns out the present speaker."""
CHALLENGE: Final = 1.0
"""Seconds that takes."""
SHORTEST_TURN: Final = 0.5
"""Seconds somebody stays the speaker at least."""
LINGER: Final = 2.0
"""Seconds the last speaker is shown while everybody is silent."""


class Voice:
    """The sound of one publisher. Times are seconds of any monotonic clock."""

    __slots__ = (
        "_crest",
        "_dipped_at",
        "_evidence",
        "_floor",
        "_heard_at",
        "_loud_at",
        "_marks",
        "_sound_at",
        "_speaking",
        "_strength",
    )

    def __init__(self, now: float) -> None:
        self._sound_at = now
        self._heard_at: float | None = None
        self._floor = 0.0
        self._crest = 0.0
        self._strength = 0.0
        self._evidence = 0.0
        self._dipped_at = -_DIP_LASTS + now
        self._loud_at = now
        self._marks = False
        self._speaking = False

    def hear(self, level: int, now: float) -> None:
        """Take the level byte of one packet (voice mark and -dBov), or ``NO_LEVEL``. Called for every packet."""
        if level == NO_LEVEL:
            self._sound_at = now
            return
        loudness = SILENCE - (level & 0x7F)
        if loudness:
            self._sound_at = now
        before = self._heard_at
        self._heard_at = now
        if before is None:
            self._crest = self._strength = loudness
            self._floor = min(loudness, FAINTEST)  # somebody may come in talking
            return
        passed = min(max(0.0, now - before), _LONGEST_PACKET)
        if level & 0x80:
            self._marks = True
            voiced = True
        else:
            voiced = not self._marks
        self._follow(loudness, passed, now)
        if voiced and loudness >= FAINTEST and loudness >= self._floor + ABOVE_FLOOR:
            self._loud_at = now
            self._evidence = min(self._evidence + passed, 2 * ATTACK)
        else:
            self._evidence = max(0.0, self._evidence - passed / 2)

    def _follow(self, loudness: int, passed: float, now: float) -> None:
        """Let the noise floor, the crest that dips are measured from, and the mean follow."""
        if loudness > self._floor:
            self._floor = min(loudness, self._floor + _FLOOR_RISES * passed)
        else:
            self._floor = max(loudness, self._floor - _FLOOR_FALLS * passed)
        if loudness >= self._crest:
            self._crest = loudness
        else:
            if self._crest - loudness >= DIP:
                self._dipped_at = now
            self._crest = max(loudness, self._crest - _CREST_FALLS * passed)
        self._strength += (loudness - self._strength) * min(1.0, passed / _SMOOTHING)

    def speaking(self, now: float) -> bool:
        """Whether somebody speaks. To be asked a few times a second: it also notes that time has passed."""
        since_dip = now - self._dipped_at
        if self._speaking:
            if now - self._loud_at > RELEASE or since_dip > _DIP_LASTS:
                self._speaking = False
                self._evidence = 0.0
        elif self._evidence >= ATTACK and now - self._loud_at <= RELEASE and since_dip <= _DIP_STARTS:
            self._speaking = True
        return self._speaking

    def muted(self, now: float) -> bool:
        """Whether no sound comes: no packets, or nothing but digital silence in them."""
        return now - self._sound_at > MUTED_AFTER

    @property
    def strength(self) -> float:
        """How loud it has been lately, decibels above digital silence."""
        return self._strength


class ActiveSpeaker:
    """The one stream of a lesson whose turn it is; ``None`` when nobody's."""

    __slots__ = ("_challenged_at", "_challenger", "_changed_at", "_spoke_at", "stream")

    def __init__(self) -> None:
        self.stream: str | None = None
        self._changed_at = float("-inf")
        self._spoke_at = float("-inf")
        self._challenger: str | None = None
        self._challenged_at = 0.0

    def update(self, voices: Mapping[str, Voice], now: float) -> bool:
        """Look who speaks now, of the streams that are there; true when ``stream`` changed."""
        strengths = {stream: voice.strength for stream, voice in voices.items() if voice.speaking(now)}
        present = self.stream
        if present is not None and present not in voices:
            return self._give_turn(None, now)
        loudest = max(strengths, key=lambda stream: strengths[stream], default=None)
        if present in strengths:
            self._spoke_at = now
            if loudest is None or not self._drowned_out(strengths, loudest, now):
                return False
        elif loudest is None:
            return present is not None and now - self._spoke_at > LINGER and self._give_turn(None, now)
        if now - self._changed_at < SHORTEST_TURN:
            return False
        return self._give_turn(loudest, now)

    def _drowned_out(self, strengths: Mapping[str, float], loudest: str, now: float) -> bool:
        """Whether one and the same challenger has been clearly louder than the present speaker for a while."""
        if self.stream is None or strengths[loudest] < strengths[self.stream] + STRONGER:
            self._challenger = None
            return False
        if self._challenger != loudest:
            self._challenger = loudest
            self._challenged_at = now
        return now - self._challenged_at >= CHALLENGE

    def _give_turn(self, stream: str | None, now: float) -> bool:
        self.stream = stream
        self._changed_at = self._spoke_at = now
        self._challenger = None
        return True
