"""A stream of a lesson inside the node: two tracks, at most one publisher, its subscribers by wire format."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from media_relay.core.forwarding import WireFormat
from media_relay.core.history import SLOT
from media_relay.core.keyframes import KeyframeRequests
from media_relay.core.replay import Replay, worth_replaying
from media_relay.core.track import Track
from media_relay.fanout import Fanout
from media_relay.peer import PeerState
from media_relay.seams import rtcp

if TYPE_CHECKING:
    from media_relay.publisher import Publisher
    from media_relay.subscriber import Subscriber

KINDS: Final = ("audio", "video")


class Stream:
    """Outlives its publishers: subscribers stay connected and go on with the next one."""

    def __init__(self, lesson: str, name: str, fanout: Fanout) -> None:
        self.lesson = lesson
        self.name = name
        self.cname = secrets.token_hex(8)
        self.tracks: dict[str, Track] = {kind: _new_track(kind) for kind in KINDS}
        self.publisher: Publisher | None = None
        self.subscribers: dict[str, Subscriber] = {}
        self.keyframes = KeyframeRequests()
        self._fanout = fanout
        self._ready: dict[str, dict[WireFormat, list[Subscriber]]] = {kind: {} for kind in KINDS}
        self._waiting: list[Subscriber] = []
        self._catching_up: list[Subscriber] = []

    @property
    def idle(self) -> bool:
        """Whether nobody uses the stream any more."""
        return self.publisher is None and not self.subscribers

    def regroup(self) -> None:
        """Sort the subscribers anew, after one connected, left, or began or ceased to wait or to catch up."""
        self._ready = {kind: {} for kind in KINDS}
        self._waiting = []
        self._catching_up = []
        for subscriber in self.subscribers.values():
            if subscriber.state is not PeerState.CONNECTED:
                continue
            for kind, subscription in subscriber.subscriptions.items():
                if subscription.waiting:
                    self._waiting.append(subscriber)
                elif subscription.replay is not None:
                    self._catching_up.append(subscriber)
                else:
                    self._ready[kind].setdefault(subscriber.wire(kind), []).append(subscriber)

    def flush(self) -> None:
        """Forward what came in since the last call."""
        for kind, track in self.tracks.items():
            if not track.batch:
                continue
            slots, keyframe = track.take_batch()
            if keyframe >= 0:
                self.keyframes.served()
                if self._waiting:
                    self._forward(kind, track, slots[:keyframe])
                    self._begin(track, slots[keyframe])
                    slots = slots[keyframe:]
            self._forward(kind, track, slots)

    def new_source(self, kind: str) -> None:
        """A publisher begins to send this kind: pictures wait for its first keyframe."""
        if kind == "video":
            self.flush()
            for subscriber in self.subscribers.values():
                if "video" in subscriber.subscriptions:
                    subscriber.subscriptions["video"].pause(self.tracks["video"].highest)
            self.regroup()
            self.keyframes.ask()

    def report_senders(self, now: float) -> None:
        """Send every ready subscriber the sender reports of its tracks."""
        for kind, track in self.tracks.items():
            report = self._sender_report(track, now)
            if report is None:
                continue
            for group in self._ready[kind].values():
                for subscriber in group:
                    subscriber.send_rtcp(report)

    def welcome(self, subscriber: Subscriber, now: float) -> None:
        """A subscriber has just connected: sound begins at once, pictures with the last keyframe or the next."""
        self.flush()
        if "audio" in subscriber.subscriptions:
            subscriber.subscriptions["audio"].begin(self.tracks["audio"].highest + 1)
        if "video" in subscriber.subscriptions and not self._replay_to(subscriber, now):
            self.keyframes.ask()
        self.regroup()
        self._report_to(subscriber, now)
        self.catch_up()

    def _replay_to(self, subscriber: Subscriber, now: float) -> bool:
        """Begin a subscriber's pictures with the last keyframe, if that is recent and of a codec it takes."""
        track = self.tracks["video"]
        keyframe = track.keyframe_sequence
        if keyframe is None or not worth_replaying(keyframe, track.keyframe_at, track.highest, now):
            return False
        slot = track.history.find(keyframe)
        if self.publisher is None or slot < 0 or not self._takes(subscriber, track, slot):
            return False
        subscription = subscriber.subscriptions["video"]
        subscription.begin(keyframe)
        subscription.replay = Replay(keyframe)
        return True

    def catch_up(self) -> None:
        """Every 20 ms: send those who joined late a bounded part of what they missed."""
        if not self._catching_up:
            return
        self.flush()
        track = self.tracks["video"]
        for subscriber in self._catching_up:
            subscription = subscriber.subscriptions["video"]
            if subscription.replay is not None:
                slots = subscription.replay.step(track.history, track.highest)
                self._fanout.forward(track.history, slots, subscriber.wire("video"), [subscriber])
                if subscription.replay.done(track.highest):
                    subscription.replay = None
        self.regroup()

    def _report_to(self, subscriber: Subscriber, now: float) -> None:
        """Send one subscriber the sender reports at once, so that its lips and voice agree from the start."""
        for kind in subscriber.subscriptions:
            report = self._sender_report(self.tracks[kind], now)
            if report is not None:
                subscriber.send_rtcp(report)

    def _sender_report(self, track: Track, now: float) -> bytes | None:
        sent = track.sender_time_at(now)
        if sent is None:
            return None
        return rtcp.sender_report(
            track.ssrc, sent.ntp, sent.timestamp, track.packets, track.octets, self.cname
        )

    def _begin(self, track: Track, slot: int) -> None:
        """Let those who wait go on with the keyframe in ``slot``, unless they cannot decode it."""
        for subscriber in self._waiting:
            if track.keyframe_sequence is not None and self._takes(subscriber, track, slot):
                subscriber.subscriptions["video"].begin(track.keyframe_sequence)
        self.regroup()

    @staticmethod
    def _takes(subscriber: Subscriber, track: Track, slot: int) -> bool:
        payload_type = track.history.view[slot * SLOT + 1] & 0x7F
        return bool(subscriber.wire("video").payload_types[payload_type])

    def _forward(self, kind: str, track: Track, slots: list[int]) -> None:
        for wire, group in self._ready[kind].items():
            self._fanout.forward(track.history, slots, wire, group)


def _new_track(kind: str) -> Track:
    return Track(
        is_video=kind == "video",
        ssrc=secrets.randbits(31) << 1,
        repair_ssrc=secrets.randbits(31) << 1 | 1,
        first_sequence=secrets.randbelow(1 << 14) + 1,
    )
