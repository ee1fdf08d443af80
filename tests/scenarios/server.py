"""The real server as a process of its own, the way an operator runs it."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.patience import PATIENCE
from tests.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
    )


def environment() -> dict[str, str]:
    """The machine's environment without settings; warnings are shown, and `running_server` looks for them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGTANG_")}
    return kept | {"PYTHONWARNINGS": "default"}


class ServerProcess:
    """``python -m app run`` on free ports, with its output in a file."""

    def __init__(self, data_dir: Path, database_url: str, *options: str) -> None:
        self.data_dir = data_dir
        self.database_url = database_url
        self.http_port = free_port()
        self.media_port = free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.verify: ssl.SSLContext | bool = True
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
        deadline = self.started_at + 3 * PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False, verify=self.verify).is_success:
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
        code = self.process.wait(timeout=PATIENCE)
        return code, time.monotonic() - asked

    def cpu_seconds(self) -> float:
        """CPU time it has used so far, without its children."""
        return _cpu_seconds(self.process.pid)

    def web_cpu_seconds(self) -> float:
        """The same with its readers."""
        return sum(map(_cpu_seconds, [self.process.pid, *self.reader_pids()]))

    def reader_pids(self) -> list[int]:
        """The processes that answer what is only read."""
        nurseries = [pid for pid, arguments in self._children() if _is_nursery(arguments)]
        return [pid for nursery in nurseries for pid, _ in children(nursery)]

    def relay_pids(self) -> list[int]:
        """The processes of its relay nodes."""
        return [pid for pid, arguments in self._children() if "media_relay" in arguments]

    def child_pids(self) -> list[int]:
        """All processes it has started."""
        return [pid for pid, _ in self._children()]

    def _children(self) -> list[tuple[int, list[str]]]:
        return children(self.process.pid)


def _is_nursery(arguments: list[str]) -> bool:
    return "app" in arguments and "run" in arguments


def _cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    assert fields is not None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(parent: int) -> list[tuple[int, list[str]]]:
    """The living children of a process, with their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        state = _stat(pid)
        if state is not None and int(state[1]) == parent and state[0] != "Z":
            found.append((pid, (folder / "cmdline").read_bytes().decode().split("\0")))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits for its parent to notice its end does not."""
    state = _stat(pid)
    return state is not None and state[0] != "Z"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name: state, parent, …; None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return re.sub(r"^.*\) ", "", text).split()


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
        server.process.wait(timeout=PATIENCE)
    if server.process.returncode == -signal.SIGKILL:
        return
    assert "Traceback" not in server.output(), server.output()
    assert "Warning" not in server.output(), server.output()
