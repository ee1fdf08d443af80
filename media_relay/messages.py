"""The words spoken on the control link between the web process and a relay node.

One JSON object a line, UTF-8, each with a ``type`` naming the class below. Commands carry desired state and are
idempotent: sending one twice, or after a restart of either side, does no harm. A command with a ``request`` number is
answered by exactly one reply with the same number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, cast

MAX_LINE: Final = 1 << 20
"""Longest line accepted, bytes; an SDP offer is at most 64 KiB."""

SAMPLES_AT_ONCE: Final = 256
"""Most samples of one event: with the names we give sessions and lessons it stays below a fifth of a line."""
NODE_FAULT: Final = "node.fault"
"""The code of a refusal that is no answer but a fault of the node."""


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
    """Answer a subscriber's SDP offer; it receives the stream now, or as soon as a publisher comes.

    Sessions of one ``viewer`` share a link, so they share what it can carry; without a viewer a session is alone.
    """

    request: int
    session: str
    lesson: str
    stream: str
    offer: str
    viewer: str = ""


@dataclass(frozen=True, slots=True)
class Trickle:
    """A trickle-ICE or ICE-restart fragment of a session (RFC 8840, RFC 9725 section 4.3)."""

    request: int
    session: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Prefer:
    """Which of a viewer's streams matters most to it while its link cannot carry all; unknown viewers do no harm."""

    request: int
    lesson: str
    viewer: str
    stream: str


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
class Drain:
    """Take no new lessons, so that the node can be ended without harm; or, with ``on`` false, take them again."""

    request: int
    on: bool = True


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
    native: bool = False
    """Whether the native kernel does the work of the fan-out."""


# --- events: node → web process --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeReady:
    """The node's port is bound and it takes commands."""

    pid: int
    port: int
    addresses: tuple[str, ...]
    forwards: str = ""
    """What does the work of the fan-out: ``native``, or ``python``, with the reason where that is none of choice."""


@dataclass(frozen=True, slots=True)
class NodeDrained:
    """The node that takes no new lessons has no session any more. Said again if one came and went since."""


@dataclass(frozen=True, slots=True)
class SessionConnected:
    """ICE and DTLS of a session are done; media can flow."""

    session: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended: ``closed`` (asked), ``replaced``, ``timeout``, ``dtls_failed``, ``bye`` (by the client), or
    ``no_common_codec`` (a publisher came whose pictures the client does not take)."""

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


@dataclass(frozen=True, slots=True)
class RungChanged:
    """A subscriber is given a larger or smaller picture from now on, or none.

    ``rung`` is ``full``, ``middle``, ``low`` or ``audio_only``; ``reason`` is ``start``, ``congestion`` (delay grows),
    ``loss``, ``recovered``, ``publisher`` (it sends other layers now) or ``preferred`` (the viewer chose a stream).
    """

    session: str
    lesson: str
    stream: str
    rung: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of one session. Counts are of the time since its last sample; ``None`` where nothing is known yet."""

    session: str
    lesson: str
    stream: str
    publishes: bool
    seconds: float
    """The time that the counts are of."""
    loss: float
    """Share of the packets that were lost on the way, before repair: 0 to 1."""
    rtt_ms: float | None
    jitter_ms: float
    bitrate: int
    """Bits a second of RTP payload that were sent to the subscriber, or came from the publisher."""
    repaired: int
    """Packets that were sent to the subscriber again, or that a publisher had to send again."""
    viewer: str = ""
    rung: str = ""
    """What the subscriber is given, as in :class:`RungChanged`; empty while nothing is."""
    estimate: int | None = None
    """Bits a second that the subscriber's link can carry."""
    freezes: int = 0
    """Times that the subscriber's picture stood still, as far as can be told from here."""
    layers: int = 0
    """Encodings of the picture that came from the publisher."""
    tcp: bool = False
    """Whether its media go over TCP, where a lost packet holds up those behind it."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Every few seconds: how the node's sessions are doing. One event holds up to :data:`SAMPLES_AT_ONCE`."""

    samples: tuple[Sample, ...]


Command = Publish | Subscribe | Trickle | Prefer | Close | KeepOnly | Drain | GetStats
Reply = Answer | Refused | Done | NodeStats
Event = (
    NodeReady
    | NodeDrained
    | SessionConnected
    | SessionClosed
    | StreamStarted
    | StreamStopped
    | SpeakerChanged
    | StreamMuted
    | RungChanged
    | Samples
)
Message = Command | Reply | Event

_TYPES: Final[dict[str, type[Any]]] = {
    cls.__name__: cls
    for cls in (
        *(Publish, Subscribe, Trickle, Prefer, Close, KeepOnly, Drain, GetStats),
        *(Answer, Refused, Done, NodeStats),
        *(NodeReady, NodeDrained, SessionConnected, SessionClosed, StreamStarted, StreamStopped),
        *(SpeakerChanged, StreamMuted, RungChanged, Samples),
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
    "int | None": lambda value: value is None or _is_int(value),
    "float | None": lambda value: value is None or _is_int(value) or isinstance(value, float),
    "tuple[str, ...]": lambda value: isinstance(value, tuple) and all(isinstance(v, str) for v in value),
    "tuple[Sample, ...]": lambda value: isinstance(value, tuple) and all(isinstance(v, dict) for v in value),
    "dict[str, int]": lambda value: isinstance(value, dict) and all(_is_int(v) for v in value.values()),
}


def encode(message: Message) -> bytes:
    """One line, newline included."""
    body = {"type": type(message).__name__, **_fields_of(message)}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_fields_of)
    # Text from the network may hold lone surrogates; the other end reads them back, and no sender fails over them.
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _fields_of(message: Message | Sample) -> dict[str, Any]:
    # Not `asdict`: it copies every value, which takes longer than all the rest of a sample.
    return {name: getattr(message, name) for name in message.__slots__}


def decode(line: bytes) -> Message:
    """The message of one line; raises :class:`MessageError`."""
    try:
        body = json.loads(line)
        cls = _TYPES[body.pop("type")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageError(f"not a control message: {line[:80]!r}") from error
    message: Message = _build(cls, body)
    if isinstance(message, Samples):
        return Samples(tuple(_build(Sample, cast(dict[str, Any], sample)) for sample in message.samples))
    return message


def _build(cls: type[Any], body: dict[str, Any]) -> Any:
    """An instance with the fields of a JSON object; those of a newer version are passed over."""
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
        return cls(**values)
    except TypeError as error:
        raise MessageError(f"incomplete {cls.__name__}: {error}") from error
