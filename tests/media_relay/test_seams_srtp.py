"""What the relay assumes of libsrtp through pylibsrtp's private binding."""

import secrets
import struct
from typing import Any

import pylibsrtp._binding
import pytest
from pylibsrtp import Policy, Session

from media_relay.seams import srtp
from media_relay.seams.datagrams import ffi
from media_relay.seams.srtp import SrtpContext, SrtpError, new_length, protect_rtp, unprotect_rtp

GCM = Policy.SRTP_PROFILE_AEAD_AES_128_GCM


def contexts() -> tuple[SrtpContext, SrtpContext]:
    """Both ends of one direction."""
    key = secrets.token_bytes(28)
    return SrtpContext(key, GCM, 16, inbound=False), SrtpContext(key, GCM, 16, inbound=True)


def packet(number: int, ssrc: int = 7, payload: bytes = b"picture") -> bytes:
    return struct.pack("!BBHII", 0x80, 96, number, 1_000, ssrc) + payload


def test_the_private_names_used_are_there() -> None:
    for name in (
        "srtp_protect",
        "srtp_unprotect",
        "srtp_protect_rtcp",
        "srtp_unprotect_rtcp",
        "srtp_remove_stream",
    ):
        assert callable(getattr(pylibsrtp._binding.lib, name))
    session = Session(
        Policy(key=secrets.token_bytes(28), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=GCM)
    )
    assert session._srtp[0]


def test_in_place_agrees_with_pylibsrtp() -> None:
    key = secrets.token_bytes(28)
    ours = SrtpContext(key, GCM, 16, inbound=False)
    theirs = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=GCM))
    assert theirs.unprotect(ours.protect(packet(1))) == packet(1)


def test_in_place_calls_change_the_length_by_the_tag() -> None:
    out, back = contexts()
    memory: Any = ffi.new("uint8_t[]", 2_048)
    plain = packet(1, payload=bytes(1_400))
    ffi.memmove(memory, plain, len(plain))
    length = new_length()
    length[0] = len(plain)
    assert protect_rtp(out.context, memory, length) == 0
    assert length[0] == len(plain) + out.tag
    assert bytes(ffi.buffer(memory, length[0])) != plain
    assert unprotect_rtp(back.context, memory, length) == 0
    assert bytes(ffi.buffer(memory, length[0])) == plain


def test_a_packet_may_be_sent_again_and_is_taken_once() -> None:
    out, back = contexts()
    first = out.protect(packet(1))
    out.protect(packet(2))
    assert out.protect(packet(1)) == first, (
        "the same number and plaintext give the same bytes: no nonce is misused"
    )
    assert back.unprotect(first) == packet(1)
    with pytest.raises(SrtpError, match=str(srtp.ERROR_REPLAY_FAIL)):
        back.unprotect(first)


def test_a_packet_older_than_the_window_cannot_be_sent_again() -> None:
    out, _ = contexts()
    out.protect(packet(1))
    out.protect(packet(1 + 1_024))
    with pytest.raises(SrtpError, match=str(srtp.ERROR_REPLAY_OLD)):
        out.protect(packet(1))


def test_forged_and_short_packets_are_refused() -> None:
    out, back = contexts()
    good = bytearray(out.protect(packet(1)))
    good[-1] ^= 1
    for bad in (bytes(good), bytes(good[:12]), bytes(good[:20]), b"\x80", b""):
        with pytest.raises(SrtpError):
            back.unprotect(bad)
    with pytest.raises(SrtpError):
        back.unprotect_rtcp(b"\x80\xc9\x00\x01" + bytes(8))
    with pytest.raises(SrtpError, match="too long"):
        back.unprotect_rtcp(bytes(5_000))


def test_rtcp_goes_both_ways() -> None:
    out, back = contexts()
    report = b"\x80\xc9\x00\x01\x00\x00\x00\x07"
    protected = out.protect_rtcp(report)
    assert report[8:] not in protected or protected != report
    assert back.unprotect_rtcp(protected) == report


def test_a_forgotten_source_begins_anew() -> None:
    out, back = contexts()
    protected = out.protect(packet(1, ssrc=0x01020304))
    back.unprotect(protected)
    with pytest.raises(SrtpError):
        back.unprotect(protected)
    back.forget(0x01020304)
    assert back.unprotect(protected) == packet(1, ssrc=0x01020304)
    back.forget(99)  # of a source never seen: no error
