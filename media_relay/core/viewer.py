"""All sessions of one page, which share one link: what the link carries, and who of them gets what.

While nothing is wrong with a link nothing is estimated: everybody gets the full picture, and a feedback message costs
little. The first sign of congestion gives a capacity, what got through just then. From then on pictures are chosen to
fit it; where a larger one is missing probes look for more, until everything has its full picture again and keeps it.

Draft-ietf-rmcat-gcc-02 has the ideas: a queue that grows is congestion, losses by chance are not, what was delivered
during congestion is the capacity. Unlike an encoder a relay cannot creep upwards: it goes by the rungs that there are.
"""

from __future__ import annotations

from typing import Final

from media_relay.core.allocation import NO_PICTURE, Demand, allocate, importance
from media_relay.core.congestion import SILENCE, Trouble
from media_relay.core.feedback_reader import Feedback
from media_relay.core.member import AUDIO_ONLY, Member
from media_relay.core.pacing import FIRST_FEEDBACK, FIRST_WINDOW, first_window
from media_relay.core.probing import Probing

_FLOOR: Final = 50_000
"""Bits a second: sound is sent whatever happens."""
_CAUTION: Final = 0.95
_MARGIN: Final = 1.08
"""What must be there of what a larger picture takes."""
_PROBE_MARGIN: Final = 1.2
_LONG_QUEUE: Final = 0.120
_SHORT_QUEUE: Final = 0.060
"""Seconds of waiting above which pictures stop, so that sound gets through, and below which they go on."""
_NARROW: Final = 600_000
"""Bits a second below which the repetition of sound costs more than it is worth, unless packets are lost by chance."""
_CHANCE_AFTER: Final = 4.0
"""Seconds after trouble, from which on losses are by chance."""
_LOSSY: Final = 0.03
_CLEAN: Final = 0.01
_NEARLY_GONE: Final = 0.250
"""Seconds of waiting in a queue that shrinks, at which a keyframe asked for now comes when it is gone."""
_MOST_FOR_QUEUE: Final = 0.5
_SHRINKS: Final = 0.8
_PROBED_QUEUE: Final = 0.4
"""Seconds of waiting that a probe may cause for a moment."""
_SETTLED: Final = 0.5
_STARVING: Final = 1.0
_LONGEST_DRAIN: Final = 5.0
_NEARLY: Final = 0.8
_FORGIVING: Final = 4.0
"""Seconds in which trouble that seemed to pass must not come back."""
_EXCUSED: Final = 0.5
_EFFECT: Final = 0.3
"""Seconds until a remedy shows, besides the time that packets wait."""
_CARE: Final = 15.0
"""Seconds of full pictures without trouble after which a link is no longer cared for."""
_BACK_OFF: Final = 0.7
_REPORT_EFFECT: Final = 2.0
_TRIAL_AFTER: Final = 8.0
_RECENT: Final = 0.2
_SENDS: Final = 0.5


class Viewer:
    """What one page can receive. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.preferred = ""
        """The stream that matters most to it, if it said so."""
        self.capacity: int | None = None
        """Bits a second that its link carries; ``None`` while there is no reason to ask."""
        self.draining = False
        """Whether pictures are held back until a long queue is gone."""
        self.clearing = False
        """Whether it nearly is."""
        self.repeats = True
        """Whether sound is sent with repetitions (:mod:`media_relay.core.red`) to those who take them."""
        self.starved = False
        """Whether that lasts so long that pictures had better begin anew afterwards."""
        self.reason = "start"
        """Why the last decision was made: ``start``, ``congestion``, ``loss``, ``recovered``, ``publisher``,
        ``preferred``."""
        self.probing = Probing()
        self._waits = 0.0
        self._first_window: tuple[Member, float] | None = None
        """Who was last given a larger one than usual, and when."""
        self._trouble_at = 0.0
        self._quiet_until = 0.0
        self._forgiven_at = float("-inf")
        self._drained = 0
        """Bits a second that came out of the queue while pictures stopped."""
        self._longest_wait = 0.0
        """In that queue, seconds."""
        self._lowered = False
        """Whether anything was lowered in the last trouble."""
        self._silent = False
        self._before_silence: int | None = None

    # --- who is there -----------------------------------------------------------------------------------------------

    def join(self, member: Member, now: float) -> None:
        """A session connected."""
        self.members.append(member)
        self._sort()
        if self.capacity is not None:
            member.index = NO_PICTURE
            self._measure(now)
            self._decide("start", now, everything=True)

    def leave(self, member: Member) -> None:
        """A session ended."""
        self.members.remove(member)

    def first_window(self, member: Member, picture: int, now: float) -> int:
        """Bytes to send a session before its first feedback where the first picture has so many.

        Only one at a time is given more than usual: two such pictures on a narrow link keep the sound waiting for
        seconds.
        """
        window = first_window(picture)
        if window > FIRST_WINDOW:
            if self._first_window is not None:
                other, since = self._first_window
                if other in self.members and not other.log.heard and now - since < FIRST_FEEDBACK:
                    return FIRST_WINDOW
            self._first_window = member, now
        return window

    def prefer(self, stream: str, now: float) -> None:
        """This stream matters most from now on."""
        self.preferred = stream
        self._sort()
        if self.capacity is not None:
            self._decide("preferred", now, everything=True)

    def _sort(self) -> None:
        self.members.sort(key=lambda member: importance(member.stream, self.preferred))

    def rung(self, member: Member) -> str | None:
        """What a session is to be given now: the name of a rendition, ``audio_only``, or ``None`` for the best."""
        if self.starved or member.index == NO_PICTURE:
            return AUDIO_ONLY
        return None if member.index is None else member.rungs[member.chosen]

    def room(self, member: Member) -> int | None:
        """Bits a second that the link has for a session's picture, others' as they are; ``None`` when not known.

        A queue is to be gone in a second.
        """
        if self.capacity is None:
            return None
        return int(self.capacity * (1 - min(_MOST_FOR_QUEUE, self.waits))) - self._spent() + member.cost

    @property
    def waits(self) -> float:
        """Seconds that packets wait on the link, as far as it is cared for."""
        return 0.0 if self.capacity is None else self._waits

    # --- what the link says -----------------------------------------------------------------------------------------

    def feedback(self, member: Member, feedback: Feedback, now: float) -> bool:
        """A session's transport-wide feedback came; whether pictures have to change."""
        digest = member.log.acknowledge(feedback)
        if digest is None:
            return False
        queueing = member.queueing
        queueing.take(digest, now)
        trouble = member.detector.look(queueing, digest.packets, digest.lost - digest.late, now)
        if trouble is None and self.capacity is None:
            return False
        self._waits = self._delay(now)
        if trouble is not None and self.probing.active and queueing.delay < _PROBED_QUEUE:
            trouble = None
        if trouble is not None and now >= self._quiet_until and not self.draining:
            self._suffer(trouble, now)
            return True
        return self.draining and self._drain(now)

    def remb(self, bitrate: int, now: float) -> bool:
        """A client without transport-wide feedback says what it can receive; whether pictures have to change."""
        if self._is_heard():
            return False
        self._measure(now)
        if bitrate < _CAUTION * self._spent():
            self._lower(bitrate, Trouble.CONGESTION, now)
            return True
        if self.capacity is not None:
            self.capacity = max(self.capacity, bitrate)
        return False

    def reported(self, member: Member, loss: float, rtt: float | None, now: float) -> bool:
        """A receiver report came: it counts in want of anything better. Whether pictures have to change."""
        if self._is_heard():
            return False
        trouble = member.reports.look(loss, rtt)
        if trouble is None or now < self._quiet_until:
            return False
        self._measure(now)
        self._lower(int(_BACK_OFF * self._spent()), trouble, now)
        self._quiet_until = now + _REPORT_EFFECT
        return True

    def excuse(self, now: float) -> None:
        """We ourselves were kept waiting: what seems to wait on the link now may have waited here."""
        self._quiet_until = max(self._quiet_until, now + _EXCUSED)

    def look(self, now: float) -> bool:
        """Five times a second; whether pictures have to change."""
        if self._fell_silent(now):
            return True
        if self.capacity is None:
            return False
        self._choose_sound(now)
        others = self._measure(now)
        changed = self.draining and self._drain(now)
        if self.draining:
            return changed
        delay = self._delay(now)
        finding = self.probing.finding(delay, self._loss(now), now)
        if finding is not None:
            self.capacity = max(self.capacity, finding.bitrate)
            self._quiet_until = max(self._quiet_until, now + delay + _EFFECT)
        self.capacity = max(self.capacity, self._delivered(now) if delay < _SHORT_QUEUE else 0)
        self._try_more(now)
        if others:
            return self._decide("publisher", now, fit=True)
        if delay < _SHORT_QUEUE and self._decide("recovered", now):
            return True
        if not self._missing(now):
            self._stop_caring(now)
        return changed

    def probe(self, now: float) -> Member | None:
        """Every tick: the session to pad, if a probe is under way or due."""
        if self.capacity is None or self.draining:
            return None
        padded = next((member for member in self.members if member.probes and member.log.heard), None)
        if padded is None or self.probing.active:
            return padded
        wanted = self._missing(now)
        if not wanted or self._delay(now) > _SHORT_QUEUE:
            return None
        goal = int(wanted * _PROBE_MARGIN)
        return padded if self.probing.begin(padded.log, goal, self.capacity, now) else None

    def _choose_sound(self, now: float) -> None:
        """Repetitions are a good third of sound: a narrow link that loses nothing by chance is spared them."""
        if self.capacity is None or self.capacity >= _NARROW:
            self.repeats = True
        elif self.draining or now - self._trouble_at < _CHANCE_AFTER:
            self.repeats = False
        elif (loss := self._loss(now)) > _LOSSY:
            self.repeats = True
        elif loss < _CLEAN:
            self.repeats = False
        for member in self.members:
            member.repeats = self.repeats

    def _try_more(self, now: float) -> None:
        """Where no probe can tell, more is given for a trial, the later the more often that failed before."""
        if self._is_heard() and any(member.probes for member in self.members):
            return
        wanted = self._missing(now)
        if wanted and self.capacity is not None and now - self._trouble_at > _TRIAL_AFTER:
            self.capacity = max(self.capacity, wanted)

    # --- trouble ----------------------------------------------------------------------------------------------------

    def _suffer(self, trouble: Trouble, now: float) -> None:
        self._measure(now)
        delay = self._delay(now)
        self.draining, self.clearing = delay > _LONG_QUEUE, False
        self._drained, self._longest_wait = 0, delay
        self._quiet_until = now + _EFFECT + delay
        capacity = int(_CAUTION * self._delivered(now, _RECENT))
        if capacity > _NEARLY * self._spent() and now - self._forgiven_at > _FORGIVING:
            # Nearly all gets through, so a moment without pictures may be enough; if not, there will be trouble again.
            self._forgiven_at, capacity = now, self._spent()
        self._lower(capacity, trouble, now)

    def _lower(self, capacity: int, trouble: Trouble, now: float) -> None:
        spent = self._spent()
        if not self.probing.active and spent > self._sound():
            capacity = min(capacity, spent)
        self.capacity = max(_FLOOR, capacity if self.capacity is None else min(self.capacity, capacity))
        self._trouble_at = now
        self._choose_sound(now)
        self.probing.put_off(now)
        for member in self.members:
            member.detector.forget()
        self.reason = trouble.value
        self._lowered = self._decide(trouble.value, now, lower=True)

    def _drain(self, now: float) -> bool:
        """While pictures are held back; whether anything changed for them.

        What comes out of the queue meanwhile is what the link carries. Once it is gone pictures may go on.
        """
        delay, since = self._delay(now), now - self._trouble_at
        if delay > 2 * _SHORT_QUEUE and since > _SETTLED:
            self._drained = max(self._drained, self._delivered(now))
        if self._silent or (delay > _SHORT_QUEUE and since < _LONGEST_DRAIN):
            return self._wait_for_end(delay, since, now)
        self.draining = self.clearing = self.starved = False
        if self._drained:
            self.capacity = max(_FLOOR, int(_CAUTION * self._drained))
        if not self._decide(self.reason, now, lower=True) and not self._lowered:
            self.reason = "recovered"
        return True

    def _wait_for_end(self, delay: float, since: float, now: float) -> bool:
        """The queue is still there: keep to what comes out of it, and foresee its end."""
        before = self.clearing, self.starved
        changed = False
        if self._drained and self.capacity is not None and _CAUTION * self._drained < self.capacity:
            self.capacity = max(_FLOOR, int(_CAUTION * self._drained))
            changed = self._decide(self.reason, now, lower=True)
        self._longest_wait = max(self._longest_wait, delay)
        if not self._silent and delay < min(_NEARLY_GONE, _SHRINKS * self._longest_wait):
            self.clearing = True
        self.starved = since > _STARVING and not self.clearing
        return changed or before != (self.clearing, self.starved)

    def _fell_silent(self, now: float) -> bool:
        """Whether feedback ceased to come while packets are under way, or came back."""
        silent = False
        for member in self.members:
            log, heard = member.log, member.queueing.heard_at
            since = log.unanswered_since
            sends = now - log.sent_at < _SENDS
            if sends and since is not None and heard is not None and now - max(since, heard) > SILENCE:
                silent = True
        if silent == self._silent:
            return False
        self._silent = silent
        self._measure(now)
        if silent:
            self._before_silence, self.draining, self.clearing = self.capacity, True, False
            self._lower(self._spent(), Trouble.CONGESTION, now)
        else:
            # A link that was gone and is back is as good as it was, until it says otherwise.
            self.capacity, self.draining = self._before_silence, False
            self.clearing = self.starved = False
            self.reason = "recovered"
            if self.capacity is None:
                self._release()
            else:
                self._decide("recovered", now, everything=True)
        return True

    # --- who gets what ----------------------------------------------------------------------------------------------

    def _decide(
        self, reason: str, now: float, *, lower: bool = False, fit: bool = False, everything: bool = False
    ) -> bool:
        """Choose pictures for the capacity; whether any choice changed.

        Pictures get larger only where nothing speaks against it, unless ``everything`` is decided anew, and smaller
        only because of trouble (``lower``), where a more important one gets larger, or because the publisher's layers
        are others now and what is given must ``fit``: layers that come and go are no reason to try again what the link
        has just refused.
        """
        if self.capacity is None:
            return False
        demands = []
        for member in self.members:
            may_rise = everything or (not lower and now >= member.hold_until)
            highest = len(member.rungs) - 1 if may_rise else member.chosen
            bitrates = [
                int(b * _MARGIN) if i > member.chosen and not everything else b
                for i, b in enumerate(member.bitrates)
            ]
            demands.append(Demand(bitrates, highest))
        chosen = allocate(self.capacity - self._sound(), demands)
        rises = any(index > member.chosen for member, index in zip(self.members, chosen, strict=True))
        if not (lower or fit or everything or rises):
            return False
        changed = False
        for member, index in zip(self.members, chosen, strict=True):
            before = member.chosen
            changed |= index != before or member.index is None
            if index < before and lower:
                member.lowered(now)
            elif index > before:
                member.raised(now)
            member.index = index
        if changed:
            self.reason = reason
        return changed

    def _missing(self, now: float) -> int:
        """Bits a second that all would take with the next larger picture; 0 when nobody waits for one."""
        for member in self.members:
            above = member.chosen + 1
            if above < len(member.rungs) and now >= member.hold_until:
                return self._spent() - member.cost + int(member.bitrates[above] * _MARGIN)
        return 0

    def _stop_caring(self, now: float) -> None:
        full = all(member.is_full(now) for member in self.members)
        if full and not self.probing.active and now - self._trouble_at > _CARE:
            self.capacity = None
            self._release()

    def _release(self) -> None:
        self.repeats = True
        for member in self.members:
            member.repeats = True
            member.release()

    def _is_heard(self) -> bool:
        return any(member.log.heard for member in self.members)

    # --- figures ----------------------------------------------------------------------------------------------------

    def _measure(self, now: float) -> bool:
        self._waits = self._delay(now)
        changed = False
        for member in self.members:
            changed |= member.measure(now)
        return changed

    def _sound(self) -> int:
        return sum(member.sound for member in self.members)

    def _spent(self) -> int:
        return self._sound() + sum(member.cost for member in self.members)

    def _fresh(self, now: float) -> list[Member]:
        """Whose figures tell of the link as it is: one that is sent nothing any more keeps its last ones for good."""
        return [
            m for m in self.members if m.queueing.heard_at is not None and now - m.queueing.heard_at < SILENCE
        ]

    def _delay(self, now: float) -> float:
        return max((member.queueing.delay for member in self._fresh(now)), default=0.0)

    def _loss(self, now: float) -> float:
        return max((member.queueing.loss for member in self._fresh(now)), default=0.0)

    def _delivered(self, now: float, window: float = 0.5) -> int:
        return sum(member.queueing.delivered(window) for member in self._fresh(now))
