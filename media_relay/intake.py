"""Whom a node takes in: nobody new while that would harm those who are here, and no new lessons before it is ended."""

from __future__ import annotations

from media_relay.sdp import OfferError


class Intake:
    """What a node's owner has decided about newcomers."""

    def __init__(self) -> None:
        self.full = False
        """While newcomers would harm those who are here."""
        self.draining = False
        """While the node is being emptied."""
        self._told = False

    def check_publisher(self, *, lesson_is_here: bool) -> None:
        """Raises ``OfferError``. A publisher of a lesson that is here brings back what people wait for."""
        if not lesson_is_here:
            self._check_lesson()
            self._check_room()

    def check_subscriber(self, *, session_is_here: bool, lesson_is_here: bool) -> None:
        """Raises ``OfferError``. Those of a lesson that is here may come while the node is being emptied."""
        if not lesson_is_here:
            self._check_lesson()
        if not session_is_here:
            self._check_room()

    def is_drained(self, sessions: int) -> bool:
        """Whether to tell, now, that nobody is left: once, and again after somebody was here."""
        if not self.draining or sessions:
            self._told = False
            return False
        told, self._told = self._told, True
        return not told

    def _check_room(self) -> None:
        if self.full:
            raise OfferError("node.full", "This relay node has all it can carry; try again in a moment.")

    def _check_lesson(self) -> None:
        if self.draining:
            raise OfferError("node.draining", "This relay node takes no new lessons; try again in a moment.")
