"""Figures of the media for Prometheus: sessions here, and the counters of the relay nodes."""

import asyncio
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.live.coordinator import Coordinator
from media_relay.messages import NodeStats

PATIENCE: Final = 2.0
"""Seconds to wait for the nodes' counters."""


class MediaFigures(Collector):
    """Read from the coordinator whenever figures are asked for, in a thread beside its event loop."""

    def __init__(self, coordinator: Coordinator, loop: asyncio.AbstractEventLoop) -> None:
        self._coordinator = coordinator
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        """All figures of the moment."""
        sessions = GaugeMetricFamily("tongtang_media_sessions", "Media sessions", labels=["direction"])
        for direction, count in self._coordinator.session_counts().items():
            sessions.add_metric([direction.value], count)
        yield sessions
        yield from self._coordinator.quality.figures.collect()
        stats = self._fresh_stats()
        yield GaugeMetricFamily("tongtang_relay_nodes", "Relay nodes that answer", value=len(stats))
        yield from _node_figures(stats)

    def _fresh_stats(self) -> dict[int, NodeStats]:
        """The nodes' counters now; a node that does not answer in time is shown as it was last."""
        asking = asyncio.run_coroutine_threadsafe(self._coordinator.fleet.read_stats(), self._loop)
        try:
            return asking.result(PATIENCE)
        except TimeoutError:
            return self._coordinator.fleet.stats


def _node_figures(stats: dict[int, NodeStats]) -> Iterator[Metric]:
    counters = {
        "tongtang_relay_cpu_seconds": ("CPU time of the node", "cpu_seconds"),
        "tongtang_relay_packets_received": ("Packets from publishers", "packets_received"),
        "tongtang_relay_bytes_received": ("Bytes from publishers", "bytes_received"),
        "tongtang_relay_packets_forwarded": ("Packets to subscribers", "packets_forwarded"),
        "tongtang_relay_bytes_forwarded": ("Bytes to subscribers", "bytes_forwarded"),
        "tongtang_relay_packets_retransmitted": ("Packets sent again", "packets_retransmitted"),
        "tongtang_relay_keyframe_requests": ("Keyframes asked of publishers", "keyframe_requests"),
    }
    for name, (help_text, field) in counters.items():
        counter = CounterMetricFamily(name, help_text, labels=["node"])
        for node, figures in stats.items():
            counter.add_metric([str(node)], getattr(figures, field))
        yield counter
    memory = GaugeMetricFamily("tongtang_relay_memory_bytes", "Resident memory of the node", labels=["node"])
    lag = GaugeMetricFamily("tongtang_relay_loop_lag_seconds", "Longest delay of the tick", labels=["node"])
    stress = GaugeMetricFamily(
        "tongtang_relay_stress", "From 0, idle, to 1, where running lessons suffer", labels=["node"]
    )
    native = GaugeMetricFamily(
        "tongtang_relay_native", "1 where the native kernel forwards, 0 where Python does", labels=["node"]
    )
    drops = CounterMetricFamily(
        "tongtang_relay_drops", "Datagrams dropped, by reason", labels=["node", "reason"]
    )
    for node, figures in stats.items():
        memory.add_metric([str(node)], figures.rss_bytes)
        lag.add_metric([str(node)], figures.loop_lag_ms / 1000)
        stress.add_metric([str(node)], figures.stress)
        native.add_metric([str(node)], figures.native)
        for reason, count in figures.drops.items():
            drops.add_metric([str(node), reason], count)
    yield from (memory, lag, stress, native, drops)
