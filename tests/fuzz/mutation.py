"""Bad inputs made of good ones: bytes and lines changed, left out, repeated and moved, by a seeded chance."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

_NUMBERS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Where lengths and counters turn over."""
_MOST_CHANGES: Final = 6


def mutated(rng: Random, seeds: Sequence[bytes], longest: int) -> bytes:
    """One of the seeds, changed in up to six places; once in a while nothing but noise."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(300))
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, _MOST_CHANGES)):
        _change(rng, data, seeds)
    return bytes(data[:longest])


def _change(rng: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    match rng.randrange(8):
        case 0:
            data[at : at + 1] = rng.randbytes(1)
        case 1:
            data[at:at] = rng.randbytes(rng.randrange(16))
        case 2:
            del data[at:]
        case 3:
            del data[at : at + rng.randint(1, 16)]
        case 4:
            size = rng.choice((1, 2, 4))
            data[at : at + size] = (rng.choice(_NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, "big")
        case 5:
            piece = data[at : at + rng.randint(1, 64)]
            data[at:at] = bytes(piece) * rng.randint(1, 40)
        case 6:
            other = rng.choice(seeds)
            data[at:] = other[rng.randint(0, len(other)) :]
        case 7:
            _change_line(rng, data)


def _change_line(rng: Random, data: bytearray) -> None:
    """Leave out, repeat or move a line: what is written as text is broken by lines, not by bytes."""
    lines = bytes(data).splitlines(keepends=True)
    if len(lines) < 2:
        return
    line = lines.pop(rng.randrange(len(lines)))
    at = rng.randint(0, len(lines))
    lines[at:at] = [line] * rng.randrange(4)
    data[:] = b"".join(lines)
