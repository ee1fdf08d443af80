"""Several inputs in one: each behind two bytes of length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 2_048


def pieces(data: bytes) -> Iterator[bytes]:
    """What a script holds; a length of zero counts as one."""
    at = 0
    while at + 2 < len(data):
        length = max(1, int.from_bytes(data[at : at + 2], "big") % _LONGEST)
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def script(parts: list[bytes]) -> bytes:
    """The script that holds these."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
