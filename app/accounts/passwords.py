"""Passwords: which are good enough, their hashes (Argon2id), and a bound on how many are worked on at once."""

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, ParamSpec, TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.errors import Invalid, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

SHORTEST: Final = 10
LONGEST: Final = 128
LEAST_STRENGTH: Final = 3
"""Of zxcvbn's 0 to 4; 3 is more than 10^8 guesses by somebody who knows lists, names, keyboards and dates."""
_RATED: Final = 72
"""Characters that are rated; zxcvbn takes long for more, and nobody guesses these."""
_SHORTEST_WORD: Final = 3
_LEAST_REST: Final = 8
"""Characters that must be left without the login and the name."""
MOST_WAITING: Final = 64
NO_PASSWORD: Final = ""
"""Stored for somebody who has none yet, and signs in by other means or once it was reset."""


@cache
def _hasher() -> PasswordHash:
    # OWASP's first choice for Argon2id. RFC 9106's 64 MiB and three passes would take two cores whole at 11 sign-ins
    # a second; a school begins at the same minute as all others.
    return PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody has this password")


@cache
def unknowable_hash() -> str:
    """The hash of a password that nobody knows, for those who sign in by other ways. Slow the first time."""
    return hash_password(secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a password is right, and its hash by today's parameters where the stored one is an older one."""

    matches: bool
    renewed: str | None = None


def hash_password(password: str) -> str:
    """The hash to store. Takes some 30 ms of a core: never call it with a write transaction open."""
    return _hasher().hash(password)


def check_password(password: str, stored_hash: str | None) -> Check:
    """Whether the password is right. Without a stored hash, or with `NO_PASSWORD`, it takes as long, and is never.

    So the time of the answer does not tell which logins exist.
    """
    matches, renewed = _hasher().verify_and_update(password, stored_hash or _nobodys_hash())
    return Check(matches, renewed) if stored_hash else Check(False)


def require_strong(password: str, *about: str) -> None:
    """Raise `Invalid` for a password that others would guess; `about` is what they know of its owner."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            "password.length",
            "Password too short or too long",
            f"A password has {SHORTEST} to {LONGEST} characters; a few words in a row are easy to remember.",
        )
    from zxcvbn import zxcvbn  # its lists take 10 MB and are seldom needed

    rest = password.casefold()
    for word in sorted({word.casefold() for text in about for word in text.split()}, key=len, reverse=True):
        if len(word) >= _SHORTEST_WORD:
            rest = rest.replace(word, "")
    if len(rest) < _LEAST_REST or zxcvbn(password[:_RATED])["score"] < LEAST_STRENGTH:
        raise Invalid(
            "password.guessable",
            "Password easy to guess",
            "This password is like those on lists of common ones, or like the name; take a few words in a row instead.",
        )


class PasswordDesk:
    """Checks passwords beside the event loop: so many at once, so many waiting, and no more.

    Its threads are its own. In the server's pool, forty sign-ins would keep everybody else's requests waiting.
    """

    def __init__(self, at_once: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        workers = at_once or max(1, min(2, os.cpu_count() or 1))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._most = workers + most_waiting
        self._busy = 0

    async def check(self, password: str, stored_hash: str | None) -> Check:
        """`check_password`; raises `Unavailable` when too many wait already."""
        return await self._in_turn(check_password, password, stored_hash)

    async def hash(self, password: str) -> str:
        """`hash_password`; raises `Unavailable` when too many wait already."""
        return await self._in_turn(hash_password, password)

    async def _in_turn(self, work: Callable[P, T], *given: P.args, **_none: P.kwargs) -> T:
        if self._busy >= self._most:
            raise Unavailable(
                "sign_in.busy", "Busy", "Too many sign in at once; try again.", headers={"Retry-After": "3"}
            )
        self._busy += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, partial(work, *given))
        finally:
            self._busy -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)
