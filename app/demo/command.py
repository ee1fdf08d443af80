"""The command ``python -m app demo``: proves the main job without a browser, and says so in one JSON line."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from app.errors import StartupError
from app.logs import configure_logging
from app.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``python -m app demo``."""
    parser.add_argument(
        "--url", help="a server that is running; one of its own, with a temporary data folder, unless given"
    )
    parser.add_argument("--login", default="admin", help="bureau admin at --url (default: %(default)s)")
    parser.add_argument("--password-file", type=Path, help="file with that person's password")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the lesson (default: 10)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the demo; returns 0 only if everybody saw and heard everybody they should."""
    configure_logging(settings.log_level, settings.log_format)
    logging.getLogger("aiortc").setLevel(logging.ERROR)  # it warns of each picture before the first keyframe
    try:
        result = asyncio.run(_prove(options))
    except asyncio.CancelledError:
        result = {"ok": False, "reason": "interrupted"}
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0 if result["ok"] else 1


async def _prove(options: argparse.Namespace) -> dict[str, Any]:
    from app.demo.api import Api, ApiError, Password, new_http
    from app.demo.lesson_proof import prove
    from app.demo.media_client import MediaError
    from app.demo.report import failure
    from app.demo.server import own_server

    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        if options.url:
            admin = Password(options.login, _password(options.password_file))
            async with new_http(options.url) as http:
                return await prove(Api(http, admin), _say, options.seconds)
        _say("starting a server with a county of its own")
        async with own_server() as server, new_http(server.url) as http:
            return await prove(Api(http, server.admin), _say, options.seconds)
    except (ApiError, MediaError, StartupError) as error:
        return failure(str(error))


def _password(path: Path | None) -> str:
    if path is None:
        raise StartupError("--url needs --password-file, the password of --login")
    try:
        return path.read_text().strip()
    except OSError as error:
        raise StartupError(f"the password file cannot be read: {error}") from error


def _say(progress: str) -> None:
    sys.stderr.write(f"demo: {progress}\n")
    sys.stderr.flush()
