"""The process ``python -m app synthetic-teacher``: a :class:`SyntheticTeacher` until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from app.demo.api import Api, Credentials, Password, TokenFile, new_http
from app.demo.clip import VideoCodec
from app.demo.teaching import ASIDE_SECONDS, SyntheticTeacher, cancel_all
from app.errors import StartupError
from app.logs import configure_logging
from app.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``python -m app synthetic-teacher``."""
    parser.add_argument("--url", help="server to teach at; the one of the settings unless given")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--login", help="login of the teacher, with --password-file")
    who.add_argument("--token-file", type=Path, help="file with a bearer token of the teacher")
    parser.add_argument("--password-file", type=Path, help="file with the teacher's password")
    parser.add_argument("--codec", choices=[codec.value for codec in VideoCodec], default="VP8")
    parser.add_argument(
        "--aside-seconds",
        type=float,
        default=ASIDE_SECONDS,
        help="after the real teacher has left, wait so long before coming back (default: %(default).0f)",
    )
    parser.add_argument(
        "--with-parent", type=int, metavar="PID", help="end when this process, which started it, ends"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Teach until SIGTERM or Ctrl-C; returns the exit code. Raises `StartupError`."""
    configure_logging(settings.log_level, settings.log_format)
    url = options.url or f"http://127.0.0.1:{settings.http_port}"
    folder = settings.data_dir / "cache" / "test-card"
    asyncio.run(_teach_until_signal(url, _credentials(options), folder, options))
    return 0


def _credentials(options: argparse.Namespace) -> Credentials:
    if options.token_file:
        return TokenFile(options.token_file)
    if not options.password_file:
        raise StartupError("--login needs --password-file, the password of that person")
    try:
        return Password(options.login, options.password_file.read_text().strip())
    except OSError as error:
        raise StartupError(f"the password file cannot be read: {error}") from error


async def _teach_until_signal(
    url: str, credentials: Credentials, folder: Path, options: argparse.Namespace
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with new_http(url) as http:
        codec = VideoCodec(options.codec)
        teacher = SyntheticTeacher(Api(http, credentials), codec, folder, options.aside_seconds)
        tasks = [asyncio.create_task(teacher.run()), asyncio.create_task(_wait_stop(stop))]
        if options.with_parent is not None:
            tasks.append(asyncio.create_task(_wait_orphaned(options.with_parent)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all(*tasks)
        if tasks[0].done() and not tasks[0].cancelled():
            tasks[0].result()


async def _wait_stop(stop: asyncio.Event) -> None:
    await stop.wait()


async def _wait_orphaned(parent: int) -> None:
    """A server that was killed cannot end its children; without this they would teach on, two at a time."""
    while True:
        if os.getppid() != parent:
            return
        await asyncio.sleep(1)
