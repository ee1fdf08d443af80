"""Turns to write to SQLite: one at a time, in the order in which they were asked for."""

import sqlite3
from collections import deque
from threading import Lock
from typing import Any, Final


class Turns:
    """A lock that goes to whoever has waited longest; for threads."""

    def __init__(self) -> None:
        self._lock: Final = Lock()
        self._waiting: Final[deque[Lock]] = deque()
        self._taken = False

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def take(self, seconds: float) -> bool:
        """Wait for so long at most; whether it was given, and is to be given back."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._lock:
            if mine not in self._waiting:
                return True  # it was handed over in the last moment
            self._waiting.remove(mine)
            return False

    def give_back(self) -> None:
        """Hand it to the next one."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class FairConnection(sqlite3.Connection):
    """A connection that keeps its turn from where it begins to write until that transaction has ended.

    SQLite itself lets those who wait look again from time to time: who came last often finds the lock free, and who
    waits longest gives up. Other processes, and connections without turns, wait for each other in that way.
    """

    def __init__(self, *arguments: Any, turns: Turns, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._turns: Final = turns
        self._has_turn = False

    def take_turn(self, seconds: float) -> None:
        """Wait for so long at most; raises `sqlite3.OperationalError`, as for any lock that is not free in time."""
        if not self._turns.take(seconds):
            raise sqlite3.OperationalError("database is locked")
        self._has_turn = True

    def end_turn(self) -> None:
        """Let the next one write, unless there is nothing to end."""
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back()

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self._end_unless_open()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._end_unless_open()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.end_turn()

    def _end_unless_open(self) -> None:
        # A commit that failed leaves its transaction open, to be rolled back.
        if not self.in_transaction:
            self.end_turn()
