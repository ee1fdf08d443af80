"""How fast a publisher may send when it does not understand transport-wide feedback.

A loss-based estimate in the manner of draft-ietf-rmcat-gcc-02 section 6: up by 8 % while less than 2 % is lost, down by
half the loss above 10 %. It is told to the publisher as REMB (draft-alvestrand-rmcat-remb-03).
"""

from __future__ import annotations

from typing import Final

FLOOR: Final = 100_000
CEILING: Final = 4_000_000
"""Bits a second: above what a 720p lesson with a shared board needs."""


class UploadEstimate:
    """Starts at the ceiling, so that a good link reaches full rate at once, and gives way to loss."""

    __slots__ = ("bitrate",)

    def __init__(self) -> None:
        self.bitrate = CEILING

    def update(self, fraction_lost: int) -> int:
        """Take the fraction lost of the last second (in 1/256) and return bits a second."""
        loss = fraction_lost / 256
        if loss > 0.10:
            self.bitrate = int(self.bitrate * (1 - 0.5 * loss))
        elif loss < 0.02:
            self.bitrate = int(self.bitrate * 1.08)
        self.bitrate = max(FLOOR, min(self.bitrate, CEILING))
        return self.bitrate
