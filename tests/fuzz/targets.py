"""What is fuzzed: each target takes bytes as a stranger would send them, and raises on what must never happen.

Only documented exceptions are caught here. Whatever else escapes, or a broken promise about the outcome, is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media_relay.answers import Transport, answer, restart_fragment
from media_relay.core.packet import (
    EXTENSION_URIS,
    HEADER_SIZE,
    Extension,
    Extensions,
    PacketError,
    block_size,
    canonical_block,
    extension_table,
    payload_start,
    read_extensions,
    translate_extensions,
)
from media_relay.core.transport_feedback import TransportFeedback
from media_relay.ice import Credentials, answer_check, asked_ufrag, gives_consent, read_check
from media_relay.messages import MessageError, decode, encode
from media_relay.sdp import OfferError, parse_fragment, parse_offer
from media_relay.seams import rtcp
from media_relay.seams.dtls import DtlsEndpoint, DtlsError, DtlsIdentity
from tests.fuzz import lesson, media
from tests.fuzz.scripts import pieces

CORPUS: Final = Path(__file__).parent / "corpus"
PASSWORD: Final = "p" * 32
"""What the checks in the corpus are signed with."""
_TRANSPORT: Final = Transport("ufrag", PASSWORD, "AA:BB", 8189, ["192.0.2.1", "2001:db8::1"], tcp=True)
_DATAGRAM: Final = 2_048
"""The longest that the relay receives."""


@dataclass(frozen=True, slots=True)
class Target:
    """One door, and what comes through it."""

    run: Callable[[bytes], None]
    corpus: str
    """The folder of good inputs that are changed to make bad ones."""
    longest: int = _DATAGRAM
    """Bytes; the relay refuses or cuts what is longer before it gets here."""
    weight: int = 1
    """How much longer than others it takes, roughly: the short run gives it fewer inputs."""

    def seeds(self) -> list[bytes]:
        """The stored inputs, in a stable order."""
        return [path.read_bytes() for path in sorted((CORPUS / self.corpus).iterdir())]


def stun(data: bytes) -> None:
    """A datagram that begins like STUN."""
    gives_consent(data, data[8:20], PASSWORD)
    asked_ufrag(data)
    check = read_check(data)
    if check is None:
        return
    for source in (("192.0.2.1", 65_535), ("2001:db8::1", 1)):
        response = answer_check(check, PASSWORD, source)
        # An address of IPv6, integrity and fingerprint: never a lever, even for those who know the password.
        assert response is None or len(response) <= 20 + 24 + 24 + 8
    assert answer_check(check, "another password", ("192.0.2.1", 1)) is None


def rtp(data: bytes) -> None:
    """A plain RTP packet: header, extension block, and what is carried on of it."""
    if len(data) < HEADER_SIZE:
        return
    view, found = memoryview(data), Extensions()
    try:
        payload = payload_start(view, 0, len(data))
        if data[0] & 0x10:
            payload = read_extensions(view, payload, len(data), _EXTENSIONS, found)
    except PacketError:
        return
    assert HEADER_SIZE <= payload <= len(data)
    assert len(found.carried) <= len(data) and -1 <= found.transport_sequence < 1 << 16
    block = canonical_block(found.carried)
    stored, again = memoryview(bytearray(bytes(HEADER_SIZE) + block)), Extensions()
    assert block_size(stored, 0) == len(block)
    translate_extensions(stored, 0, _CANONICAL, 14)
    assert read_extensions(stored, HEADER_SIZE, len(stored), _NUMBERED, again) == len(stored)
    assert again.carried == found.carried and again.transport_sequence == 0


_EXTENSIONS: Final = extension_table(
    {number: int(e) for number, e in enumerate(EXTENSION_URIS.values(), start=1)}
)
_CANONICAL: Final = extension_table({int(e): int(e) for e in EXTENSION_URIS.values() if e > 0})
_NUMBERED: Final = (*_CANONICAL[:14], int(Extension.TRANSPORT_SEQUENCE), 0)


def reports(data: bytes) -> None:
    """A plain RTCP compound."""
    try:
        packets = rtcp.parse(data)
    except rtcp.RtcpError:
        return
    for packet in packets:
        if isinstance(packet, rtcp.RtcpPsfbPacket):
            rtcp.asks_keyframe(packet)
            rtcp.remb_bitrate(packet)
        elif isinstance(packet, rtcp.RtcpRtpfbPacket):
            rtcp.nacked(packet)


def arrivals(data: bytes) -> None:
    """Transport-wide numbers as a publisher writes them: two bytes of number, one of time that passes."""
    feedback, now = TransportFeedback(), 1_000.0
    for number, passed in _steps(data):
        feedback.receive(number, now)
        now += (passed - 16) / 500
        if passed == 255:
            assert len(feedback.build() or b"") <= 4_096
    feedback.build()
    assert feedback.build() is None


def _steps(data: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(data) - 2, 3):
        yield int.from_bytes(data[at : at + 2], "big"), data[at + 2]


def offer(data: bytes) -> None:
    """An SDP offer, to publish and to play, and the answer to it."""
    text = data.decode("utf-8", "surrogateescape")
    for publishing in (True, False):
        try:
            parsed = parse_offer(text, publishing=publishing)
        except OfferError as refused:
            assert len(refused.detail) < 600
            continue
        answered = answer(parsed, _TRANSPORT, publishing=publishing)
        lines = answered.split("\r\n")
        assert lines.pop() == ""
        assert all(line[1:2] == "=" and line.splitlines() == [line] for line in lines), "a line was broken"
        assert sum(line.startswith("m=") for line in lines) == len(parsed.media)
        assert len(answered) <= 4 * len(text) + 4_096


def fragment(data: bytes) -> None:
    """A fragment of trickle ICE or of an ICE restart."""
    try:
        credentials = parse_fragment(data.decode("utf-8", "surrogateescape"))
    except OfferError:
        return
    assert credentials is None or isinstance(credentials, Credentials)
    restart_fragment(_TRANSPORT)


def control(data: bytes) -> None:
    """A line of the control link; what is understood is written and read again."""
    try:
        message = decode(data)
    except MessageError as refused:
        assert len(str(refused)) < 600
        return
    line = encode(message)
    assert line.count(b"\n") == 1
    again = decode(line)
    assert again == message or "nan" in repr(message).lower()


def dtls(data: bytes) -> None:
    """Datagrams of a client's handshake, each with two bytes of length in front."""
    endpoint = DtlsEndpoint(_identity(), [("sha-256", "AA")], server=True)
    try:
        for datagram in pieces(data):
            answers = endpoint.receive(datagram)
            assert sum(map(len, answers)) < 8_192
    except DtlsError:
        return
    assert not endpoint.complete


_identities: Final[list[DtlsIdentity]] = []


def _identity() -> DtlsIdentity:
    if not _identities:
        _identities.append(DtlsIdentity())
    return _identities[0]


TARGETS: Final[dict[str, Target]] = {
    "stun": Target(stun, "stun"),
    "rtp": Target(rtp, "rtp"),
    "blocks": Target(media.blocks, "blocks", longest=8_192),
    "payload": Target(media.payload, "payload"),
    "dependency": Target(media.dependency, "dependency", longest=8_192),
    "red": Target(media.redundant, "red"),
    "frames": Target(media.frames, "frames", longest=8_192),
    "feedback": Target(media.feedback, "feedback", longest=8_192, weight=2),
    "rtcp": Target(reports, "rtcp"),
    "lesson": Target(lesson.lesson, "lesson", longest=8_192, weight=25),
    "arrivals": Target(arrivals, "arrivals", weight=5),
    "offer": Target(offer, "offer", longest=64 * 1024, weight=5),
    "fragment": Target(fragment, "fragment", longest=64 * 1024),
    "control": Target(control, "control", longest=1 << 20),
    "dtls": Target(dtls, "dtls", longest=8_192, weight=3),
}
