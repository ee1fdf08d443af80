"""Which layer each packet of a track is of, where one source sends several: temporal layers, and SVC of VP9 and AV1."""

from __future__ import annotations

from typing import Final

from media_relay.core.descriptors import av1, vp8, vp9
from media_relay.core.packet import Codec

MAX_SPATIAL: Final = 4
MAX_TEMPORAL: Final = 4
"""AV1's dependency descriptor allows 4 and 8, VP9 8 and 8; nobody sends more than 3 and 3, and more counts as that."""

BEGINS: Final = 1
"""First packet of a layer frame."""
ENDS: Final = 2
"""Last packet of a layer frame."""
SWITCH: Final = 4
"""First packet of a layer frame from which on one may decode its temporal layer, having only those below so far."""


def has_layers(codec: int, view: memoryview, start: int, end: int) -> bool:
    """Whether the source of this keyframe says which layers its packets are of."""
    if codec == Codec.VP8:
        return vp8.has_temporal_layers(view, start, end)
    return codec in (Codec.VP9, Codec.AV1)


_SILENCE: Final = 2.0
"""Seconds without a packet, while others are sent, after which a temporal layer is not sent any more."""


class Layering:
    """What is known of the packets in a track's history, by slot. Times are seconds of any monotonic clock."""

    __slots__ = (
        "flags",
        "heard_at",
        "octets",
        "packets",
        "reach",
        "spatial",
        "structure",
        "temporal",
        "temporal_at",
    )

    def __init__(self, slots: int) -> None:
        self.spatial = bytearray(slots)
        self.temporal = bytearray(slots)
        self.flags = bytearray(slots)
        self.reach = bytearray(slots)
        """Of AV1: who can decode this frame can decode all up to this temporal layer from here on."""
        self.structure: av1.Structure | None = None
        """Of AV1's dependency descriptors, from the last keyframe that brought one."""
        self.octets = [[0] * MAX_TEMPORAL for _ in range(MAX_SPATIAL)]
        """Bytes of payload so far by spatial and temporal layer."""
        self.packets = [[0] * MAX_TEMPORAL for _ in range(MAX_SPATIAL)]
        self.heard_at = [float("-inf")] * MAX_SPATIAL
        """When each spatial layer's newest packet came."""
        self.temporal_at = [float("-inf")] * MAX_TEMPORAL
        """The same of each temporal layer."""

    def note(
        self, slot: int, codec: int, view: memoryview, start: int, end: int, dependency: bytes, now: float
    ) -> None:
        """The packet with the payload ``view[start:end]`` is in ``slot`` now."""
        if codec == Codec.VP9:
            layer = vp9.layer(view, start, end)
            spatial, temporal = layer.spatial, layer.temporal
            flags = layer.begins * BEGINS | layer.ends * ENDS | (layer.begins and layer.switch_up) * SWITCH
        elif codec == Codec.VP8:
            spatial = 0
            temporal, sync = vp8.temporal_layer(view, start, end)
            begins = vp8.begins_frame(view, start, end)
            flags = begins * BEGINS | (begins and sync) * SWITCH
        else:
            spatial, temporal, flags = self._of_dependency(slot, dependency)
        if codec != Codec.AV1:
            self.structure, self.reach[slot] = None, 0  # of a codec that came before
        spatial, temporal = min(spatial, MAX_SPATIAL - 1), min(temporal, MAX_TEMPORAL - 1)
        self.spatial[slot], self.temporal[slot], self.flags[slot] = spatial, temporal, flags
        self.octets[spatial][temporal] += end - start
        self.packets[spatial][temporal] += 1
        self.heard_at[spatial] = self.temporal_at[temporal] = now

    def _of_dependency(self, slot: int, dependency: bytes) -> tuple[int, int, int]:
        """Of AV1, which says it in a header extension; a packet without it counts as the lowest layer's."""
        found = av1.read(dependency, self.structure)
        if found is None:
            self.reach[slot] = 0
            return 0, 0, 0
        self.structure = found.structure
        self.reach[slot] = min(found.reach, MAX_TEMPORAL - 1)
        flags = found.begins * BEGINS | found.ends * ENDS
        return found.spatial, found.temporal, flags

    def layers(self) -> tuple[int, int]:
        """How many spatial and temporal layers have sent so far; at least one of each."""
        spatial = temporal = 1
        for s, packets in enumerate(self.packets):
            for t, count in enumerate(packets):
                if count:
                    spatial, temporal = max(spatial, s + 1), max(temporal, t + 1)
        return spatial, temporal

    @property
    def top_temporal(self) -> int:
        """The highest temporal layer that is sent now: as AV1 says; else as was heard in the last seconds."""
        if self.structure is not None:
            return max(self.structure.tops)
        newest = max(self.temporal_at)
        return max(level for level, at in enumerate(self.temporal_at) if at >= newest - _SILENCE)

    def carried(self, spatial: int, temporal: int) -> tuple[int, int]:
        """Packets and bytes of payload so far of these layers and those below."""
        packets = sum(sum(row[: temporal + 1]) for row in self.packets[: spatial + 1])
        octets = sum(sum(row[: temporal + 1]) for row in self.octets[: spatial + 1])
        return packets, octets
