"""The demo county's password: made once, kept in the data folder, readable by its owner only."""

import json
import os
import secrets
from pathlib import Path

from app.errors import StartupError
from app.keys import make_data_dir

FILE_NAME = "demo.json"

_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aeiou"
_GROUPS = 4


def read_or_make(data_dir: Path) -> tuple[str, bool]:
    """The password, and whether it is a new one. Raises `StartupError` when the file cannot be used."""
    path = data_dir / FILE_NAME
    try:
        if path.exists():
            return str(json.loads(path.read_text(encoding="utf-8"))["password"]), False
        password = _speakable()
        make_data_dir(data_dir)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"password": password}, file)
        return password, True
    except OSError as error:
        raise StartupError(f"{path}: {error.strerror}; make the data folder writable") from None
    except (ValueError, KeyError, TypeError):
        raise StartupError(f"{path}: holds no password; delete it to have a new one made") from None


def _speakable() -> str:
    """Groups of syllables, such as "kota-ribu-semo-lagi": 50 bits that can be read out across a classroom."""
    return "-".join(_syllable() + _syllable() for _ in range(_GROUPS))


def _syllable() -> str:
    return secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS)
