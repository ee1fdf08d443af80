"""A stream of a lesson inside the node: at most one publisher, its layers, its subscribers by what they receive."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Final

from media_relay.core.forwarding import WireFormat
from media_relay.core.layers import Layers
from media_relay.core.packet import Codec
from media_relay.core.rendition import Path, Rendition
from media_relay.core.replay import Replay, picture_octets, worth_replaying
from media_relay.core.sender_clock import SenderTime
from media_relay.core.subscription import Subscription
from media_relay.core.thinning import Thinning
from media_relay.core.track import Track
from media_relay.fanout import Fanout, Group
from media_relay.peer import PeerState
from media_relay.sdp import Offer, OfferError
from media_relay.seams import rtcp

if TYPE_CHECKING:
    from media_relay.publisher import Publisher
    from media_relay.subscriber import Subscriber


def _words(codecs: Iterable[Codec]) -> str:
    return " or ".join(sorted(codec.words for codec in codecs))


KINDS: Final = ("audio", "video")


class Stream:
    """Outlives its publishers: subscribers stay connected and go on with the next one."""

    def __init__(self, lesson: str, name: str, fanout: Fanout) -> None:
        self.lesson = lesson
        self.name = name
        self.cname = secrets.token_hex(8)
        self.layers: dict[str, Layers] = {kind: Layers(is_video=kind == "video") for kind in KINDS}
        self.publisher: Publisher | None = None
        self.subscribers: dict[str, Subscriber] = {}
        self._fanout = fanout
        self._ready: dict[Track, dict[tuple[WireFormat, Path], Group[Subscriber]]] = {}
        self._catching_up: list[Subscriber] = []
        self._movers: list[tuple[Subscriber, Subscription]] = []
        """Those who wait, or should be given another rendition than they are."""
        self._thinnings: dict[Thinning, Track] = {}
        """What numbers the packets of those who are given not all of a track."""
        self.regroup()

    @property
    def idle(self) -> bool:
        """Whether nobody uses the stream any more."""
        return self.publisher is None and not self.subscribers

    def regroup(self) -> None:
        """Sort the subscribers anew, after one connected, left, moved, changed layers, or began or ceased to wait or
        to catch up."""
        self._ready = {track: {} for layers in self.layers.values() for track in layers.tracks}
        self._catching_up = []
        for subscriber in self.subscribers.values():
            if subscriber.state is not PeerState.CONNECTED:
                continue
            for kind, subscription in subscriber.subscriptions.items():
                if subscription.waiting:
                    continue
                if subscription.replay is not None:
                    self._catching_up.append(subscriber)
                else:
                    path = subscription.path
                    groups = self._ready[path.rendition.track]
                    groups.setdefault((subscriber.wire(kind), path), Group()).append(subscriber)
        for track in self.layers["audio"].tracks:
            track.redundant = any(wire.payload_types[Codec.RED] for wire, _ in self._ready[track])
        if self.publisher is not None:
            self.publisher.expect()
        self._find_thinnings()
        self._find_movers()

    def _find_thinnings(self) -> None:
        used = {
            subscription.path.rendition.thinning: subscription.path.rendition.track
            for _, subscription in self._pictures()
            if not subscription.waiting and subscription.path.rendition.thinning is not None
        }
        for thinning in self._thinnings:
            if thinning not in used:
                thinning.pause()
        self._thinnings = used

    def _find_movers(self) -> None:
        self._movers = [
            (subscriber, subscription) for subscriber, subscription in self._pictures() if subscription.moves
        ]

    def flush(self) -> None:
        """Forward what came in since the last call; those who wait for something in it begin with that."""
        if not (self._movers or self._thinnings or self._catching_up) and self._forward_plainly():
            return
        batches: dict[Track, list[int]] = {}
        keyframes: dict[Track, int] = {}
        for track in self._ready:
            if track.batch:
                batches[track], keyframe = track.take_batch()
                if keyframe >= 0:
                    keyframes[track] = keyframe
                    track.keyframes.served()
                    self.layers["video"].alive(track)
        if not batches:
            return
        for thinning, track in self._thinnings.items():
            if track in batches:
                thinning.take(batches[track], track.codec)
        if keyframes:
            self._find_movers()
        entered = self._enter(batches, keyframes) if self._movers else []
        moved = {subscriber for _, subscriber, _ in entered}
        for track, slots in batches.items():
            for (wire, path), group in self._ready[track].items():
                stay = [s for s in group if s not in moved] if moved and track.is_video else group
                self._fanout.forward(path, slots, wire, stay)
            if self._catching_up:
                self._hand_in(track, slots, moved)
        self._show_entered(entered)
        for track in batches:
            track.forwarded = track.highest
        for thinning in self._thinnings:
            thinning.sent = thinning.highest
        if entered:
            self.regroup()

    def _forward_plainly(self) -> bool:
        """The usual case, many times a second: nobody waits for anything, and no keyframe came that changes that."""
        for track in self._ready:
            if track.batch_keyframe >= 0:
                return False
        for track, groups in self._ready.items():
            if track.batch:
                slots, _ = track.take_batch()
                for (wire, path), group in groups.items():
                    self._fanout.forward(path, slots, wire, group)
                track.forwarded = track.highest
        return True

    def _enter(
        self, batches: dict[Track, list[int]], keyframes: dict[Track, int]
    ) -> list[tuple[Path, Subscriber, list[int]]]:
        """Lead those who are to be given something else to it, where these batches allow that.

        Returns their new paths and what of the batches they are sent on them. What they were given before ends with the
        last batch, unless it is of the same track.
        """
        entered: list[tuple[Path, Subscriber, list[int]]] = []
        if not keyframes and all(track.layering is None for track in batches):
            return entered
        for subscriber, subscription in self._movers:
            entrance = subscription.entrance(batches, keyframes)
            if entrance is None or not subscriber.takes(entrance[0].track):
                continue
            rendition, slots, at = entrance
            former, sent = subscription.path, None
            if rendition.thinning is not None and rendition.thinning not in self._thinnings:
                rendition.thinning.take(slots, rendition.track.codec)
                self._thinnings[rendition.thinning] = rendition.track
            number = rendition.number_at(slots[at])
            if number < 0:
                continue  # it follows from behind, and has not come to where the packets have numbers
            if not subscription.waiting and former.rendition.track is rendition.track and at:
                before = former.carries(slots[:at])
                self._fanout.forward(former, before, subscriber.wire("video"), [subscriber])
                sent = max((former.rendition.number_at(slot) for slot in before), default=None)
            subscription.begin(rendition, number, sent)
            if subscriber.paced:
                subscription.replay = Replay(rendition.track.history.sequence(slots[at]))
            entered.append((subscription.path, subscriber, slots[at:]))
        return entered

    def _show_entered(self, entered: list[tuple[Path, Subscriber, list[int]]]) -> None:
        groups: dict[tuple[WireFormat, Path], tuple[list[Subscriber], list[int]]] = {}
        for path, subscriber, slots in entered:
            if not subscriber.paced:
                group, _ = groups.setdefault((subscriber.wire("video"), path), ([], slots))
                group.append(subscriber)
        for (wire, path), (group, slots) in groups.items():
            self._fanout.forward(path, slots, wire, group)

    def lay_out(self, layers: int) -> tuple[Rendition, ...]:
        """A new publisher comes and sends its picture in this many layers; returns them, lowest first."""
        self.flush()
        renditions = self.layers["video"].lay_out(layers)
        for _, subscription in self._pictures():
            if subscription.path.rendition not in renditions:
                subscription.pause()
        self.regroup()
        return renditions

    def check_codecs(self, offer: Offer) -> None:
        """Whether a client that would play takes the publisher's pictures; raises ``OfferError`` naming both codecs.

        What the publisher sends, or may send as long as it has not begun.
        """
        if offer.video is None or self.publisher is None:
            return
        takes = {payload.codec for payload in offer.video.payloads()}
        codec = self.layers["video"].full.codec
        sends = {Codec(codec)} if codec else self.publisher.video_codecs
        if sends and not takes & sends:
            raise OfferError(
                "offer.no_common_codec",
                f"The stream's picture is {_words(sends)}, and the client takes {_words(takes)} only.",
            )

    def new_source(self, track: Track) -> None:
        """A publisher begins to send this layer: pictures wait for its first keyframe."""
        if track.is_video:
            self.flush()
            for _, subscription in self._pictures():
                if subscription.path.rendition.track is track:
                    subscription.pause()
            self.regroup()
            track.keyframes.ask()

    def steer(self, now: float) -> None:
        """A few times a second, and when somebody wants something else: ask for the keyframes that lead there."""
        self.layers["video"].measure(now)
        refused = False
        for subscriber, subscription in self._pictures():
            if subscription.refused:
                refused = refused or not subscription.waiting
                continue
            target = subscription.target
            if target is None or subscriber.blocked:
                continue
            if subscriber.takes(target.track) and subscription.needs_keyframe:
                subscription.ask_keyframe(target, now)
        if refused:
            self.flush()
            for _, subscription in self._pictures():
                if subscription.refused:
                    subscription.pause()
            self.regroup()
        self._find_movers()

    def report_senders(self, now: float) -> None:
        """Send every ready subscriber the sender reports of what it is given."""
        for track, groups in self._ready.items():
            sent = track.clock.at(now) if groups else None
            if sent is None:
                continue
            for (_, path), group in groups.items():
                report = self._sender_report(path, sent)
                for subscriber in group:
                    subscriber.send_rtcp(report)

    def welcome(self, subscriber: Subscriber, now: float) -> None:
        """A subscriber has just connected: sound begins at once, pictures with the last keyframe or the next."""
        self.flush()
        self.layers["video"].measure(now)
        if "audio" in subscriber.subscriptions:
            audio = self.layers["audio"].renditions[0]
            subscriber.subscriptions["audio"].begin(audio, audio.track.highest + 1)
        subscriber.welcomed_at = now
        if "video" in subscriber.subscriptions and not self._replay_to(subscriber, now):
            target = subscriber.subscriptions["video"].target
            (self.layers["video"].full if target is None else target.track).keyframes.ask()
        self.regroup()
        self._report_to(subscriber, now)
        self.catch_up(now)

    def _replay_to(self, subscriber: Subscriber, now: float) -> bool:
        """Begin a subscriber's pictures with the last keyframe, if that is recent and of a codec it takes.

        A lower layer than it should get will do: a picture at once, and a better one with the next keyframe.
        """
        subscription = subscriber.subscriptions["video"]
        renditions = self.layers["video"].renditions
        if self.publisher is None or subscription.target is None or subscriber.paced:
            return False
        for rendition in reversed(renditions[: renditions.index(subscription.target) + 1]):
            track = rendition.track
            keyframe = track.keyframe_sequence
            if (
                keyframe is not None
                and worth_replaying(keyframe, track.keyframe_at, track.highest, now)
                and track.history.find(keyframe) >= 0
                and rendition.thinning is None
                and subscriber.takes(track)
            ):
                subscription.begin(rendition, keyframe)
                subscription.replay = Replay(keyframe)
                subscriber.begin_with(picture_octets(track.history, keyframe, track.highest), now)
                return True
        return False

    def catch_up(self, now: float) -> None:
        """Every 20 ms: send those who joined late, or whose link is narrow, a bounded part of what they miss."""
        if not self._catching_up:
            return
        self.flush()
        regroup = False
        for subscriber in self._catching_up:
            subscription = subscriber.subscriptions["video"]
            replay, rendition = subscription.replay, subscription.path.rendition
            if replay is None:
                continue
            track = rendition.track
            allowance = subscriber.allowance(now)
            slots, left = replay.step(track.history, track.highest, allowance, rendition.thinning)
            if slots:
                self._fanout.forward(subscription.path, slots, subscriber.wire("video"), [subscriber])
                subscriber.pace.owe(-left)
            if replay.behind(track.history, track.highest):
                subscription.pause()
                regroup = True
            elif not subscriber.paced and replay.done(track.highest):
                subscription.replay = None
                regroup = True
        if regroup:
            self.regroup()

    def _hand_in(self, track: Track, slots: list[int], moved: Set[Subscriber]) -> None:
        """Send what came late to those who are past it already, at a pace of their own."""
        history = track.history
        for subscriber in self._catching_up:
            subscription = subscriber.subscriptions["video"]
            replay = subscription.replay
            if replay is None or subscriber in moved or subscription.path.rendition.track is not track:
                continue
            late = [slot for slot in slots if history.sequence(slot) <= replay.last]
            if late:
                self._fanout.forward(subscription.path, late, subscriber.wire("video"), [subscriber])

    def pace(self) -> None:
        """Some subscriber's link has become narrow, or wide again: its pictures follow, or come with the rest, and its
        sound is sent without repetitions, or with them."""
        self.flush()
        for subscriber in self.subscribers.values():
            if subscriber.state is PeerState.CONNECTED:
                subscriber.choose_sound()
        for subscriber, subscription in self._pictures():
            if subscriber.held and subscription.current is not None and subscription.needs_keyframe:
                subscription.pause()  # what it is given now is more than gets through
            elif subscriber.paced and not subscription.waiting and subscription.replay is None:
                subscription.replay = Replay(subscription.path.rendition.track.highest + 1)
        self.regroup()

    def _report_to(self, subscriber: Subscriber, now: float) -> None:
        """Send one subscriber the sender reports at once, so that its lips and voice agree from the start."""
        for subscription in subscriber.subscriptions.values():
            sent = subscription.path.rendition.track.clock.at(now)
            if sent is not None:
                subscriber.send_rtcp(self._sender_report(subscription.path, sent))

    def _sender_report(self, path: Path, sent: SenderTime) -> bytes:
        track = path.rendition.track
        timestamp = sent.timestamp + path.shift.timestamp & 0xFFFFFFFF
        return rtcp.sender_report(track.ssrc, sent.ntp, timestamp, track.packets, track.octets, self.cname)

    def _pictures(self) -> list[tuple[Subscriber, Subscription]]:
        """The connected subscribers that take pictures."""
        return [
            (subscriber, subscriber.subscriptions["video"])
            for subscriber in self.subscribers.values()
            if subscriber.state is PeerState.CONNECTED and "video" in subscriber.subscriptions
        ]
