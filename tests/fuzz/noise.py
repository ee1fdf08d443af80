"""Seeded noise for a relay's port: everything a hostile or broken sender may throw at it."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from aioice import stun

from tests.media_relay.clients import Client, rtp

RTCP_TYPES = (200, 201, 202, 203, 204, 205, 206, 207)


def any_first_byte(rng: random.Random, count: int) -> Iterator[bytes]:
    """Random datagrams of every first byte and many lengths."""
    for i in range(count):
        yield bytes([i % 256]) + rng.randbytes(rng.choice((0, 1, 3, 11, 12, 19, 20, 40, 200, 1_400)))
    yield b""


def mutated(rng: random.Random, good: bytes) -> bytes:
    """A copy with some bytes changed, cut short, or with something behind."""
    data = bytearray(good)
    for _ in range(rng.randrange(1, 5)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    match rng.randrange(4):
        case 0:
            del data[rng.randrange(len(data)) :]
        case 1:
            data += rng.randbytes(rng.randrange(1, 60))
    return bytes(data) if data != good else good[:-1]


def stun_attributes(rng: random.Random, client: Client) -> bytes:
    """A binding request of random attributes, with the right ufrag more often than not."""
    body = b""
    for _ in range(rng.randrange(5)):
        value = rng.randbytes(rng.randrange(24))
        if rng.random() < 0.3:
            kind, value = 0x0006, f"{client.remote.ufrag}:x".encode()
        else:
            kind = rng.choice(stun.ATTRIBUTES)[0]
        body += struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
    return struct.pack("!HHI", 1, len(body), 0x2112A442) + rng.randbytes(12) + body


def dtls_record(rng: random.Random) -> bytes:
    """A record with a plausible header and a random body."""
    body = rng.randbytes(rng.randrange(80))
    kind = rng.choice((20, 21, 22, 23, 24, 25, 63))
    epoch = rng.choice((0, 0, 1, 2))
    length = len(body) if rng.random() < 0.8 else rng.randrange(65_536)
    return struct.pack("!BHH6sH", kind, 0xFEFD, epoch, rng.randbytes(6), length) + body


def srtp_forgery(rng: random.Random) -> bytes:
    """RTP or RTCP by its header, authentic by nothing."""
    second = rng.choice((96, 111, 224, 239, *RTCP_TYPES))
    return bytes([rng.randrange(128, 192), second]) + rng.randbytes(rng.randrange(0, 1_400))


def malformed_rtp(rng: random.Random, ssrc: int, number: int) -> bytes:
    """Plaintext that libsrtp takes and RTP forbids, or that is merely strange."""
    first = 0x80
    body = rng.randbytes(rng.randrange(60))
    match rng.randrange(5):
        case 0:  # padding longer than the packet, or none
            first |= 0x20
            body += rng.choice((b"\x00", b"\xff"))
        case 1:  # an extension block of random elements
            words = rng.randrange(8)
            profile = rng.choice((0xBEDE, 0x1000, 0x100F, 0xFFFF))
            first |= 0x10
            body = struct.pack("!HH", profile, words) + rng.randbytes(4 * words) + body
        case 2:  # contributing sources
            first |= rng.randrange(16)
            body = rng.randbytes(60) + body
        case 3:
            body = b""
    second = rng.choice((96, 111, 97, 0, 127)) | rng.choice((0, 0x80))
    return bytes([first, second]) + rtp(ssrc, number, rng.getrandbits(32), body)[2:]


def malformed_rtcp(rng: random.Random, ssrc: int) -> bytes:
    """A compound of packets with random bodies, lengths and counts."""
    data = b""
    for _ in range(rng.randrange(1, 4)):
        words = rng.randrange(12)
        length = words if rng.random() < 0.8 else rng.randrange(65_536)
        first = 0x80 | rng.choice((0, 0x20)) | rng.randrange(32)
        data += struct.pack("!BBHI", first, rng.choice(RTCP_TYPES), length + 1, ssrc) + rng.randbytes(
            4 * words
        )
    return data
