"""The layers of one kind of media in a stream, and which of them lives.

Sound has one layer. A picture has up to three, each a track with its own history and numbers; all of them leave on the
same SSRC. A publisher that sends one layer sends the full picture.
"""

from __future__ import annotations

import secrets
from typing import Final

from media_relay.core.layering import MAX_SPATIAL, MAX_TEMPORAL
from media_relay.core.packet import Codec
from media_relay.core.rendition import FULL, RUNGS, Rendition
from media_relay.core.track import AUDIO_SLOTS, LOWER_SLOTS, VIDEO_SLOTS, Track

MAX_LAYERS: Final = max(RUNGS)
_SILENCE: Final = 1.0
"""Seconds without a packet, while other layers send, after which a layer is taken for paused."""
_LONG_SILENCE: Final = 3.0
"""The same for the lowest layer."""


class Layers:
    """The tracks and renditions of a kind. Times are seconds of any monotonic clock."""

    def __init__(self, *, is_video: bool) -> None:
        self.is_video = is_video
        self.ssrc = secrets.randbits(31) << 1
        self.repair_ssrc = secrets.randbits(31) << 1 | 1
        """Of retransmissions to subscribers that negotiated them (RFC 4588)."""
        self._by_rung: dict[str, Rendition] = {}
        self.renditions: tuple[Rendition, ...] = (self._rendition(FULL),)
        """What can be seen of the present publisher, lowest first; no two have the same rung."""
        self._laid_out = 1

    @property
    def full(self) -> Track:
        """The track of the full picture: the only one of a publisher with one layer."""
        return self._by_rung[FULL].track

    @property
    def tracks(self) -> list[Track]:
        """All tracks that there ever were."""
        return [rendition.track for rendition in self._by_rung.values()]

    def lay_out(self, count: int) -> tuple[Rendition, ...]:
        """A new publisher sends this many layers: one to :data:`MAX_LAYERS`. Returns them, lowest first."""
        for known in self._by_rung.values():
            known.active = False
            known.track.release()
        self.renditions = tuple(self._rendition(rung) for rung in RUNGS[count])
        self._laid_out = count
        return self.renditions

    def _rendition(self, rung: str) -> Rendition:
        if rung not in self._by_rung:
            slots = AUDIO_SLOTS if not self.is_video else VIDEO_SLOTS if rung == FULL else LOWER_SLOTS
            track = Track(
                is_video=self.is_video,
                ssrc=self.ssrc,
                repair_ssrc=self.repair_ssrc,
                first_sequence=secrets.randbelow(1 << 14) + 1,
                slots=slots,
            )
            self._by_rung[rung] = Rendition(track, rung)
        return self._by_rung[rung]

    def wholes(self) -> list[Rendition]:
        """The renditions that are all of a track."""
        return list(self._by_rung.values())

    def alive(self, track: Track) -> None:
        """A keyframe came on this track."""
        for rendition in self.renditions:
            rendition.active |= rendition.track is track and rendition.thinning is None

    def measure(self, now: float) -> bool:
        """Look at the layers a few times a second; whether one began or ceased to live since."""
        self._find_thinner()
        newest = max(r.track.heard_at for r in self.renditions)
        changed = False
        for rendition in self.renditions:
            rendition.measure(now)
            # An encoder short of bits or time leaves out pictures, of small layers first; and there is nothing below
            # the lowest one to fall to.
            patience = _LONG_SILENCE if rendition is self.renditions[0] else _SILENCE
            alive = rendition.track.source is not None and self._heard_at(rendition) > newest - patience
            changed |= alive != rendition.active
            rendition.active = alive
        return changed

    @staticmethod
    def _heard_at(rendition: Rendition) -> float:
        """When its highest spatial layer was heard. All silent at once is a still picture, or a publisher that is
        gone: then no layer is better than another."""
        track = rendition.track
        if track.layering is None or rendition.spatial == MAX_SPATIAL - 1:
            return track.heard_at
        return track.layering.heard_at[rendition.spatial]

    def _find_thinner(self) -> None:
        """The lower layers of a publisher that sends several on one source: spatial ones, else temporal ones."""
        layering = self.full.layering
        if layering is None or self._laid_out != 1:
            return
        spatial, temporal = layering.layers()
        count = min(MAX_LAYERS, spatial if spatial > 1 else temporal)
        if count == len(self.renditions):
            return
        full = self._by_rung[FULL]
        limits = [
            (level, MAX_TEMPORAL - 1) if spatial > 1 else (MAX_SPATIAL - 1, level)
            for level in range(count - 1)
        ]
        thinner = [self._thinner(rung, *limit) for rung, limit in zip(RUNGS[count], limits, strict=False)]
        self.renditions = (*thinner, full)

    def _thinner(self, rung: str, spatial: int, temporal: int) -> Rendition:
        rendition = Rendition(self.full, rung)
        rendition.limit(spatial, temporal)
        return rendition

    @property
    def entangled(self) -> bool:
        """Whether all but the lowest rendition take the dependency descriptor to read: AV1 in spatial layers."""
        full = self.full
        return full.codec == Codec.AV1 and full.layering is not None and full.layering.layers()[0] > 1

    def best(self, wanted: Rendition | None, *, reads_entangled: bool = True) -> Rendition | None:
        """The wanted rendition (by default the highest), or the next lower one that lives, or the next higher one."""
        renditions = self.renditions
        if not reads_entangled and self.entangled:
            renditions = renditions[:1]
        at = renditions.index(wanted) if wanted in renditions else len(renditions) - 1
        for rendition in (*reversed(renditions[: at + 1]), *renditions[at + 1 :]):
            if rendition.active:
                return rendition
        return None

    def round_trip(self, last_sr: int, delay: int, now: float) -> float | None:
        """Seconds to a subscriber and back from its report block, when one of the layers' reports is known there."""
        times = (track.clock.round_trip(last_sr, delay, now) for track in self.tracks)
        return next((time for time in times if time is not None), None)
