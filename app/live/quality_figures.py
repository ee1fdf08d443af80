"""The links' figures for Prometheus: by relay node and kind of stream, never by person, site or lesson."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import Metric

from app.lessons.rules import SITE_STREAM_PREFIX
from app.live.quality import Rung
from app.live.sessions import MediaSession
from media_relay.messages import Sample

_LABELS: Final = ("node", "stream")
_LOSS: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_TIMES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_RATES: Final = (1e5, 2e5, 3e5, 5e5, 8e5, 1.2e6, 2e6, 3e6, 5e6, 1e7)
_REASONS: Final = frozenset({"start", "congestion", "loss", "recovered", "publisher", "preferred"})


class QualityFigures:
    """Counts every sample and rung change once. Read from any thread."""

    def __init__(self) -> None:
        self._loss = _histogram(
            "tongtang_subscriber_loss_ratio", "Packets lost on the way, before repair", _LOSS
        )
        self._rtt = _histogram("tongtang_subscriber_rtt_seconds", "Round trip to subscribers", _TIMES)
        self._jitter = _histogram(
            "tongtang_subscriber_jitter_seconds", "Jitter that subscribers report", _TIMES
        )
        self._estimate = _histogram(
            "tongtang_subscriber_estimate_bits", "Bits a second that subscribers' links can carry", _RATES
        )
        self._up_loss = _histogram(
            "tongtang_publisher_loss_ratio", "Packets lost from publishers, before repair", _LOSS
        )
        self._freezes = Counter(
            "tongtang_subscriber_freezes", "Pictures that stood still, inferred", _LABELS, registry=None
        )
        self._changes = Counter(
            "tongtang_subscriber_rung_changes",
            "Changes of picture size, by what was changed to and why",
            (*_LABELS, "rung", "reason"),
            registry=None,
        )
        self._rungs = Gauge(
            "tongtang_subscriber_rungs",
            "Subscribers by the picture they are given",
            (*_LABELS, "rung"),
            registry=None,
        )

    def sampled(self, session: MediaSession, sample: Sample) -> None:
        """A session's figures of the last seconds."""
        labels = _labels(session)
        if sample.publishes:
            self._up_loss.labels(*labels).observe(sample.loss)
            return
        self._loss.labels(*labels).observe(sample.loss)
        self._jitter.labels(*labels).observe(sample.jitter_ms / 1e3)
        self._freezes.labels(*labels).inc(sample.freezes)
        if sample.rtt_ms is not None:
            self._rtt.labels(*labels).observe(sample.rtt_ms / 1e3)
        if sample.estimate is not None:
            self._estimate.labels(*labels).observe(sample.estimate)

    def stepped(self, session: MediaSession, rung: Rung, reason: str) -> None:
        """A session's picture became smaller or larger."""
        word = reason if reason in _REASONS else "other"
        self._changes.labels(*_labels(session), rung.value, word).inc()

    def moved(self, session: MediaSession, before: Rung | None, after: Rung | None) -> None:
        """A session is on another rung now, or on none any more."""
        if before is not None:
            self._rungs.labels(*_labels(session), before.value).dec()
        if after is not None:
            self._rungs.labels(*_labels(session), after.value).inc()

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._rungs.collect()
        for counter in (self._freezes, self._changes):
            yield from counter.collect()
        for histogram in (self._loss, self._rtt, self._jitter, self._estimate, self._up_loss):
            yield from histogram.collect()


def _labels(session: MediaSession) -> tuple[str, str]:
    stream = session.key.stream
    return str(session.node), "site" if stream.startswith(SITE_STREAM_PREFIX) else stream


def _histogram(name: str, words: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(name, words, _LABELS, buckets=buckets, registry=None)
