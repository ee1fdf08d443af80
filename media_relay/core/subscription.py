"""One subscriber's view of one kind of media: what it is given now, what it reports, and what may be sent again.

How to steer a picture (the shell does the rest, see :meth:`media_relay.stream.Stream.steer`)::

    for rendition in subscription.renditions(now):   # lowest first
        rendition.rung, rendition.bitrate, rendition.active
    subscription.want(rendition)     # change to it at its next keyframe, which is asked for
    subscription.want(None)          # no picture from now on
    subscription.want_best()         # the default: the highest that lives
    subscription.current             # what it is given now; None while it waits

A rendition that the publisher ceases to send is replaced by the next one that lives, and returned to. A rendition of a
former publisher counts as the highest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from media_relay.core.allowance import Allowance
from media_relay.core.descriptors import NO_IDS, packet_ids
from media_relay.core.history import SLOT
from media_relay.core.keyframes import KeyframePatience
from media_relay.core.layers import Layers
from media_relay.core.packet import HEADER, Codec
from media_relay.core.rendition import NO_SHIFT, Path, Rendition, Shift
from media_relay.core.replay import Replay
from media_relay.core.sequence import extend
from media_relay.core.track import Track

_RESENDS: Final = 128
_RESENDS_RATE: Final = 500
"""Packets sent again a second: twice what a lesson has in all, so that a hostile client gets no flood out of us."""
_RESEND_INTERVAL: Final = 0.030
_CROSSING: Final = 0.6
_LONGEST_CROSSING: Final = 0.1
"""Share of a round trip, and seconds at most, in which a request may have crossed what it asks for."""
_MAX_REMEMBERED: Final = 512
_STALE_AFTER: Final = 0.200
"""Seconds after a keyframe until what was before it is not worth its bits any more."""
_MAX_SEGMENTS: Final = 6
_LOOK_BACK: Final = 64
_SHORTEST_STEP: Final = 1
"""Timestamp units between the last picture of one layer and the first of another, which is often the same picture: two
with one timestamp would be taken for parts of one. No more, since such steps may add up."""


class _Position(NamedTuple):
    """The last packet that a subscriber was sent, in the numbers that it saw."""

    sequence: int
    timestamp: int
    picture: int
    tl0: int
    path: Path


class Subscription:
    """State of one subscriber on one kind of media. Times are monotonic seconds."""

    __slots__ = (
        "_asked_for_none",
        "_first",
        "_layers",
        "_left_off",
        "_patience",
        "_reads_entangled",
        "_resends",
        "_resent",
        "_segments",
        "_skew",
        "_wanted",
        "fraction_lost",
        "jitter",
        "path",
        "repairs_sent",
        "replay",
        "rtt",
        "waiting",
    )

    def __init__(self, layers: Layers, *, reads_entangled: bool = True) -> None:
        """``reads_entangled``: whether it can tell layers apart that are one picture: see :attr:`Layers.entangled`."""
        self._layers = layers
        self._reads_entangled = reads_entangled
        self._wanted: Rendition | None = None
        self._asked_for_none = False
        self.waiting = True
        """Nothing is forwarded before :meth:`begin`: pictures wait for a keyframe."""
        self.path: Path = layers.renditions[-1].base
        """How packets come to it, or came before it had to wait."""
        self.replay: Replay | None = None
        """While the subscriber catches up with the stream."""
        self._first: int | None = None
        """The first number that it was ever sent."""
        self._left_off: _Position | None = None
        self._skew = 0
        """Timestamp units by which :attr:`path` is late, because pictures of two layers were too close."""
        self._segments: deque[tuple[int, Path]] = deque(maxlen=_MAX_SEGMENTS)
        """From which number on it was sent what, for NACKs."""
        self.fraction_lost = 0
        self.jitter = 0
        self.rtt: float | None = None
        self.repairs_sent = 0
        """Retransmissions on an SSRC of their own so far: they are numbered from it."""
        self._patience = KeyframePatience()
        self._resends = Allowance(_RESENDS_RATE, _RESENDS)
        self._resent: dict[int, float] = {}

    # --- what it is to be given -------------------------------------------------------------------------------------

    def renditions(self, now: float) -> tuple[Rendition, ...]:
        """What there is of the present publisher, lowest first, freshly measured."""
        self._layers.measure(now)
        return self._layers.renditions

    @property
    def all_renditions(self) -> tuple[Rendition, ...]:
        """What there is of the present publisher, lowest first."""
        return self._layers.renditions

    def want(self, rendition: Rendition | None) -> None:
        """Be given this rendition, or as close as there is; ``None``: no picture. In effect at the next steering."""
        self._wanted = rendition
        self._asked_for_none = rendition is None

    def want_best(self) -> None:
        """Be given the highest rendition that lives, as at the start."""
        self._wanted = None
        self._asked_for_none = False

    @property
    def current(self) -> Rendition | None:
        """What it is given now."""
        return None if self.waiting else self.path.rendition

    @property
    def target(self) -> Rendition | None:
        """What it should be given, of what lives now."""
        if self._asked_for_none:
            return None
        return self._layers.best(self._wanted, reads_entangled=self._reads_entangled)

    @property
    def refused(self) -> bool:
        """Whether it wants no picture."""
        return self._asked_for_none

    @property
    def moves(self) -> bool:
        """Whether it should be given something else than it is."""
        if self._asked_for_none:
            return False
        return self.waiting or self.target is not self.path.rendition

    @property
    def needs_keyframe(self) -> bool:
        """Whether what it should be given begins with a keyframe: not when it has that and more, or fewer pictures."""
        target, current = self.target, self.current
        if target is None or target is current:
            return False
        return current is None or current.track is not target.track or target.spatial > current.spatial

    def ask_keyframe(self, rendition: Rendition, now: float) -> None:
        """Have a keyframe of it asked for: at once, or with patience where that happens often."""
        track = rendition.track
        track.keyframes.ask(self._patience.ask(track.keyframe_at, now))

    def entrance(
        self, batches: Mapping[Track, list[int]], keyframes: Mapping[Track, int]
    ) -> tuple[Rendition, list[int], int] | None:
        """What to change to now: some of its track's packets, by slot, and with which of them to begin.

        ``keyframes`` tells where in the batches keyframes begin. Whoever waits takes a lower rendition than it should
        have, and goes on to that from there.
        """
        target = self.target
        if target is None or target is self.current:
            return None
        track, former = target.track, self.path.rendition
        slots, keyframe = batches.get(track, []), keyframes.get(track, -1)
        if not self.waiting and former.track is track:
            if self.replay is not None and keyframe < 0:
                # It is behind: what it would change at comes after what it was sent.
                slots = self.replay.ahead(track.history, track.highest)
            after = track.forwarded if self.replay is None else self.replay.last
            at = target.entrance(slots, keyframe, former, after)
            return None if at < 0 else (target, slots, at)
        if keyframe >= 0:
            return target, slots, keyframe
        if not self.waiting:
            return None
        renditions = self._layers.renditions
        for lower in reversed(renditions[: renditions.index(target)]):
            if lower.track in keyframes:
                return lower, batches[lower.track], keyframes[lower.track]
        return None

    # --- going on without a gap -------------------------------------------------------------------------------------

    def begin(self, rendition: Rendition, number: int, sent: int | None = None) -> None:
        """Forward the rendition from its packet with this extended number on.

        After a pause or a change the packets take the numbers that follow those sent before. So SRTP's rollover counter
        is never in doubt (RFC 3711 section 3.3.1), and no number is used twice. ``sent`` is the former rendition's
        number of the last packet sent, where that is not the last that was forwarded.
        """
        left_off = self._left_off if self.waiting else self._position(sent)
        self.replay = None
        self.waiting = False
        if left_off is None:
            self._first = number
            self.path = rendition.base
            if rendition.thinning is not None:
                self.path = Path(rendition, NO_SHIFT, _on_track(rendition, number))
        elif (
            left_off.path.rendition is rendition
            and left_off.sequence + 1 == number + self.path.shift.sequence
        ):
            return
        else:
            self.path = self._continue(left_off, rendition, number)
        self._segments.append((number + self.path.shift.sequence, self.path))

    def pause(self) -> None:
        """Forward nothing any more until :meth:`begin`."""
        if not self.waiting:
            self._left_off = self._position()
            self.waiting = True
        self.replay = None

    @property
    def reached(self) -> int:
        """The extended number, as the subscriber sees it, of the newest packet that it was sent."""
        if self.waiting:
            return -1 if self._left_off is None else self._left_off.sequence
        rendition = self.path.rendition
        newest = rendition.sent if self.replay is None else rendition.number_before(self.replay.last)
        return newest + self.path.shift.sequence

    def _position(self, sent: int | None = None) -> _Position:
        path, reached = self.path, self.reached
        number = reached - path.shift.sequence if sent is None else sent
        reached = number + path.shift.sequence
        found = _read(path.rendition, number)
        if found is None:
            return _Position(
                reached,
                path.rendition.track.newest_timestamp + path.shift.timestamp & 0xFFFFFFFF,
                *NO_IDS,
                path,
            )
        timestamp, picture, tl0 = found
        shift = path.shift
        return _Position(
            reached,
            timestamp + shift.timestamp & 0xFFFFFFFF,
            picture + shift.picture & 0xFFFF if picture >= 0 else -1,
            tl0 + shift.tl0 & 0xFF if tl0 >= 0 else -1,
            path,
        )

    def _continue(self, left_off: _Position, rendition: Rendition, number: int) -> Path:
        track = rendition.track
        timestamp, picture, tl0 = _read(rendition, number) or (left_off.timestamp, *NO_IDS)
        shift = self._timestamp_shift(left_off, track)
        ahead = (timestamp + shift - left_off.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._skew = max(0, _SHORTEST_STEP - ahead)
        first = _on_track(rendition, number)
        if left_off.path.rendition.track is track and first != track.keyframe_sequence:
            # It is predicted from what was sent before, which it names by these ids: they must go on as they were.
            former = left_off.path.shift
            ids_shift = former.picture, former.tl0
            if track.codec == Codec.VP8:
                # There, picture ids name nothing, and must not have gaps (RFC 7741 section 4.2).
                ids_shift = _following(left_off.picture, picture), former.tl0
        else:
            ids_shift = _following(left_off.picture, picture), _following(left_off.tl0, tl0)
        return Path(
            rendition,
            Shift(
                sequence=left_off.sequence + 1 - number,
                timestamp=shift + self._skew & 0xFFFFFFFF,
                picture=ids_shift[0] & 0xFFFF,
                tl0=ids_shift[1] & 0xFF,
            ),
            first,
        )

    def _timestamp_shift(self, left_off: _Position, track: Track) -> int:
        """By the publisher's clock where both tracks have been tied to it, else by the times of arrival."""
        former, shift = left_off.path.rendition.track, left_off.path.shift.timestamp
        if former is track:
            return shift - self._skew
        if former.clock.offset is not None and track.clock.offset is not None:
            return former.clock.offset + shift - self._skew - track.clock.offset
        # The newest packets of both lie this far apart.
        elapsed = int((track.heard_at - former.heard_at) * track.clock_rate)
        return former.newest_timestamp + shift + elapsed - track.newest_timestamp

    # --- feedback ---------------------------------------------------------------------------------------------------

    def report(self, fraction_lost: int, jitter: int, rtt: float | None) -> None:
        """A report block of the subscriber's receiver report; ``rtt`` in seconds, where it could be measured."""
        self.fraction_lost = fraction_lost
        self.jitter = jitter
        if rtt is not None and rtt >= 0:
            self.rtt = rtt

    def is_stale(self, path: Path, slot: int, now: float) -> bool:
        """Whether a decoder has no use for the packet in a slot of ``path`` any more: it was given a later keyframe.

        Idea after Galène. Not at once: what was lost just before the keyframe may still be shown before it, if it
        comes within the depth of a jitter buffer; and a keyframe that the subscriber was not sent yet helps nobody.
        """
        track = path.rendition.track
        keyframe = track.keyframe_sequence
        if not track.is_video or keyframe is None or track.history.sequence(slot) >= keyframe:
            return False
        if now - track.keyframe_at <= _STALE_AFTER:
            return False
        begins = track.history.find(keyframe)
        return begins < 0 or path.rendition.number_at(begins) + path.shift.sequence <= self.reached

    def has_left(self, path: Path) -> bool:
        """Whether it is given something else than what came on ``path``, or waits for a keyframe."""
        return self.waiting or path.rendition.track is not self.path.rendition.track

    def turn_over(self) -> None:
        """From the next packet on the same is sent in another form: under their nonces, packets from before would have
        to be as they were (RFC 3711 section 9.1), so none of them is sent again."""
        if self._first is not None:
            self._first = self.reached + 1

    def was_resent(self, number: int) -> bool:
        """Whether a packet was sent again lately, by its 16-bit number."""
        return extend(number, self.reached) in self._resent

    def may_resend(self, number: int, now: float, waits: float = 0.0) -> tuple[Path, int] | None:
        """Whence to send a NACKed packet again: its path and its slot there, or ``None``.

        ``waits`` is how many seconds packets wait on the link, besides its round trip as it was last reported.

        ``None`` before the subscriber began and for a packet from then (its SRTP rollover counter starts there), for
        one sent again a moment ago, which the request crossed on its way, and above 128 packets at once or 500 a
        second: a hostile or hopeless link must not turn the history into a flood.
        """
        if self._first is None:
            return None
        reached = self.reached
        extended = extend(number, reached)
        crossing = max(_RESEND_INTERVAL, min(_LONGEST_CROSSING, _CROSSING * (self.rtt or 0.0))) + waits
        if not self._first <= extended <= reached or now - self._resent.get(extended, -1.0) < crossing:
            return None
        path = next((path for first, path in reversed(self._segments) if extended >= first), None)
        if path is None or not self._resends.take(1, now):
            return None
        slot = path.rendition.slot_of(extended - path.shift.sequence)
        if slot < 0:
            return None
        self._resent[extended] = now
        if len(self._resent) > _MAX_REMEMBERED:
            del self._resent[next(iter(self._resent))]
        return path, slot


def _following(left_off: int, now: int) -> int:
    """What makes an id the one after that which was seen last; 0 where one of them is not there."""
    return left_off + 1 - now if min(left_off, now) >= 0 else 0


def _on_track(rendition: Rendition, number: int) -> int:
    """The number on the track of a rendition's packet."""
    return (
        number if rendition.thinning is None else rendition.track.history.sequence(rendition.slot_of(number))
    )


def _read(rendition: Rendition, number: int) -> tuple[int, int, int] | None:
    """Timestamp, picture id and TL0PICIDX of a packet, or of the last before it that is in the history."""
    history = rendition.track.history
    for candidate in range(number, number - _LOOK_BACK, -1):
        slot = rendition.slot_of(candidate)
        if slot >= 0:
            start = slot * SLOT
            _, second, _, timestamp, _ = HEADER.unpack_from(history.view, start)
            picture, tl0 = packet_ids(second & 0x7F, history.view, start, start + history.lengths[slot])
            if rendition.thinning is not None and rendition.thinning.pictures[slot]:
                # Of VP8, whose ids have 15 bits at most; the frame numbers of AV1 have 16.
                picture = picture - rendition.thinning.pictures[slot] & 0x7FFF
            return timestamp, picture, tl0
    return None
