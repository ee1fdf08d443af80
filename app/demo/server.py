"""A server of the demo's own, in a temporary data folder and on free ports; and the figures it shows."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from app.demo.api import ApiUnreachable, Password, new_http
from app.errors import StartupError

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
_ADMIN: Final = "demo-admin"


@dataclass(frozen=True, slots=True)
class OwnServer:
    """Where the server is, and who administers its county."""

    url: str
    admin: Password


@asynccontextmanager
async def own_server() -> AsyncIterator[OwnServer]:
    """Found a county in a temporary folder, serve it, and clean up."""
    with tempfile.TemporaryDirectory(prefix="tongtang-demo-") as folder:
        data = Path(folder)
        database = ("--data-dir", folder, "--database-url", f"sqlite:///{data / 'tongtang.db'}")
        county = (
            "create-county",
            "DEMO",
            "演示县 Demo county",
            "--admin",
            _ADMIN,
            "--password-stays",
            *database,
        )
        admin = Password(_ADMIN, (await _run(*county)).split()[-1])
        http_port = _free_port()
        ports = ("--http-port", str(http_port), "--media-port", str(_free_media_port()))
        media = ("--relay-nodes", "1")
        log = data / "server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "run", "--no-demo", "--http-host", "127.0.0.1"),
                *(*database, *ports, *media, "--log-level", "warning"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            url = f"http://127.0.0.1:{http_port}"
            await _wait_ready(url, process, log)
            yield OwnServer(url, admin)
        finally:
            await _end(process)


async def relay_counters(http: httpx.AsyncClient) -> tuple[float, float]:
    """CPU seconds of all relay nodes, and packets they forwarded, since their start."""
    try:
        text = (await http.get("/metrics")).text
    except httpx.HTTPError as error:
        raise ApiUnreachable(f"no figures from {http.base_url}: {error}") from error
    return parse_counter(text, "tongtang_relay_cpu_seconds"), parse_counter(
        text, "tongtang_relay_packets_forwarded"
    )


def parse_counter(text: str, name: str) -> float:
    """The sum of a counter over its labels, in the text format of Prometheus."""
    return sum(float(value) for value in re.findall(rf"^{name}_total(?:{{.*}})? (\S+)", text, re.MULTILINE))


async def _run(*arguments: str) -> str:
    """Run a command of the product to its end and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise StartupError(f"{arguments[0]} failed: {_last_line(errors)}")
    return output.decode()


async def _wait_ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with new_http(url) as http:
        for _ in range(int(START_SECONDS / 0.1)):
            if process.returncode is not None:
                raise StartupError(f"the server ended at once: {_last_words(log)}")
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.1)
    raise StartupError(f"the server was not ready within {START_SECONDS:.0f} s: {_last_words(log)}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_words(log: Path) -> str:
    return _last_line(log.read_bytes())


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _free_port() -> int:
    """A port that is free now; nothing keeps it free, but nobody else on the machine is told of it either."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_media_port() -> int:
    """The same for media, which come over UDP and TCP."""
    while True:
        port = _free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
