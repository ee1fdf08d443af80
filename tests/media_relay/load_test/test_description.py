"""Offers that any server understands, and answers of any server."""

import pytest

from media_relay.ice import Credentials
from media_relay.load_test.description import AnswerError, read_answer, write_offer
from media_relay.sdp import parse_offer

_HEAD = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:SHA-256 ab:cd\r\n"


@pytest.mark.parametrize("publishing", [True, False])
def test_the_relay_accepts_the_offer(publishing: bool) -> None:
    local = Credentials("abcd", "0123456789012345678901")
    offer = parse_offer(write_offer(local, "AB:CD", publishing=publishing), publishing=publishing)
    assert (offer.ufrag, offer.password) == (local.ufrag, local.password)
    assert offer.fingerprints == (("sha-256", "AB:CD"),)
    assert [p.rtpmap for s in offer.accepted for p in s.payloads()] == ["opus/48000/2", "VP8/90000"]


def test_the_relay_takes_repeated_sound_where_it_is_offered() -> None:
    text = write_offer(
        Credentials("abcd", "0123456789012345678901"), "AB:CD", publishing=True, redundant=True
    )
    offer = parse_offer(text, publishing=True)
    (sound, _) = offer.accepted
    assert [p.rtpmap for p in sound.payloads()] == ["red/48000/2", "opus/48000/2"]


def test_of_two_families_ipv4_is_taken() -> None:
    remote = read_answer(
        _HEAD + "a=candidate:1 1 udp 2 fe80::1 4 typ host\r\na=candidate:2 1 UDP 1 192.0.2.1 5 typ host\r\n"
        "a=candidate:3 1 tcp 1 192.0.2.2 6 typ host tcptype passive\r\na=candidate:4 1 udp 1 x.local 7 typ host\r\n"
    )
    assert remote.candidates == (("192.0.2.1", 5),)
    assert remote.fingerprints == (("sha-256", "AB:CD"),)
    assert not remote.is_dtls_client


def test_an_ipv6_only_server_is_reached_by_ipv6() -> None:
    assert read_answer(_HEAD + "a=candidate:1 1 udp 2 2001:db8::1 4 typ host\r\n").candidates == (
        ("2001:db8::1", 4),
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "a=ice-ufrag"),
        ("v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:x\r\n", "a=fingerprint"),
        (_HEAD, "no UDP candidate"),
        (_HEAD + "a=candidate:1 1 udp 2 nonsense\r\n", "no UDP candidate"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(answer: str, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        read_answer(answer)
