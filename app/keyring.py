"""The keys that sign tokens: the newest signs, older ones verify until what they signed has run out.

The ring is a file in the data folder that all processes of the server share. Whoever changes it holds its lock and
puts a whole new file in its place; everybody else notices within a second, and at once when a token names a key they
do not know.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, Self

import structlog

from app.errors import StartupError

_log = structlog.stdlib.get_logger(__name__)

FILE_NAME: Final = "signing-keys.json"
LOCK_NAME: Final = "signing-keys.lock"
LONGEST_LIFE: Final = timedelta(days=7)
"""No token lives longer than this, so a key that has not signed for so long is of no use any more."""

_BYTES: Final = 32
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of the ring."""

    kid: str
    material: bytes = field(repr=False)
    made_at: datetime
    good_until: datetime | None = None
    """When the last token it signed has run out; None while it signs."""

    @classmethod
    def new(cls, now: datetime) -> Self:
        """A fresh key with a name that says nothing."""
        return cls(secrets.token_hex(4), secrets.token_bytes(_BYTES), now)

    def secret(self, purpose: str) -> bytes:
        """The key for one purpose: what is signed for one never passes for the other."""
        return hmac.digest(self.material, purpose.encode(), hashlib.sha256)


class Keyholder(Protocol):
    """Who knows the keys of now."""

    def newest(self) -> SigningKey:
        """The key that signs."""

    def find(self, kid: str, now: datetime) -> SigningKey | None:
        """The key of this name, if what it signed may still be good."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys at one moment, the newest first. Pure: changes make another ring."""

    keys: tuple[SigningKey, ...]

    @classmethod
    def new(cls, now: datetime) -> Self:
        """A ring with one key."""
        return cls((SigningKey.new(now),))

    def newest(self) -> SigningKey:
        """The key that signs."""
        return self.keys[0]

    def find(self, kid: str, now: datetime) -> SigningKey | None:
        """The key of this name, unless its time is over."""
        for key in self.keys:
            if key.kid == kid:
                return key if key.good_until is None or now < key.good_until else None
        return None

    def rotated(self, now: datetime, *, at_once: bool = False) -> Self:
        """A new key signs from now on; `at_once` voids everything the others signed."""
        kept = () if at_once else tuple(_retired(key, now) for key in self.keys)
        return replace(self, keys=(SigningKey.new(now), *kept)).pruned(now)

    def pruned(self, now: datetime) -> Self:
        """Without the keys whose time is over."""
        return replace(
            self, keys=tuple(key for key in self.keys if not key.good_until or now < key.good_until)
        )


class RingFile:
    """The ring of a data folder, read again when it has changed. Any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._lock_path = folder / LOCK_NAME
        self._version: tuple[int, int, int] | None = None
        self._looked_at = 0.0
        self._ring = self._load()

    def newest(self) -> SigningKey:
        """The key that signs."""
        return self._current().newest()

    def find(self, kid: str, now: datetime) -> SigningKey | None:
        """The key of this name; one that another process has just made is looked for in the file."""
        found = self._current().find(kid, now)
        return found or self._current(look=True).find(kid, now)

    def rotate(self, now: datetime, *, at_once: bool = False) -> SigningKey:
        """Let a new key sign from now on, in all processes."""
        with self._locked():
            return self._store(self._read().rotated(now, at_once=at_once)).newest()

    def rotate_if_older(self, age: timedelta, now: datetime) -> SigningKey | None:
        """Rotate if the newest key has signed for so long; of several processes that try, one does."""
        if now - self.newest().made_at < age:
            return None
        with self._locked():
            ring = self._read()
            if now - ring.newest().made_at < age:
                return None
            return self._store(ring.rotated(now)).newest()

    def _load(self) -> Ring:
        try:
            with self._locked():
                if not self._path.exists():
                    return self._store(Ring.new(datetime.now(UTC)))
                self._version = _version_of(self._path)
                return self._read()
        except OSError as error:
            raise StartupError(f"{self._path}: {error.strerror}; make the data folder writable") from None

    def _current(self, *, look: bool = False) -> Ring:
        now = time.monotonic()
        if look or now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            version = _version_of(self._path)
            if version is not None and version != self._version:
                self._take(version)
        return self._ring

    def _take(self, version: tuple[int, int, int]) -> None:
        self._version = version
        try:
            self._ring = self._read()
        except (StartupError, OSError) as error:
            _log.error("the signing keys cannot be read; those known so far go on", error=str(error))

    def _read(self) -> Ring:
        try:
            items = json.loads(self._path.read_text(encoding="utf-8"))["keys"]
            ring = Ring(tuple(_key_of(item) for item in items))
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise StartupError(
                f"{self._path}: holds no signing keys; restore it, or delete it to void all tokens"
            ) from None
        if not ring.keys:
            raise StartupError(f"{self._path}: holds no key; delete it to have one made")
        return ring

    def _store(self, ring: Ring) -> Ring:
        # Written aside and put into place: nobody ever reads half a file.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".keys-")  # mkstemp makes it 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"keys": [_item_of(key) for key in ring.keys]}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._path)
        self._ring, self._version = ring, _version_of(self._path)
        return ring

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)  # and with it goes the lock


def _retired(key: SigningKey, now: datetime) -> SigningKey:
    return key if key.good_until else replace(key, good_until=now + LONGEST_LIFE)


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _key_of(item: dict[str, str]) -> SigningKey:
    material = base64.b64decode(item["material"], validate=True)
    if len(material) != _BYTES:
        raise ValueError("a key of another length")
    until = item.get("good_until")
    return SigningKey(
        kid=item["kid"],
        material=material,
        made_at=datetime.fromisoformat(item["made_at"]),
        good_until=datetime.fromisoformat(until) if until else None,
    )


def _item_of(key: SigningKey) -> dict[str, str]:
    item = {
        "kid": key.kid,
        "material": base64.b64encode(key.material).decode(),
        "made_at": key.made_at.isoformat(),
    }
    return item | ({"good_until": key.good_until.isoformat()} if key.good_until else {})
