"""A router between a page and a relay whose mapping changes: the same client comes from another port."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Nat:
    """Forwards UDP between one client on loopback and one server; in a thread of its own."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._inside = _socket()
        self._inside.bind(("127.0.0.1", 0))
        self.port: int = self._inside.getsockname()[1]
        self._clients: dict[tuple[str, int], socket.socket] = {}
        self._changed = False
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="nat")
        self._thread.start()

    def rebind(self) -> None:
        """From now on every client comes from a port that the server never saw; what is sent to the old is lost."""
        self._changed = True

    def close(self) -> None:
        self._stop = True
        self._thread.join(5)
        for sock in (self._inside, *self._clients.values()):
            sock.close()

    def _run(self) -> None:
        while not self._stop:
            ready, _, _ = select.select([self._inside, *self._clients.values()], [], [], 0.05)
            if self._changed:
                self._changed = False
                for client, old in self._clients.items():
                    self._clients[client] = self._mapped()
                    old.close()
                continue
            for sock in ready:
                with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                    self._forward(sock)

    def _forward(self, sock: socket.socket) -> None:
        while True:
            datagram, sender = sock.recvfrom(4_096)
            if sock is self._inside:
                if sender not in self._clients:
                    self._clients[sender] = self._mapped()
                self._clients[sender].send(datagram)
            else:
                client = next(client for client, mapped in self._clients.items() if mapped is sock)
                self._inside.sendto(datagram, client)

    def _mapped(self) -> socket.socket:
        sock = _socket()
        sock.connect(self._server)
        return sock


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


@contextmanager
def running_nat(port: int) -> Iterator[Nat]:
    """A :class:`Nat` in front of a port of this machine."""
    nat = Nat(("127.0.0.1", port))
    try:
        yield nat
    finally:
        nat.close()
