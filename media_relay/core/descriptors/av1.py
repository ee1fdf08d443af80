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
_HAS_STRUCTURE: Final = 0x80
_HAS_ACTIVE: Final = 0x40
_OWN_INDICATIONS: Final = 0x20
"""Flags of the fourth byte: templates, active decode targets, indications other than the template's."""


class Structure(NamedTuple):
    """What the templates are, as the last keyframe said."""

    first: int
    """The id of the first template."""
    layers: tuple[tuple[int, int], ...]
    """Spatial and temporal id of each template."""
    tops: tuple[int, ...]
    """Of each decode target: the highest temporal id in it."""
    reaches: tuple[int, ...]
    """Of each template: see :attr:`Dependency.reach`."""


class Dependency(NamedTuple):
    """What one packet's descriptor says."""

    begins: bool
    ends: bool
    spatial: int
    temporal: int
    reach: int
    """Whoever can decode this frame can decode all up to this temporal layer from here on; 0: no more than before."""
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

    def take_below(self, limit: int) -> int:
        """A value below ``limit`` in as few bits as it needs: ``ns(n)`` of the AV1 specification, section 4.10.7."""
        width = limit.bit_length()
        spare = (1 << width) - limit
        value = self.take(width - 1)
        return value if value < spare else (value << 1) - spare + self.take(1)

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
    first, flags = dependency[0], dependency[MANDATORY] if len(dependency) > MANDATORY else 0
    bits = _Bits(dependency[MANDATORY:])
    bits.take(5)
    structure = _structure(bits) if flags & _HAS_STRUCTURE else known
    if structure is None:
        return None
    index = (first - structure.first) & 0x3F
    if index >= len(structure.layers):
        return None
    reach = structure.reaches[index]
    if flags & _OWN_INDICATIONS:
        if flags & _HAS_STRUCTURE:
            _skip_references(bits, structure)
        bits.take(len(structure.tops) if flags & _HAS_ACTIVE else 0)
        own = [bits.take(2) for _ in structure.tops]
        reach = 0 if bits.short else _reach(own, structure.tops)
    return Dependency(bool(first & 0x80), bool(first & 0x40), *structure.layers[index], reach, structure)


def _structure(bits: _Bits) -> Structure | None:
    """The beginning of the template structure: ids, layers, indications."""
    first = bits.take(6)
    targets = bits.take(5) + 1
    layers = _template_layers(bits)
    if len(layers) * targets > _MAX_INDICATIONS:
        return None
    indications = [[bits.take(2) for _ in range(targets)] for _ in layers]
    if bits.short or not layers:
        return None
    # A decode target is as high as the highest template that it contains.
    tops = tuple(
        max((layers[i][1] for i, row in enumerate(indications) if row[target]), default=0)
        for target in range(targets)
    )
    return Structure(first, tuple(layers), tops, tuple(_reach(row, tops) for row in indications))


def _reach(indications: list[int], tops: tuple[int, ...]) -> int:
    """The highest layer of the decode targets to which a frame with these indications is a switch."""
    return max((top for top, said in zip(tops, indications, strict=True) if said == _SWITCH), default=0)


def _skip_references(bits: _Bits, structure: Structure) -> None:
    """Pass over the end of a template structure: what frames refer to, chains and resolutions."""
    for _ in structure.layers:
        while bits.take(1):
            bits.take(4)
    targets = len(structure.tops)
    if chains := bits.take_below(targets + 1):
        for _ in range(targets):
            bits.take_below(chains)
        bits.take(4 * chains * len(structure.layers))
    if bits.take(1):
        bits.take(32 * (1 + max(spatial for spatial, _ in structure.layers)))


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
