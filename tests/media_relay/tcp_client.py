"""A client of the relay that comes over TCP (RFC 6544, RFC 4571)."""

from __future__ import annotations

import socket

from media_relay.core.framing import FrameReader
from tests.media_relay.clients import Client


class TcpClient(Client):
    """As a browser behind a firewall that lets no UDP out. Sends what it has in pieces of ``piece`` bytes."""

    piece = 1 << 20

    def __init__(
        self, session: str, *, publishing: bool = False, kinds: tuple[str, ...] = ("audio", "video")
    ) -> None:
        super().__init__(session, publishing=publishing, kinds=kinds)
        self._reader = FrameReader()
        self.ended = False
        """Whether the relay closed the connection."""

    def take_answer(self, answer: str) -> None:
        super().take_answer(answer)
        assert f" {self.target[1]} typ host tcptype passive" in answer
        self.connect()

    def connect(self) -> None:
        """A new connection; the old socket is left to whoever holds it."""
        self.socket.close()
        self._reader = FrameReader()
        self.ended = False
        self.socket = socket.create_connection(self.target)
        self.socket.setblocking(False)

    def send(self, datagram: bytes) -> None:
        frame = len(datagram).to_bytes(2, "big") + datagram
        for start in range(0, len(frame), self.piece):
            self.socket.sendall(frame[start : start + self.piece])

    def drain(self) -> int:
        count = 0
        while not self.ended:
            try:
                data = self.socket.recv(65_536)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            self.ended = not data
            for packet in self._reader.feed(data):
                count += 1
                self._take(packet)
        return count
