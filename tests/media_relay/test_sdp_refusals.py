"""What is wrong with an offer is told by one exception with a stable code, whatever the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media_relay.answers import OutgoingTrack, Transport, answer
from media_relay.sdp import MAX_OFFER, OfferError, parse_fragment, parse_offer

OFFERS = Path(__file__).parent / "offers"
GOOD = (OFFERS / "obs_publish.sdp").read_text()
CODES = {
    "offer.malformed",
    "offer.no_media",
    "offer.unsupported",
    "offer.no_common_codec",
    "offer.too_large",
}
TRANSPORT = Transport(
    "ufrag123", "password-password-passwo", ":".join(["AB"] * 32), 8_189, ["203.0.113.5"], tcp=False
)
TRACKS = {
    kind: OutgoingTrack(i, i + 10, "cname", "main") for i, kind in enumerate(("audio", "video"), start=1)
}


def without(*starts: str) -> str:
    return "\n".join(line for line in GOOD.splitlines() if not line.startswith(starts))


DATA_CHANNEL = without("m=", "a=rtp", "a=send").replace("v=0", "v=0", 1) + (
    "\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:0\na=sctp-port:5000\n"
)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("offer.malformed", ""),
        ("offer.malformed", "hello"),
        ("offer.malformed", '{"type": "offer", "sdp": "v=0"}'),
        ("offer.malformed", "v=0\nnonsense"),
        ("offer.malformed", GOOD.replace("m=video 60123", "m=video port")),
        ("offer.malformed", GOOD.replace("m=video 60123 UDP/TLS/RTP/SAVPF 96", "m=video")),
        ("offer.malformed", GOOD + "m=audio 9 UDP/TLS/RTP/SAVPF 0\n" * 20),
        ("offer.malformed", "v=0\n" + "a=x\n" * 5_000),
        ("offer.no_media", "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n"),
        ("offer.no_media", DATA_CHANNEL),
        ("offer.no_media", GOOD.replace("a=sendonly", "a=recvonly")),
        ("offer.no_media", GOOD.replace("a=sendonly", "a=inactive")),
        ("offer.no_media", GOOD.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")),
        ("offer.no_common_codec", GOOD.replace("OPUS", "G722").replace("H264", "H265")),
        ("offer.no_common_codec", GOOD.replace("H264", "H265")),
        ("offer.no_common_codec", GOOD.replace("OPUS/48000/2", "PCMU/8000")),
        ("offer.unsupported", without("a=fingerprint")),
        ("offer.unsupported", GOOD.replace("sha-256", "sha-1")),
        ("offer.unsupported", without("a=ice-ufrag")),
        ("offer.unsupported", without("a=ice-pwd")),
        ("offer.unsupported", GOOD.replace("a=ice-pwd:", "a=ice-pwd:short\na=x:")),
        ("offer.unsupported", without("a=rtcp-mux")),
        ("offer.unsupported", without("a=group:BUNDLE")),
        ("offer.unsupported", without("a=mid")),
        ("offer.unsupported", GOOD.replace("a=setup:actpass", "a=setup:passive")),
        ("offer.unsupported", GOOD.replace("a=setup:actpass", "a=setup:actpass\na=ice-lite")),
        ("offer.too_large", GOOD + "a=x:" + "y" * MAX_OFFER),
        ("offer.too_large", GOOD + "a=x:" + "课" * (MAX_OFFER // 2)),
    ],
)
def test_every_refusal_has_its_code_and_a_sentence(code: str, text: str) -> None:
    with pytest.raises(OfferError) as refused:
        parse_offer(text, publishing=True)
    assert refused.value.code == code
    assert refused.value.detail.endswith(".") and len(refused.value.detail) < 600


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("a=ssrc:5002 ", "a=ssrc:² "),
        GOOD.replace("a=ssrc:5002 ", "a=ssrc:" + "9" * 5_000 + " "),
        GOOD.replace("a=ssrc:5002 cname:Vb7kQ2mNxY", "a=ssrc:5002"),
        GOOD.replace("a=mid:1", "a=mid:1\na=extmap:²/sendonly urn:x\na=extmap:3 \na=extmap:4"),
        GOOD.replace("a=mid:1", "a=mid:1\na=ssrc-group:FID ² " + "7" * 5_000),
        GOOD.replace("a=mid:1", "a=mid:1\na=rtpmap:٣ VP8/90000\na=fmtp:" + "1" * 5_000 + " x"),
        GOOD.replace("SAVPF 96", "SAVPF 96 ² ٣ " + "1" * 5_000),
        GOOD.replace("\n", "\r\n"),
    ],
)
def test_odd_numbers_are_no_numbers(text: str) -> None:
    offer = parse_offer(text, publishing=True)
    assert offer.video is not None and [p.number for p in offer.video.payloads()] == [96]


@pytest.mark.parametrize("port", ["²", "9" * 5_000, "-1"])
def test_an_odd_port_is_malformed(port: str) -> None:
    with pytest.raises(OfferError) as refused:
        parse_offer(GOOD.replace("m=video 60123", f"m=video {port}"), publishing=True)
    assert refused.value.code == "offer.malformed"


def check_any(text: str, *, publishing: bool) -> None:
    """An answer that aiortc can read, or an OfferError with a documented code."""
    try:
        offer = parse_offer(text, publishing=publishing)
    except OfferError as refused:
        assert refused.code in CODES
        return
    written = answer(offer, TRANSPORT, publishing=publishing, tracks=TRACKS)
    assert written.count("\nm=") == len(offer.media)
    assert len(written) < 16 * MAX_OFFER


@given(st.text(st.characters(exclude_categories=()), max_size=300), st.booleans())
def test_any_text(text: str, publishing: bool) -> None:
    check_any(text, publishing=publishing)
    check_any("v=0\r\n" + text, publishing=publishing)


LINES = sorted({line for path in OFFERS.glob("*.sdp") for line in path.read_text().splitlines()})
PIECES = st.one_of(
    st.sampled_from(LINES),
    st.builds(lambda line, cut: line[:cut], st.sampled_from(LINES), st.integers(0, 40)),
    st.builds(
        lambda name, rest: f"a={name}:{rest}",
        st.sampled_from(
            ["mid", "rtpmap", "fmtp", "extmap", "ssrc", "ssrc-group", "rtcp-fb", "group", "setup"]
        ),
        st.text(max_size=30),
    ),
)


@given(st.lists(PIECES, max_size=60), st.booleans())
def test_any_lines_of_offers(lines: list[str], publishing: bool) -> None:
    check_any("\r\n".join(["v=0", *lines]), publishing=publishing)


@given(
    st.sampled_from(sorted(OFFERS.glob("*.sdp"))),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(["drop", "double", "cut"]) | PIECES), max_size=6
    ),
)
def test_mutated_real_offers(path: Path, changes: list[tuple[int, str]]) -> None:
    lines = path.read_text().splitlines()
    for at, change in changes:
        index = at % len(lines)
        if change == "drop":
            del lines[index]
        elif change == "double":
            lines.insert(index, lines[index])
        elif change == "cut":
            lines[index] = lines[index][: len(lines[index]) // 2]
        else:
            lines.insert(index, change)
        lines = lines or ["v=0"]
    check_any("\n".join(lines), publishing="publish" in path.name)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_fragment(text: str) -> None:
    for fragment in (text, "a=ice-ufrag:" + text, f"a=ice-ufrag:abcd\na=ice-pwd:{text}"):
        try:
            parse_fragment(fragment)
        except OfferError as refused:
            assert refused.code in CODES


def test_a_fragment_over_the_limit() -> None:
    with pytest.raises(OfferError) as refused:
        parse_fragment("a" * (MAX_OFFER + 1))
    assert refused.value.code == "offer.too_large"


def test_what_a_client_writes_cannot_add_lines_to_the_answer() -> None:
    for separator in ("\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"):
        text = GOOD.replace("a=mid:1", f"a=mid:1{separator}a=candidate:evil")
        offer = parse_offer(text, publishing=True)
        assert "evil" not in answer(offer, TRANSPORT, publishing=True)


def test_the_reference_offer_is_good() -> None:
    assert SessionDescription.parse(
        answer(parse_offer(GOOD, publishing=True), TRANSPORT, publishing=True)
    ).media
