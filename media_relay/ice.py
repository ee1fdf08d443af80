"""The ICE-lite side of the one port (RFC 8445 section 2.5): answer connectivity checks; ask only who fell silent.

STUN itself (RFC 8489) is aioice's.
"""

from __future__ import annotations

import secrets
import string
import struct
from dataclasses import dataclass
from typing import Final

from aioice import stun

_LETTERS: Final = string.ascii_letters + string.digits
_COOKIE: Final = b"\x21\x12\xa4\x42"
_ATTRIBUTE: Final = struct.Struct("!HH")
_USERNAME: Final = 6
_GLANCE: Final = 16
"""Attributes looked at; agents put the name first."""
_BINDING_SUCCESS: Final = b"\x01\x01"
_PRIORITY: Final = (110 << 24) + (65_535 << 8) + 255
"""Of a peer-reflexive candidate (RFC 8445 section 5.1.2); every request has to name one."""
_TIE_BREAKER: Final = secrets.randbits(64)


@dataclass(frozen=True, slots=True)
class Credentials:
    """One side's ICE user fragment and password."""

    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class Check:
    """A connectivity check that was sent to us, not yet authenticated."""

    message: stun.Message
    local_ufrag: str
    remote_ufrag: str
    nominated: bool


def new_credentials() -> Credentials:
    """Fresh credentials: 8 characters of ufrag so that guessing one is no way in, 32 of password."""
    return Credentials(_random(8), _random(32))


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def asked_ufrag(datagram: bytes) -> str:
    """Whose check this claims to be: our part of its USERNAME, or "".

    A glance, so that strangers' checks cost next to nothing.
    """
    position, end = 20, len(datagram)
    for _ in range(_GLANCE):
        if position + 4 > end:
            break
        kind, size = _ATTRIBUTE.unpack_from(datagram, position)
        position += 4
        if kind == _USERNAME:
            return datagram[position : position + size].partition(b":")[0].decode("ascii", "replace")
        position += (size + 3) & ~3
    return ""


def read_check(datagram: bytes) -> Check | None:
    """A binding request with a USERNAME, or ``None`` for anything else."""
    if len(datagram) < 20 or datagram[4:8] != _COOKIE:
        return None
    try:
        message = stun.parse_message(datagram)
        username = message.attributes["USERNAME"]
        integrity = message.attributes["MESSAGE-INTEGRITY"]
    # aioice reads attributes by struct and decodes text: any of these means "not a well-formed check".
    except (ValueError, KeyError, IndexError, struct.error):
        return None
    if message.message_method != stun.Method.BINDING or message.message_class != stun.Class.REQUEST:
        return None
    local, separator, remote = username.partition(":")
    if not separator or len(integrity) != 20:
        return None
    return Check(message, local, remote, "USE-CANDIDATE" in message.attributes)


def ask_consent(local: Credentials, remote: Credentials) -> tuple[bytes, bytes]:
    """A binding request to a client that fell silent, and the transaction it is answered by (RFC 7675 section 5.1).

    A lite agent need not ask. But a full one answers wherever it is asked (RFC 8445 section 7.3), so this tells a
    client that has nothing to say from one that is gone.
    """
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{remote.ufrag}:{local.ufrag}"
    message.attributes["PRIORITY"] = _PRIORITY
    message.attributes["ICE-CONTROLLED"] = _TIE_BREAKER
    message.add_message_integrity(remote.password.encode())
    return bytes(message), message.transaction_id


def gives_consent(datagram: bytes, transaction: bytes, password: str) -> bool:
    """Whether this is the authentic answer to that question; ``password`` is the client's."""
    if len(datagram) < 20 or datagram[:2] != _BINDING_SUCCESS or datagram[8:20] != transaction:
        return False
    try:
        return stun.parse_message(datagram).check_message_integrity(password.encode())
    except (ValueError, IndexError, struct.error):
        return False


def answer_check(check: Check, password: str, source: tuple[str, int]) -> bytes | None:
    """The success response, or ``None`` when the check was not made with our password."""
    key = password.encode()
    if not check.message.check_message_integrity(key):
        return None
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=check.message.transaction_id,
    )
    response.attributes["XOR-MAPPED-ADDRESS"] = source
    response.add_message_integrity(key)
    return bytes(response)
