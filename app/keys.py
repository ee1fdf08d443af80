"""The signing secret of tokens and grants: made once, kept in the data folder, readable by its owner only."""

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import StartupError

FILE_NAME = "secret.key"
_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """Key material; never shown in logs."""

    signing: bytes = field(repr=False)


def make_data_dir(folder: Path) -> None:
    """Make the data folder if need be, closed to other accounts: it will hold names and password hashes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def load_keys(data_dir: Path) -> Keys:
    """Read the secret; make it at the first start. Several processes may do so at once."""
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
            f"{path}: not a {_BYTES}-byte secret; restore it, or delete it to sign everybody out"
        )
    return Keys(signing=secret)


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
