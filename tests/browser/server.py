"""The real server for browser tests: its own data folder, free ports, real relay processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy.orm import Session

from app.database import make_engine, make_session_factory
from app.settings import PREFIX, Settings
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.seeded import put_small_county

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with the small demo county in it."""

    origin: str
    process: subprocess.Popen[str]
    password: str
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, login: str, password: str | None = None) -> str:
        """A person's bearer token, by the public door; those of the demo county share its password."""
        if login not in self.tokens:
            form = {"username": login, "password": password or self.password}
            answer = httpx.post(f"{self.origin}/api/v1/token", data=form, timeout=PATIENCE)
            self.tokens[login] = answer.raise_for_status().json()["access_token"]
        return self.tokens[login]

    def link(self, page: str, login: str) -> str:
        """The address a room opens: it signs in by itself."""
        return f"{self.origin}/{page}#token={self.token(login)}"

    @contextmanager
    def database(self) -> Iterator[Session]:
        """Its database from behind, where another county is put."""
        engine = make_engine(Settings(data_dir=self.log.parent / "data").database_url)
        with make_session_factory(engine).begin() as session:
            yield session
        engine.dispose()

    def relay_pids(self) -> list[int]:
        """The processes of the relay nodes."""
        return [pid for pid in _children(self.process.pid) if "media_relay" in _command(pid)]

    def kill_relay(self) -> None:
        """What a crash looks like to everybody else."""
        (pid,) = self.relay_pids()
        os.kill(pid, signal.SIGKILL)


@contextmanager
def running_server(
    folder: Path, *, demo: bool = False, county: str = "small", settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a server and end it; with `demo`, its synthetic teacher is on air, else it has the seeded county."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {
        f"{PREFIX}DATA_DIR": str(folder / "data"),
        f"{PREFIX}HTTP_PORT": str(port),
        f"{PREFIX}MEDIA_PORT": str(free_port()),
        **(settings or {}),
    }
    if county == "small":
        put_small_county(folder / "data")
    else:
        subprocess.run([sys.executable, "-m", "app", "seed", county], cwd=ROOT, env=environment, check=True)
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-m", "app", "run", *(["--demo"] if demo else [])]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, text=True)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", process, folder / "server.log")
        password = json.loads((folder / "data" / "demo.json").read_text())["password"]
        # localhost, not 127.0.0.1: what people type, and a secure context, so that cameras work.
        yield Server(f"http://localhost:{port}", process, password, folder / "server.log")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def _wait_until_ready(origin: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{origin}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server did not become ready:\n{log.read_text()}")


def _children(pid: int) -> list[int]:
    # The event loop's thread may not be the main one, so every thread's children count.
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in found for child in children]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
