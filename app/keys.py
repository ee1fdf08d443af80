"""The server's secrets, kept in the data folder, readable by their owner only.

One lasting secret, made once; and a ring of keys that sign tokens and are changed from time to time (`app.keyring`).
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import StartupError
from app.keyring import Keyholder, RingFile

FILE_NAME = "secret.key"
_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """Key material; never shown in logs."""

    secret: bytes = field(repr=False)
    """Lasts as long as the server: for what must stay the same. Ask for `derived` ones."""
    ring: Keyholder = field(repr=False)
    """Signs tokens."""

    def derived(self, purpose: str) -> bytes:
        """A lasting secret for one purpose, which tells nothing about those for others."""
        return hmac.digest(self.secret, purpose.encode(), hashlib.sha256)


def make_data_dir(folder: Path) -> None:
    """Make the data folder if need be, closed to other accounts: it will hold names and password hashes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def load_keys(data_dir: Path) -> Keys:
    """Read the secrets; make them at the first start. Several processes may do so at once."""
    path = data_dir / FILE_NAME
    try:
        make_data_dir(data_dir)
        if not path.exists():
            _create(path)
        secret = path.read_bytes()
    except OSError as error:
        raise StartupError(
            f"{path}: {error.strerror}; make the data folder writable or set TONGTANG_DATA_DIR to another one"
        ) from None
    if len(secret) != _BYTES:
        raise StartupError(
            f"{path}: not a {_BYTES}-byte secret; restore it, or delete it to have another one made"
        )
    return Keys(secret, RingFile(data_dir))


def _create(path: Path) -> None:
    # Written aside and linked into place: nobody ever reads a half-written key, and the first writer wins.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass  # another process was faster; its key counts
    finally:
        os.unlink(name)
