"""ZIP archives that strangers send: what is in them, with a bound on what it becomes."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

from app.transfer.tables import BadFile

MOST_ENTRIES: Final = 1_000
MOST_UNZIPPED: Final = 64 * 1024 * 1024
_PIECE: Final = 64 * 1024

# What zipfile raises for archives that were damaged, or made to do damage.
BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, struct.error,
    EOFError, KeyError, NotImplementedError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


class Parts:
    """The files in a ZIP archive, with a bound on what they become."""

    def __init__(self, archive: zipfile.ZipFile, most_bytes: int = MOST_UNZIPPED) -> None:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES or sum(each.file_size for each in entries) > most_bytes:
            raise BadFile("file.zip_bomb", most=most_bytes // (1024 * 1024))
        if any(each.flag_bits & 1 for each in entries):
            raise BadFile("file.encrypted")
        if any(
            each.header_offset < 0 for each in entries
        ):  # zipfile would ask the disk for what is before it
            raise zipfile.BadZipFile
        if any(each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in entries):
            raise BadFile("file.xlsx_broken")
        self._archive = archive
        self._left = most_bytes
        self.names = {each.filename for each in entries}

    def feed(self, name: str, take: Callable[[bytes], object], most: int | None = None) -> None:
        """Give a file away piece by piece; raises `BadFile` when it is longer than it may be."""
        left = self._left if most is None else most
        with self._archive.open(name) as file:
            while piece := file.read(_PIECE):
                self._left -= len(piece)
                left -= len(piece)
                if min(left, self._left) < 0:
                    raise BadFile("file.zip_bomb", most=MOST_UNZIPPED // (1024 * 1024))
                take(piece)

    def read(self, name: str) -> bytes:
        """The whole of a file."""
        pieces: list[bytes] = []
        self.feed(name, pieces.append)
        return b"".join(pieces)
