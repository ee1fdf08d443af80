"""AV1's dependency descriptor (AV1 RTP payload specification, appendix A): which layer a frame is of.

It comes as a header extension. Which layer a template is of is said once, with a keyframe; later packets only name
their template.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MANDATORY: Final = 3
"""Bytes of every descriptor: two flags, the template's id, the frame's number."""
_NEW_SEQUENCE: Final = 0x08
_MAX_TEMPLATES: Final = 64
_MAX_INDICATIONS: Final = 320
"""Templates times decode targets: three by three layers have 15 by 9, and any packet may bring them anew."""
_SWITCH: Final = 2


class Structure(NamedTuple):
    """What the templates are, as the last keyframe said."""

    first: int
    """The id of the first template."""
    layers: tuple[tuple[int, int, bool], ...]
    """Of each template: spatial id, temporal id, and whether one may begin to decode the temporal layer with it."""


class Dependency(NamedTuple):
    """What one packet's descriptor says."""

    begins: bool
    ends: bool
    spatial: int
    temporal: int
    switch_up: bool
    structure: Structure


class _Bits:
    """Reads big-endian fields; past the end come zeros, and ``short`` tells."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> self._left if self._left >= 0 else 0) & (1 << count) - 1

    @property
    def short(self) -> bool:
        return self._left < 0


def starts_keyframe(view: memoryview, start: int, end: int) -> bool:
    """Whether the aggregation header says that a new coded video sequence begins (N, section 4.4)."""
    return start < end and bool(view[start] & _NEW_SEQUENCE)


def frame_number(dependency: bytes) -> int:
    """The 16-bit number of the frame, or -1."""
    return dependency[1] << 8 | dependency[2] if len(dependency) >= MANDATORY else -1


def read(dependency: bytes, known: Structure | None) -> Dependency | None:
    """What a descriptor says by the structure that it brings or else the known one; ``None`` for a malformed one."""
    if len(dependency) < MANDATORY:
        return None
    first = dependency[0]
    structure = known
    if len(dependency) > MANDATORY and dependency[3] & 0x80:
        structure = _structure(dependency[MANDATORY:])
    if structure is None:
        return None
    index = (first - structure.first) & 0x3F
    if index >= len(structure.layers):
        return None
    return Dependency(bool(first & 0x80), bool(first & 0x40), *structure.layers[index], structure)


def _structure(data: bytes) -> Structure | None:
    """The template structure behind five flags; resolutions and what frames refer to are not read."""
    bits = _Bits(data)
    bits.take(5)
    first = bits.take(6)
    targets = bits.take(5) + 1
    layers = _template_layers(bits)
    if len(layers) * targets > _MAX_INDICATIONS:
        return None
    indications = [[bits.take(2) for _ in range(targets)] for _ in layers]
    if bits.short or not layers:
        return None
    # A decode target is as high as the highest template that it contains.
    tops = [
        max((layers[i][1] for i, row in enumerate(indications) if row[target]), default=-1)
        for target in range(targets)
    ]
    return Structure(
        first,
        tuple(
            (spatial, temporal, any(d == _SWITCH and tops[t] >= temporal for t, d in enumerate(row)))
            for (spatial, temporal), row in zip(layers, indications, strict=True)
        ),
    )


def _template_layers(bits: _Bits) -> list[tuple[int, int]]:
    layers: list[tuple[int, int]] = []
    spatial = temporal = 0
    while len(layers) < _MAX_TEMPLATES and not bits.short:
        layers.append((spatial, temporal))
        step = bits.take(2)
        if step == 1:
            temporal += 1
        elif step == 2:
            spatial, temporal = spatial + 1, 0
        elif step == 3:
            return layers
    return []
