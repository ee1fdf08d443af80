"""What a lock file pins."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version, and the SHA-256 of every file it may come as."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_pins(path: Path) -> Iterator[Pin]:
    """The packages of a pip lock file with hashes, in its order."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", path.read_text()):
        match = _PIN.match(block)
        if match is not None:
            yield Pin(match["name"].lower(), match["version"], tuple(_HASH.findall(block)))
