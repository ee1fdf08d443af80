"""What a viewer's link is spent on: sound first, then pictures in the order of their importance.

Every picture first gets its smallest rendition, the most important ones first, so that as many as possible live; then
each in turn the largest that still fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NO_PICTURE: Final = -1
"""In place of a rendition's index: sound only."""
_RANKS: Final = ("main", "board")


@dataclass(frozen=True, slots=True)
class Demand:
    """One picture of a viewer; demands come in the order of their importance."""

    bitrates: Sequence[int]
    """Bits a second of its renditions, lowest first."""
    highest: int
    """Index of the largest rendition that it may have now, or :data:`NO_PICTURE`."""


def importance(stream: str, preferred: str) -> tuple[int, str]:
    """A key to sort a viewer's streams by: the one it prefers, ``main``, ``board``, then the sites."""
    if stream == preferred:
        return -1, stream
    return _RANKS.index(stream) if stream in _RANKS else len(_RANKS), stream


def allocate(budget: int, demands: Sequence[Demand]) -> list[int]:
    """The index of the rendition of each picture; :data:`NO_PICTURE` where none fits the budget of bits a second."""
    chosen = [NO_PICTURE] * len(demands)
    for number, demand in enumerate(demands):
        if demand.highest > NO_PICTURE and demand.bitrates[0] <= budget:
            chosen[number] = 0
            budget -= demand.bitrates[0]
    for number, demand in enumerate(demands):
        if chosen[number] == NO_PICTURE:
            continue
        spent = demand.bitrates[0]
        for index in range(demand.highest, 0, -1):
            if demand.bitrates[index] - spent <= budget:
                chosen[number] = index
                budget -= demand.bitrates[index] - spent
                break
    return chosen
