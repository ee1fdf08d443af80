"""What a node counts. Nothing is dropped without a number going up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Counts since the node's start; ``drops`` by reason."""

    packets_received: int = 0
    bytes_received: int = 0
    packets_forwarded: int = 0
    bytes_forwarded: int = 0
    packets_retransmitted: int = 0
    keyframe_requests: int = 0
    drops: Counter[str] = field(default_factory=Counter)
