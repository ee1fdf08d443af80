"""Files that people send: bounded, put aside where nobody runs them, and scanned before anybody reads them.

    async with received(upload, scanner, most_bytes) as path:
        …                                          # the file is gone when the block is left

A scanner is a command that is given the path as its last argument and ends with 0 for a clean file, 1 for an infected
one (as clamscan does), else when it could not look; or clamd, which gets the content over a socket (INSTREAM). Without
a setting nothing is scanned. With one, a file that could not be scanned is not used.
"""

import asyncio
import contextlib
import os
import re
import shlex
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog
from starlette.concurrency import run_in_threadpool

from app.errors import Invalid, TooLarge, Unavailable

PIECE_BYTES: Final = 64 * 1024
_CLAMD: Final = re.compile(r"clamd://(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})")
_CLAMD_SOCKET: Final = re.compile(r"clamd:(?P<path>/(?!/)\S+)")

_log = structlog.stdlib.get_logger(__name__)


class Upload(Protocol):
    """What starlette's `UploadFile` offers."""

    async def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """What scans files; `how` is empty, a command, or `clamd://host:port` or `clamd:/path/of/socket`."""

    how: str = ""
    seconds: float = 30.0

    async def require_clean(self, path: Path) -> None:
        """Raise `Invalid` for an infected file, `Unavailable` for one that could not be scanned in time."""
        if not self.how:
            return
        try:
            async with asyncio.timeout(self.seconds):
                clean = await (
                    _by_clamd(self.how, path)
                    if self.how.startswith("clamd:")
                    else _by_command(self.how, path)
                )
        except (OSError, TimeoutError, EOFError) as error:
            _log.error("an upload could not be scanned", error=str(error) or type(error).__name__)
            raise Unavailable(
                "upload.not_scanned",
                "Upload not scanned",
                "The file could not be scanned, so it was not used; try again, and tell the operator if it stays so.",
                headers={"Retry-After": "30"},
            ) from None
        if not clean:
            _log.warning("an upload was refused by the scanner")
            raise Invalid(
                "upload.infected", "Upload refused", "The scanner found something harmful in this file."
            )


def check_scanner(how: str) -> str:
    """A scanner setting, if it can be one; raises `ValueError`."""
    if how.startswith("clamd:") and not (_CLAMD.fullmatch(how) or _CLAMD_SOCKET.fullmatch(how)):
        raise ValueError("is not like clamd://127.0.0.1:3310 or clamd:/run/clamav/clamd.ctl")
    try:
        shlex.split(how)
    except ValueError:
        raise ValueError("is no command: a quotation mark is missing") from None
    return how


@asynccontextmanager
async def received(
    upload: Upload, scanner: Scanner, most_bytes: int, folder: Path | None = None
) -> AsyncIterator[Path]:
    """The upload as a scanned file under a name of ours; what the client calls it never becomes a path.

    Raises `TooLarge`, `Invalid` or `Unavailable`.
    """
    descriptor, name = tempfile.mkstemp(dir=folder, prefix="upload-")  # mkstemp makes it 0600
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = 0
            while piece := await upload.read(PIECE_BYTES):
                size += len(piece)
                if size > most_bytes:
                    detail = f"A file has up to {most_bytes} bytes."
                    raise TooLarge("upload.too_large", "File too large", detail)
                await run_in_threadpool(file.write, piece)
        await scanner.require_clean(path)
        yield path
    finally:
        await run_in_threadpool(path.unlink, missing_ok=True)


def within(folder: Path, name: str) -> Path:
    """A file in a folder by a name that a client or an archive gave; raises `Invalid` when it leads elsewhere."""
    parts = name.replace("\\", "/").split("/")
    if "\0" not in name and not any(part in ("", ".", "..") for part in parts):
        target = folder.joinpath(*parts).resolve()
        if target.is_relative_to(folder.resolve()):  # or a link leads out
            return target
    raise Invalid(
        "upload.bad_name", "File name not accepted", "A file's name must not lead to another folder."
    )


async def _by_command(how: str, path: Path) -> bool:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(how),
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code not in (0, 1):
        raise OSError(f"the scanner ended with exit code {code}")
    return code == 0


async def _by_clamd(how: str, path: Path) -> bool:
    """INSTREAM of clamd(8): pieces with their length before them, none at the end, and one line in return."""
    if match := _CLAMD_SOCKET.fullmatch(how):
        reader, writer = await asyncio.open_unix_connection(match["path"])
    else:
        match = _CLAMD.fullmatch(how)
        assert match is not None  # the setting was checked
        reader, writer = await asyncio.open_connection(match["six"] or match["host"], int(match["port"]))
    try:
        writer.write(b"zINSTREAM\0")
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                writer.write(struct.pack("!I", len(piece)) + piece)
                await writer.drain()
        writer.write(struct.pack("!I", 0))
        await writer.drain()
        said = (await reader.readuntil(b"\0")).rstrip(b"\0").decode(errors="replace")
    finally:
        writer.close()
    if said.endswith("FOUND"):
        return False
    if not said.endswith("OK"):
        raise OSError(f"clamd answered {said[:80]}")
    return True
