"""The file of a backup: a compressed tar archive that ends with a manifest of checksums.

tables/<name>.jsonl     the rows, a JSON list a line
files/<path>            what is in the data folder besides the database
manifest.json           format, revision, ends of the audit chains; rows, columns and SHA-256 of everything
"""

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

from app.errors import StartupError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
_MOST_MANIFEST_BYTES: Final = 64 * 1024 * 1024
_TABLE: Final = re.compile(r"tables/([a-z_]+)\.jsonl")
_FILE: Final = re.compile(r"files/((?:[^/\\\0.][^/\\\0]*/)*[^/\\\0.][^/\\\0]*)")
"""No part of a path is empty or begins with a dot, so none leads upwards."""


@dataclass(frozen=True)
class Part:
    """One member of the archive."""

    size: int
    sha256: str
    columns: tuple[str, ...] = ()
    rows: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    version: str
    """Of the product."""
    revision: str
    made_at: str
    heads: dict[str, str]
    """Where each chain of the trail ended: number and hash by county id."""
    parts: dict[str, Part] = field(default_factory=dict)
    format: int = FORMAT

    @classmethod
    def read(cls, text: bytes) -> Self:
        """Raises `ValueError` when this is no manifest."""
        try:
            given = json.loads(text)
            parts = {
                name: Part(**{**each, "columns": tuple(each["columns"])})
                for name, each in given["parts"].items()
            }
            return cls(**{**given, "parts": parts})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("the manifest is not understood") from error


class Writer:
    """Writes an archive, readable by its owner only; it appears under its name when it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".backup-")  # mkstemp makes it 0600
        self._partial = Path(name)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz", format=tarfile.PAX_FORMAT)
        self.parts: dict[str, Part] = {}

    def add(self, name: str, pieces: Iterable[bytes], columns: tuple[str, ...] = ()) -> None:
        """Add a member whose size is known only at its end."""
        with tempfile.TemporaryFile(dir=self._target.parent) as spool:
            digest, rows = hashlib.sha256(), 0
            for piece in pieces:
                digest.update(piece)
                spool.write(piece)
                rows += 1
            size = spool.tell()
            spool.seek(0)
            self.parts[name] = Part(size, digest.hexdigest(), columns, rows if columns else 0)
            self._put(name, spool, size)

    def finish(self, manifest: Manifest) -> None:
        """End the archive with its manifest."""
        text = json.dumps(asdict(manifest), indent=1).encode()
        self._put(MANIFEST, io.BytesIO(text), len(text))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._target)

    def discard(self) -> None:
        """Leave nothing of an archive that was not finished."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def _put(self, name: str, content: io.IOBase | object, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        self._tar.addfile(member, content)  # type: ignore[arg-type]


def unpack(source: Path, folder: Path) -> Manifest:
    """Unpack a backup into an empty folder and check every checksum; raises `StartupError` with what is wrong."""
    try:
        with tarfile.open(source, mode="r:gz") as tar:
            found = {member.name: _copy(tar, member, folder) for member in tar}
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = getattr(error, "strerror", None) or "it is cut short, or not a backup"
        raise StartupError(f"{source}: {reason}") from None
    try:
        if MANIFEST not in found:
            raise ValueError("its manifest is missing: it is cut short, or not a backup")
        manifest = Manifest.read((folder / MANIFEST).read_bytes())
        _compare(manifest, found)
    except ValueError as error:
        raise StartupError(f"{source}: {error}") from None
    return manifest


def table_of(name: str) -> str | None:
    """The table a member holds."""
    match = _TABLE.fullmatch(name)
    return match[1] if match else None


def file_of(name: str) -> str | None:
    """The file of the data folder a member holds."""
    match = _FILE.fullmatch(name)
    return match[1] if match else None


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    known = member.name == MANIFEST or table_of(member.name) or file_of(member.name)
    content = tar.extractfile(member) if known and member.isreg() else None
    if content is None or (member.name == MANIFEST and member.size > _MOST_MANIFEST_BYTES):
        raise tarfile.TarError(member.name)
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with content, target.open("xb") as file:
        while piece := content.read(1 << 20):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _compare(manifest: Manifest, found: dict[str, str]) -> None:
    if manifest.format != FORMAT:
        raise ValueError(f"its format is {manifest.format}; this version reads {FORMAT}")
    if missing := sorted(manifest.parts.keys() - found.keys()):
        raise ValueError(f"{missing[0]} is missing")
    if strange := sorted(found.keys() - manifest.parts.keys() - {MANIFEST}):
        raise ValueError(f"{strange[0]} is not in its manifest")
    for name, part in manifest.parts.items():
        if found[name] != part.sha256:
            raise ValueError(f"{name} was damaged or changed: its checksum is not that of the manifest")
