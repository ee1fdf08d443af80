"""Password hashes (Argon2id), with a bound on how many are worked on at once."""

import os
from functools import cache
from threading import BoundedSemaphore

from pwdlib import PasswordHash

# A hash takes 64 MiB and a core for a while; forty sign-ins at once must not take the machine.
_at_work = BoundedSemaphore(max(2, os.cpu_count() or 2))


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody has this password")


def hash_password(password: str) -> str:
    """The hash to store."""
    with _at_work:
        return _hasher().hash(password)


def password_matches(password: str, stored_hash: str | None) -> bool:
    """Whether the password is right. Without a stored hash it takes as long, and the answer is no.

    So the time of the answer does not tell which logins exist.
    """
    expected = stored_hash or _nobodys_hash()
    with _at_work:
        matches = _hasher().verify(password, expected)
    return matches and stored_hash is not None
