"""What goes between the web process and a reader: a question there, an answer back.

Both are frames: two lengths in bytes (32 bits each, in network order), a head in JSON, and a body. Each side is the
other's own process, so a frame is trusted to be one.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from starlette.types import Scope

from app.guard.watch import Asker

LENGTHS: Final = struct.Struct("!II")

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader says."""

    status: int
    headers: Headers
    body: bytes
    asker: Asker | None
    """Who asked."""

    @property
    def counts(self) -> bool:
        """Whether it went well, and who asked is known: all else the web process does itself."""
        return self.asker is not None and (self.status == 304 or 200 <= self.status < 300)

    def frame(self) -> bytes:
        """As a frame."""
        asker = self.asker and [self.asker.id.hex, self.asker.county_id and self.asker.county_id.hex]
        return _frame([self.status, _words(self.headers), asker], self.body)

    @classmethod
    def read(cls, head: bytes, body: bytes) -> Self:
        """The answer of a frame."""
        status, headers, asker = json.loads(head)
        found = asker and Asker(UUID(asker[0]), asker[1] and UUID(asker[1]))
        return cls(status, _bytes(headers), body, found or None)


REFERRED: Final = Answer(0, (), b"", None)
"""A reader leaves it to the web process; it is also the first thing that one says."""
NO_DATABASE: Final = Answer(503, (), b"", None)
"""The same, because the database is away or busy."""


def question(scope: Scope) -> bytes:
    """A request without its body, as a frame."""
    kept = [scope[key] for key in ("method", "scheme", "path", "client", "server")]
    return _frame([*kept, scope["query_string"].decode("latin-1"), _words(scope["headers"])], b"")


def scope_of(head: bytes) -> Scope:
    """The request of a question's head."""
    method, scheme, path, client, server, query, headers = json.loads(head)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": _bytes(headers),
        "client": client and tuple(client),
        "server": server and tuple(server),
    }


class Frames:
    """Puts frames together from what arrives in pieces."""

    def __init__(self) -> None:
        self._got = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The heads and bodies of the frames that are whole with this piece."""
        got = self._got
        got += data
        while len(got) >= LENGTHS.size:
            head, body = LENGTHS.unpack_from(got)
            begin, end = LENGTHS.size + head, LENGTHS.size + head + body
            if len(got) < end:
                return
            whole = bytes(got[LENGTHS.size : begin]), bytes(got[begin:end])
            del got[:end]
            yield whole


def _frame(head: Any, body: bytes) -> bytes:
    data = json.dumps(head).encode()
    return b"".join((LENGTHS.pack(len(data), len(body)), data, body))


def _words(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _bytes(headers: Sequence[Sequence[str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
