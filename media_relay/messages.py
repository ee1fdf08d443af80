"""The words spoken on the control link between the web process and a relay node.

One JSON object a line, UTF-8, each with a ``type`` naming the class below. Commands carry desired state and are
idempotent: sending one twice, or after a restart of either side, does no harm. A command with a ``request`` number is
answered by exactly one reply with the same number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

MAX_LINE: Final = 1 << 20
"""Longest line accepted, bytes; an SDP offer is at most 64 KiB."""


class MessageError(ValueError):
    """A line on the control link that is not a message of this module."""


# --- commands: web process → node ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publish:
    """Answer a publisher's SDP offer; its media becomes the stream's."""

    request: int
    session: str
    lesson: str
    stream: str
    offer: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Answer a subscriber's SDP offer; it receives the stream now, or as soon as a publisher comes."""

    request: int
    session: str
    lesson: str
    stream: str
    offer: str


@dataclass(frozen=True, slots=True)
class Trickle:
    """A trickle-ICE or ICE-restart fragment of a session (RFC 8840, RFC 9725 section 4.3)."""

    request: int
    session: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Close:
    """End a session; unknown sessions are already closed, so that is no error."""

    request: int
    session: str
    reason: str = "closed"


@dataclass(frozen=True, slots=True)
class KeepOnly:
    """Desired state: every session that is not listed ends."""

    request: int
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetStats:
    """Ask for :class:`NodeStats`."""

    request: int


# --- replies: node → web process -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """An SDP answer, or for an ICE restart the fragment with the node's new credentials."""

    request: int
    sdp: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was not carried out. ``code`` is stable; ``detail`` tells a person what to change."""

    request: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out and has nothing to return."""

    request: int


@dataclass(frozen=True, slots=True)
class NodeStats:
    """Counters of one node since its start.

    ``cpu_seconds`` is user plus system time of the process; ``drops`` counts datagrams by the reason they were
    dropped for; ``loop_lag_ms`` is the largest delay of the 20 ms tick since the last reading;
    ``stress`` goes from 0, idle, to 1, where running lessons suffer.
    """

    request: int
    pid: int
    cpu_seconds: float
    rss_bytes: int
    publishers: int
    subscribers: int
    packets_received: int
    bytes_received: int
    packets_forwarded: int
    bytes_forwarded: int
    packets_retransmitted: int
    keyframe_requests: int
    loop_lag_ms: float
    stress: float
    drops: dict[str, int]


# --- events: node → web process --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeReady:
    """The node's port is bound and it takes commands."""

    pid: int
    port: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionConnected:
    """ICE and DTLS of a session are done; media can flow."""

    session: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended: ``closed`` (asked), ``replaced``, ``timeout``, ``dtls_failed`` or ``bye`` (by the client)."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The first media packet of a publisher arrived."""

    lesson: str
    stream: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The stream's publisher is gone; its subscribers stay and wait for the next one."""

    lesson: str
    stream: str


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Somebody else speaks in the lesson now; an empty ``stream`` when nobody does."""

    lesson: str
    stream: str


@dataclass(frozen=True, slots=True)
class StreamMuted:
    """No sound comes from a stream's publisher any more, or it is back. Every publisher begins unmuted."""

    lesson: str
    stream: str
    muted: bool


Command = Publish | Subscribe | Trickle | Close | KeepOnly | GetStats
Reply = Answer | Refused | Done | NodeStats
Event = (
    NodeReady
    | SessionConnected
    | SessionClosed
    | StreamStarted
    | StreamStopped
    | SpeakerChanged
    | StreamMuted
)
Message = Command | Reply | Event

_TYPES: Final[dict[str, type[Any]]] = {
    cls.__name__: cls
    for cls in (
        *(Publish, Subscribe, Trickle, Close, KeepOnly, GetStats),
        *(Answer, Refused, Done, NodeStats),
        *(NodeReady, SessionConnected, SessionClosed, StreamStarted, StreamStopped),
        *(SpeakerChanged, StreamMuted),
    )
}


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# By annotation: what a field may hold. A new kind of field needs a line here.
_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "int": _is_int,
    "bool": lambda value: isinstance(value, bool),
    "float": lambda value: _is_int(value) or isinstance(value, float),
    "str": lambda value: isinstance(value, str),
    "tuple[str, ...]": lambda value: isinstance(value, tuple) and all(isinstance(v, str) for v in value),
    "dict[str, int]": lambda value: isinstance(value, dict) and all(_is_int(v) for v in value.values()),
}


def encode(message: Message) -> bytes:
    """One line, newline included."""
    body = {"type": type(message).__name__, **asdict(message)}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # Text from the network may hold lone surrogates; the other end reads them back, and no sender fails over them.
    return text.encode("utf-8", "surrogatepass") + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line; raises :class:`MessageError`."""
    try:
        body = json.loads(line)
        cls = _TYPES[body.pop("type")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageError(f"not a control message: {line[:80]!r}") from error
    checks = {field.name: _CHECKS[str(field.type)] for field in fields(cls)}
    values = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in body.items()
        if key in checks
    }
    for key, value in values.items():
        if not checks[key](value):
            raise MessageError(f"{cls.__name__}.{key} cannot be {str(value)[:40]!r}")
    try:
        message: Message = cls(**values)
    except TypeError as error:
        raise MessageError(f"incomplete {cls.__name__}: {error}") from error
    return message
