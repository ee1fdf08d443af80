"""Files that people send: bounded, scanned, gone afterwards."""

import asyncio
import io
import shlex
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import UploadFile

from app.errors import AppError, Invalid
from app.settings import SettingsError, load_settings
from app.uploads import Scanner, received, within

HARM = b"harmful words"


def receive(content: bytes, scanner: Scanner, folder: Path, most: int = 1_000_000) -> bytes:
    """What is read of an upload in the end."""

    async def scenario() -> bytes:
        upload = UploadFile(io.BytesIO(content), filename="../../etc/passwd")
        async with received(upload, scanner, most, folder) as path:
            assert path.parent == folder
            assert path.stat().st_mode & 0o777 == 0o600
            return path.read_bytes()

    return asyncio.run(scenario())


def refused(content: bytes, scanner: Scanner, folder: Path, most: int = 1_000_000) -> str:
    with pytest.raises(AppError) as error:
        receive(content, scanner, folder, most)
    assert not list(folder.iterdir())
    return error.value.code


def command(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def test_an_upload_is_there_as_long_as_it_is_used(tmp_path: Path) -> None:
    content = b"x" * 300_000
    assert receive(content, Scanner(), tmp_path, most=300_000) == content
    assert not list(tmp_path.iterdir())
    assert refused(content, Scanner(), tmp_path, most=299_999) == "upload.too_large"


def test_a_command_decides(tmp_path: Path) -> None:
    finds = command(f"import sys; sys.exit({HARM!r} in open(sys.argv[1], 'rb').read())")
    assert receive(b"a table", Scanner(finds, 60), tmp_path) == b"a table"
    assert refused(b"a table with " + HARM, Scanner(finds, 60), tmp_path) == "upload.infected"


@pytest.mark.parametrize(
    "how", [command("import sys; sys.exit(2)"), "/nowhere/scan", "clamd://127.0.0.1:1", "clamd:/nowhere.sock"]
)
def test_what_cannot_be_scanned_is_not_used(tmp_path: Path, how: str) -> None:
    assert refused(b"a table", Scanner(how, 60), tmp_path) == "upload.not_scanned"


def test_a_scanner_that_hangs_is_ended(tmp_path: Path) -> None:
    assert refused(b"a table", Scanner("sh -c 'exec sleep 1000'", 0.1), tmp_path) == "upload.not_scanned"


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"stream: OK\0", ""), (b"stream: Eicar FOUND\0", "upload.infected"), (b"", "upload.not_scanned")],
)
def test_clamd_is_asked_in_its_own_words(tmp_path: Path, answer: bytes, code: str) -> None:
    content = b"y" * 200_000
    heard = bytearray()

    async def clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        while size := struct.unpack("!I", await reader.readexactly(4))[0]:
            heard.extend(await reader.readexactly(size))
        writer.write(answer)
        writer.close()

    async def scenario() -> str:
        server = await asyncio.start_server(clamd, "127.0.0.1", 0)
        async with server:
            scanner = Scanner(f"clamd://127.0.0.1:{server.sockets[0].getsockname()[1]}", 60)
            try:
                async with received(UploadFile(io.BytesIO(content)), scanner, 1_000_000, tmp_path):
                    return ""
            except AppError as error:
                return error.code

    assert asyncio.run(scenario()) == code
    assert bytes(heard) == content


def test_a_scanner_that_cannot_be_is_no_setting() -> None:
    for how in ("clamd://", "clamd:relative", "scan 'unfinished"):
        with pytest.raises(SettingsError, match="^TONGTANG_UPLOAD_SCANNER: "):
            load_settings(upload_scanner=how)


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "..\\x", "a//b", ".", "", "a\0b", "C:\\..\\x"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        within(tmp_path, name)


@given(st.text(max_size=30))
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    folder = Path("/srv/data")
    try:
        assert within(folder, name).is_relative_to(folder)
    except Invalid:
        pass
