"""A real TURN server for tests: coturn on loopback, sharing a secret with whoever hands out credentials."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Coturn:
    """A running ``turnserver``; one port takes UDP and TCP."""

    port: int
    secret: str = field(repr=False)
    log: Path

    @property
    def udp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    @property
    def tcp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=tcp"

    def settings(self, *urls: str) -> dict[str, str]:
        """The environment of a server that hands these URLs out."""
        return {
            "TONGTANG_TURN_URLS": ",".join(urls),
            "TONGTANG_TURN_SECRET": self.secret,
            # coturn relays from loopback here, so that is where the relay has to be found.
            "TONGTANG_MEDIA_ADDRESSES": "127.0.0.1",
        }


@contextmanager
def running_coturn(folder: Path) -> Iterator[Coturn]:
    """Start coturn and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    coturn = Coturn(_free_port(), secrets.token_urlsafe(16), folder / "coturn.log")
    with coturn.log.open("w") as log:
        process = subprocess.Popen(_command(coturn, folder), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_until_ready(coturn, process)
        yield coturn
    finally:
        process.terminate()
        process.wait(10)


def _command(coturn: Coturn, folder: Path) -> list[str]:
    return [
        *("turnserver", "-n", "--verbose", "--log-file=stdout"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={coturn.port}"),
        *("--use-auth-secret", f"--static-auth-secret={coturn.secret}", "--realm=turn.example.org"),
        *("--no-tls", "--no-dtls", "--no-rfc5780"),
        # As docs/operations.md has it: nobody is relayed anywhere but to the media of lessons.
        *("--denied-peer-ip=0.0.0.0-255.255.255.255", "--allowed-peer-ip=127.0.0.1"),
        # coturn insists on a password for its console wherever peers on loopback are allowed.
        *("--no-cli", f"--cli-password={secrets.token_hex(8)}", "--allow-loopback-peers"),
        *(f"--userdb={folder / 'turndb'}", f"--pidfile={folder / 'turnserver.pid'}"),
        # One thread of each kind serves a test.
        "--relay-threads=1",
    ]


def _wait_until_ready(coturn: Coturn, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", coturn.port), 1).close()
            return
        except OSError:
            time.sleep(0.05)  # another process: nothing of it can be awaited
    raise AssertionError(f"coturn did not start:\n{coturn.log.read_text()}")


def _free_port() -> int:
    """A port that is free for both UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
            datagrams.bind(("127.0.0.1", 0))
            port: int = datagrams.getsockname()[1]
            try:
                stream.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
