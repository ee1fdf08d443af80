"""One POST of a webhook, and how it went: no redirects, one deadline for all of it, nothing read but the status.

Made by hand on h11 rather than by a client library, because the address that was looked at has to be the one that is
connected to, and because a deadline that covers the whole exchange leaves no way to hold it open drop by drop.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import h11

from app.notices.addresses import Address, Network, Place, literal, place_of

DEADLINE: Final = 10.0
"""Seconds for everything: the name, the connection, TLS, the request, and the first line of the answer."""
_LONGEST_HEAD: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery went."""

    delivered: bool
    status: int | None = None
    problem: str | None = None
    """In a few words for the administrator; nothing of what was answered."""
    final: bool = False
    """Trying again is of no use."""


class Poster:
    """Posts to webhooks, as far as they lead to where they may."""

    def __init__(self, named: Sequence[Network], deadline: float = DEADLINE) -> None:
        self._named = named
        self._deadline = deadline
        self._trusted: ssl.SSLContext | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it, and say how it went; raises nothing of what may go wrong outside."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._deadline):
                address = await self._address(parts)
                if address is None:
                    return Outcome(False, problem="leads to an address that webhooks may not reach")
                status = await self._exchange(parts, address, headers, body)
        except TimeoutError:
            return Outcome(False, problem=f"no answer within {self._deadline:g} s")
        except socket.gaierror:
            return Outcome(False, problem="the name cannot be resolved")
        except ssl.SSLError:
            return Outcome(False, problem="TLS failed; is the certificate good for this name?")
        except OSError:
            return Outcome(False, problem="no connection")
        except h11.RemoteProtocolError:
            return Outcome(False, problem="what answers is no HTTP server")
        if 200 <= status < 300:
            return Outcome(True, status)
        redirects = 300 <= status < 400
        return Outcome(
            False,
            status,
            "redirects are not followed" if redirects else f"answered {status}",
            final=status == 410,  # Gone: the receiver wants no more of it
        )

    async def _address(self, parts: SplitResult) -> Address | None:
        """The address to connect to; None: there is none that may be reached."""
        host = parts.hostname or ""
        found = [literal(host)]
        if found == [None]:
            loop = asyncio.get_running_loop()
            answers = await loop.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
            found = [literal(str(answer[4][0])) for answer in answers]
        for address in found:
            place = Place.CLOSED if address is None else place_of(address, self._named)
            # In clear text only where the operator said that it is their own network.
            if place is Place.NAMED or (place is Place.PUBLIC and parts.scheme == "https"):
                return address
        return None

    async def _exchange(
        self, parts: SplitResult, address: Address, headers: Mapping[str, str], body: bytes
    ) -> int:
        tls = await self._context() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            str(address), _port(parts), ssl=tls, server_hostname=parts.hostname if tls else None
        )
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            fields = {
                "Host": parts.netloc,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "User-Agent": "Tongtang",
                "Connection": "close",
                **headers,
            }
            request = h11.Request(method="POST", target=target, headers=list(fields.items()))
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            return await _status(connection, reader)
        finally:
            writer.transport.abort()  # whatever else it has to say

    async def _context(self) -> ssl.SSLContext:
        if self._trusted is None:  # reads some hundred certificates
            self._trusted = await asyncio.to_thread(ssl.create_default_context)
        return self._trusted


async def _status(connection: h11.Connection, reader: asyncio.StreamReader) -> int:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(4096))
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("closed without an answer")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
