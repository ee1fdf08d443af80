"""What one transport-wide feedback message costs: read, matched with what was sent, judged."""

from __future__ import annotations

import random
import statistics
import time
from array import array
from collections.abc import Iterator
from typing import Final

from media_relay.core.feedback_reader import read_feedback
from media_relay.core.forwarding import Batch
from media_relay.core.member import Member
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.core.transport_log import Sent, TransportLog
from media_relay.core.viewer import Viewer
from tests.benchmarks.figures import Figure, Selection

_MESSAGES: Final = 1_000
_EVERY: Final = 0.1
_PICTURE: Final = Batch(1, array("H", range(9)), 9 * 1_180)
_SOUND: Final = Batch(2, array("H", range(1)), 160)
_BATCHES: Final = (_PICTURE, _SOUND, _SOUND) * 2 + (_PICTURE, _SOUND)
"""What a lesson sends in a tenth of a second."""
_LINKS: Final = {"clean": (0.0, 0.0), "jitter": (0.0, 0.020), "loss": (0.05, 0.0)}
"""Share of loss and seconds of jitter."""


def feedback_figures(wanted: Selection) -> Iterator[Figure]:
    """Microseconds of processor time a message, the median, for three kinds of link."""
    for link, (loss, jitter) in _LINKS.items():
        name = f"relay.us_per_feedback.{link}"
        if wanted.takes(name):
            yield Figure(name, round(measure_feedback(loss, jitter), 1), "µs")


def measure_feedback(loss: float, jitter: float) -> float:
    """One subscriber that is given everything, and tells what arrived ten times a second."""
    chance = random.Random(1)
    log, viewer, receiver = TransportLog(), Viewer(), TransportFeedback()
    member = Member("main", log, None, None, probes=True)
    viewer.join(member, 0.0)
    now = 0.0
    costs = []
    for _ in range(_MESSAGES):
        for batch in _BATCHES:
            now += _EVERY / len(_BATCHES)
            first = log.next
            log.note(Sent.of(batch, now))
            for number in range(first, log.next):
                if chance.random() >= loss:
                    receiver.receive(number & 0xFFFF, now + chance.random() * jitter)
        message = receiver.build()
        if message is not None:
            began = time.thread_time()
            viewer.feedback(member, read_feedback(message), now)
            costs.append(time.thread_time() - began)
    return statistics.median(costs) * 1e6
