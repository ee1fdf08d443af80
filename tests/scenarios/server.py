"""The real server as a process of its own, the way an operator runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 30.0
REPOSITORY = Path(__file__).resolve().parents[2]


def free_port(kind: socket.SocketKind) -> int:
    """A port nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def environment() -> dict[str, str]:
    """The machine's environment without settings; warnings are shown, and `running_server` looks for them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGTANG_")}
    return kept | {"PYTHONWARNINGS": "default"}


class ServerProcess:
    """``python -m app run`` on free ports, with its output in a file."""

    def __init__(self, data_dir: Path, database_url: str, *options: str) -> None:
        self.http_port = free_port(socket.SOCK_STREAM)
        self.media_port = free_port(socket.SOCK_DGRAM)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.log = data_dir / f"server-{self.http_port}.log"
        arguments = {
            "--data-dir": str(data_dir),
            "--database-url": database_url,
            "--http-port": str(self.http_port),
            "--media-port": str(self.media_port),
        }
        self.started_at = time.monotonic()
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "run", *sum(arguments.items(), ()), *options],
                cwd=REPOSITORY,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> float:
        """Wait until lessons can be held; the seconds from the process's start."""
        deadline = self.started_at + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).is_success:
                    return time.monotonic() - self.started_at
            except httpx.TransportError:
                pass
            time.sleep(0.05)  # another process: nothing of it can be awaited
        raise AssertionError(f"the server is not ready: {self.output()}")

    def output(self) -> str:
        """What it has said so far."""
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Send a signal; the exit code and the seconds it took."""
        asked = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        return code, time.monotonic() - asked

    def relay_pids(self) -> list[int]:
        """The processes of its relay nodes."""
        return children(self.process.pid, "media_relay")


def children(parent: int, word: str) -> list[int]:
    """The children of a process whose command line has this word in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            arguments = (folder / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        state, ppid = re.sub(r"^.*\) ", "", stat).split()[:2]
        if int(ppid) == parent and word in arguments and state != "Z":
            found.append(int(folder.name))
    return found


@contextmanager
def running_server(data_dir: Path, database_url: str, *options: str) -> Iterator[ServerProcess]:
    """A server that is ready; ended cleanly, and nothing it said may be a traceback."""
    data_dir.mkdir(parents=True, exist_ok=True)
    server = ServerProcess(data_dir, database_url, *options)
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        server.process.wait(timeout=15)
    assert "Traceback" not in server.output(), server.output()
    assert "Warning" not in server.output(), server.output()
