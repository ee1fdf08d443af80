"""Offers of real clients and what they are answered; answers are read by aiortc's parser, not by ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from aiortc.sdp import MediaDescription, SessionDescription

from media_relay.answers import OutgoingTrack, Transport, answer, restart_fragment
from media_relay.core.packet import Codec, Extension
from media_relay.ice import Credentials
from media_relay.sdp import Offer, OfferError, parse_fragment, parse_offer

OFFERS = Path(__file__).parent / "offers"
PRINT = ":".join(["AB"] * 32)
TRANSPORT = Transport(
    "ufrag123", "password-password-passwo", PRINT, 8_189, ["203.0.113.5", "2001:db8::5"], tcp=True
)
TRACKS = {
    "audio": OutgoingTrack(1_111, 1_112, "cname", "main"),
    "video": OutgoingTrack(2_222, 2_223, "cname", "main"),
}
PUBLISHERS = ["chromium", "firefox", "obs", "gstreamer"]


def text_of(name: str) -> str:
    return (OFFERS / f"{name}.sdp").read_text()


def answered(text: str, *, publishing: bool) -> tuple[Offer, SessionDescription]:
    """The parsed offer, and its answer read by aiortc after checks that hold for every answer."""
    offer = parse_offer(text, publishing=publishing)
    written = answer(offer, TRANSPORT, publishing=publishing, tracks=None if publishing else TRACKS)
    assert written.endswith("\r\n") and "\n\n" not in written.replace("\r", "")
    assert "a=ice-lite\r\n" in written
    read = SessionDescription.parse(written)
    offered = SessionDescription.parse(text)
    assert [m.kind for m in read.media] == [m.kind for m in offered.media], (
        "one answer section an offered one"
    )
    for section, asked in zip(read.media, offered.media, strict=True):
        assert section.rtp.muxId == asked.rtp.muxId
        if section.port:
            check_section(section, asked, publishing=publishing)
    accepted = [m.rtp.muxId for m in read.media if m.port]
    for group in read.group:
        assert group.semantic == "BUNDLE" and group.items == accepted
    return offer, read


def check_section(section: MediaDescription, asked: MediaDescription, *, publishing: bool) -> None:
    assert section.direction == ("recvonly" if publishing else "sendonly")
    assert section.rtcp_mux
    assert section.port == 8_189
    assert section.ice is not None and section.dtls is not None
    assert (section.ice.usernameFragment, section.ice.password) == ("ufrag123", "password-password-passwo")
    assert [(f.algorithm, f.value) for f in section.dtls.fingerprints] == [("sha-256", PRINT)]
    assert section.dtls.role == "server", "a=setup:passive"
    assert [(c.protocol, c.ip, c.port, c.type, c.tcpType) for c in section.ice_candidates] == [
        ("udp", "203.0.113.5", 8_189, "host", None),
        ("udp", "2001:db8::5", 8_189, "host", None),
        ("tcp", "203.0.113.5", 8_189, "host", "passive"),
        ("tcp", "2001:db8::5", 8_189, "host", "passive"),
    ]
    assert len({c.foundation for c in section.ice_candidates}) == 4
    assert section.ice_candidates_complete
    priorities = [c.priority for c in section.ice_candidates]
    assert priorities == sorted(set(priorities), reverse=True)
    offered = {c.payloadType: c for c in asked.rtp.codecs}
    assert section.rtp.codecs, "something must be sent"
    for codec in section.rtp.codecs:
        assert codec.name.lower() in ("opus", "red", "vp8", "vp9", "av1", "h264", "rtx")
        if codec.name.lower() == "rtx":
            assert codec.parameters["apt"] in {c.payloadType for c in section.rtp.codecs}, "of what is taken"
        assert codec.mimeType.lower() == offered[codec.payloadType].mimeType.lower()
        start = codec.parameters.pop("x-google-start-bitrate", None)
        assert start is None or publishing
        assert codec.parameters == offered[codec.payloadType].parameters
        wanted = {(f.type, f.parameter) for f in offered[codec.payloadType].rtcpFeedback}
        assert {(f.type, f.parameter) for f in codec.rtcpFeedback} <= wanted
    ids = {e.id: e.uri for e in asked.rtp.headerExtensions}
    assert all(ids[e.id] == e.uri for e in section.rtp.headerExtensions)


@pytest.mark.parametrize("client", PUBLISHERS)
def test_publishers_are_answered(client: str) -> None:
    offer, read = answered(text_of(f"{client}_publish"), publishing=True)
    assert offer.audio is not None and offer.video is not None
    assert all(m.port for m in read.media)
    assert read.group
    assert [p.codec for p in offer.audio.payloads()][-1:] == [Codec.OPUS]
    video = [p.codec for p in offer.video.payloads()]
    assert all(codec.is_video for codec in video) and len(video) == len(set(video))
    assert not any(m.ssrc for m in read.media), "we send a publisher no media"


def test_chromium_publishes_with_transport_wide_feedback_and_no_remb() -> None:
    _, read = answered(text_of("chromium_publish"), publishing=True)
    video = next(m for m in read.media if m.kind == "video")
    assert [c.name.upper() for c in video.rtp.codecs].count("RTX") == 4, "of each codec"
    for codec in (c for c in video.rtp.codecs if c.name != "rtx"):
        feedback = {(f.type, f.parameter) for f in codec.rtcpFeedback}
        assert ("transport-cc", None) in feedback and ("goog-remb", None) not in feedback
        assert {("nack", None), ("nack", "pli"), ("ccm", "fir")} <= feedback
    uris = {e.uri.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for e in video.rtp.headerExtensions}
    assert {"mid", "draft-holmer-rmcat-transport-wide-cc-extensions-01", "video-orientation"} <= uris
    assert "abs-send-time" not in uris, "what the relay does not read it does not ask for"


def test_obs_publishes_with_remb_for_want_of_transport_wide_feedback() -> None:
    offer, read = answered(text_of("obs_publish"), publishing=True)
    assert offer.ufrag == "uF8q", "credentials of the session apply to every section"
    video = next(m for m in read.media if m.kind == "video")
    assert [c.name for c in video.rtp.codecs] == ["H264"]
    assert ("goog-remb", None) in {(f.type, f.parameter) for f in video.rtp.codecs[0].rtcpFeedback}


def test_chromium_plays() -> None:
    offer, read = answered(text_of("chromium_play"), publishing=False)
    video, audio = read.media
    assert (video.kind, audio.kind) == ("video", "audio")
    assert [s.ssrc for s in video.ssrc] == [2_222, 2_223] and [s.ssrc for s in audio.ssrc] == [1_111]
    assert [(g.semantic, g.items) for g in video.ssrc_group] == [("FID", [2_222, 2_223])]
    assert video.ssrc[0].cname == audio.ssrc[0].cname == "cname", "one CNAME: lips and voice belong together"
    assert video.msid is not None and video.msid.split()[0] == "main"
    extensions = {e.uri for m in read.media for e in m.rtp.headerExtensions}
    assert "urn:ietf:params:rtp-hdrext:ssrc-audio-level" in extensions
    assert any("transport-wide" in uri for uri in extensions) and not any(
        "sdes:mid" in uri for uri in extensions
    )
    for media in read.media:
        codec = next(c for c in media.rtp.codecs if c.name != "red")
        feedback = {(f.type, f.parameter) for f in codec.rtcpFeedback}
        assert ("transport-cc", None) in feedback and ("goog-remb", None) not in feedback
    assert offer.video is not None
    assert Extension.VIDEO_ORIENTATION in offer.video.known_extensions().values()


@pytest.mark.parametrize("publishing", [True, False])
def test_aiortc_is_answered(publishing: bool) -> None:
    async def offer() -> str:
        connection = RTCPeerConnection()
        if publishing:
            connection.addTrack(AudioStreamTrack())
            connection.addTrack(VideoStreamTrack())
        else:
            connection.addTransceiver("video", direction="recvonly")
            connection.addTransceiver("audio", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        await connection.close()
        return connection.localDescription.sdp

    read_offer, read = answered(asyncio.run(offer()), publishing=publishing)
    assert all(m.port for m in read.media)
    assert len(read_offer.fingerprints) == 1, "the first fingerprint of a section is enough"


def test_the_best_h264_of_several_is_taken() -> None:
    text = text_of("obs_publish").replace("SAVPF 96", "SAVPF 94 95 96")
    text += "a=rtpmap:94 H264/90000\na=fmtp:94 profile-level-id=42e01f;packetization-mode=0\n"
    text += "a=rtpmap:95 H264/90000\na=fmtp:95 profile-level-id=640032;packetization-mode=1\n"
    offer = parse_offer(text, publishing=True)
    assert offer.video is not None
    assert [p.number for p in offer.video.payloads()] == [96]


def test_a_section_that_is_not_taken_is_refused_in_its_place() -> None:
    text = (
        text_of("obs_publish")
        + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\na=sctp-port:5000\n"
    )
    offer = parse_offer(text, publishing=True)
    written = answer(offer, TRANSPORT, publishing=True)
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in written
    assert "a=group:BUNDLE 0 1\r\n" in written


def test_a_disabled_section_is_not_taken() -> None:
    text = text_of("obs_publish").replace("m=video 60123", "m=video 0")
    offer = parse_offer(text, publishing=True)
    assert offer.video is None and offer.audio is not None
    bundled = text.replace("a=mid:1", "a=mid:1\na=bundle-only")
    assert parse_offer(bundled, publishing=True).video is not None


def test_the_direction_of_the_session_holds_for_sections_without_one() -> None:
    text = text_of("obs_publish").replace("a=sendonly\n", "")
    for direction, sends in (("sendonly", True), ("sendrecv", True), ("recvonly", False)):
        offered = text.replace("a=msid-semantic", f"a={direction}\na=msid-semantic")
        if sends:
            assert parse_offer(offered, publishing=True).video is not None
        else:
            with pytest.raises(OfferError):
                parse_offer(offered, publishing=True)


def test_without_a_bundle_in_the_offer_there_is_none_in_the_answer() -> None:
    sound = text_of("obs_publish").split("m=video")[0].replace("a=group:BUNDLE 0 1\n", "")
    offer = parse_offer(sound, publishing=True)
    assert offer.video is None
    assert "BUNDLE" not in answer(offer, TRANSPORT, publishing=True)


def test_an_ipv6_relay_says_so() -> None:
    transport = Transport("ufrag123", "password-password-passwo", PRINT, 8_189, ["2001:db8::5"], tcp=False)
    written = answer(parse_offer(text_of("obs_publish"), publishing=True), transport, publishing=True)
    assert "c=IN IP6 2001:db8::5" in written


def test_fragments() -> None:
    candidate = "a=candidate:1 1 UDP 2122317823 192.0.2.33 60123 typ host\r\n"
    assert parse_fragment(candidate + "a=end-of-candidates\r\n") is None
    password = "kQ0mX3w7T1yL5oZ9rB2dNe"
    both = f"a=group:BUNDLE 0 1\r\nm=audio 9 RTP/AVP 0\r\na=ice-ufrag:uF8q\r\na=ice-pwd:{password}\r\n{candidate}"
    assert parse_fragment(both) == Credentials("uF8q", password)
    lines = restart_fragment(TRANSPORT).split("\r\n")
    assert "a=ice-ufrag:ufrag123" in lines and "a=ice-pwd:password-password-passwo" in lines
    assert sum(line.startswith("a=candidate:") for line in lines) == 4


def simulcast(send: str, *, rids: str = "l m h", extension: str = "rtp-stream-id") -> str:
    """Chromium's offer with layers."""
    text = text_of("chromium_publish").replace("sdes:rtp-stream-id", f"sdes:{extension}")
    lines = [*(f"a=rid:{rid} send" for rid in rids.split()), f"a=simulcast:{send}"]
    return text.rstrip() + "\n" + "\n".join(lines) + "\n"


def lines_of(text: str, *, publishing: bool = True) -> list[str]:
    offer = parse_offer(text, publishing=publishing)
    tracks = None if publishing else TRACKS
    return answer(offer, TRANSPORT, publishing=publishing, tracks=tracks).splitlines()


@pytest.mark.parametrize(
    ("send", "rids", "taken", "lowest_first"),
    [
        ("send l;m;h", "l m h", "l;m;h", "l m h"),
        ("send h;m;l", "l m h", "h;m;l", "l m h"),
        ("send f;~h;q recv x", "q h f", "f;h;q", "q h f"),
        ("send 0;1;2", "0 1 2", "0;1;2", "2 1 0"),
        ("send a;b;c;d", "a b c d", "b;c;d", "b c d"),
        ("send a,b;c", "a b c", "a;c", "a c"),
        ("send l;ghost;h", "l h", "l;h", "l h"),
        ("send l", "l", "l", "l"),
    ],
)
def test_layers_are_taken_up_to_three_and_known_from_the_lowest(
    send: str, rids: str, taken: str, lowest_first: str
) -> None:
    text = simulcast(send, rids=rids)
    video = parse_offer(text, publishing=True).video
    assert video is not None and video.layers() == lowest_first.split()
    lines = lines_of(text)
    assert f"a=simulcast:recv {taken}" in lines
    assert [line for line in lines if line.startswith("a=rid:")] == [
        f"a=rid:{rid} recv" for rid in lowest_first.split()
    ]
    assert "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in lines
    assert "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" in lines


@pytest.mark.parametrize(
    ("send", "rids"),
    [
        ("recv l;m;h", "l m h"),
        ("send", "l m h"),
        ("", "l m h"),
        ("send l;m;h", ""),
        ("send ;;~,", "l"),
        ("send l;m;h", "l! m h" + "x" * 20),
    ],
)
def test_layers_that_make_no_sense_are_not_taken(send: str, rids: str) -> None:
    lines = lines_of(simulcast(send, rids=rids))
    assert (
        not any(line.startswith(("a=simulcast", "a=rid:l")) for line in lines)
        or "a=simulcast:recv m" in lines
    )


def test_layers_that_could_not_be_told_apart_are_not_taken() -> None:
    assert not any("simulcast" in line for line in lines_of(simulcast("send l;m;h", extension="other")))


def test_subscribers_are_sent_one_layer_and_no_names_of_layers() -> None:
    text = simulcast("recv l;m;h").replace("a=sendonly", "a=recvonly")
    lines = lines_of(text, publishing=False)
    assert not any("simulcast" in line or "rtp-stream-id" in line for line in lines)


def test_of_vp9_and_av1_the_profile_that_every_decoder_has_is_taken() -> None:
    lines = lines_of(text_of("chromium_publish"))
    assert "a=rtpmap:98 VP9/90000" in lines and "a=rtpmap:45 AV1/90000" in lines
    assert "a=fmtp:99 apt=98" in lines and "a=fmtp:46 apt=45" in lines
    assert not any("profile-id=2" in line for line in lines)


@pytest.mark.parametrize(("first", "taken"), [("45", True), ("96", False)])
def test_a_publisher_has_the_dependency_descriptor_if_av1_is_its_choice(first: str, taken: bool) -> None:
    uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
    text = text_of("chromium_publish").replace("urn:ietf:params:rtp-hdrext:toffset", uri)
    head, _, rest = text.partition("m=video 9 UDP/TLS/RTP/SAVPF ")
    formats, _, rest = rest.partition("\n")
    others = [number for number in formats.split() if number != first]
    text = f"{head}m=video 9 UDP/TLS/RTP/SAVPF {' '.join([first, *others])}\n{rest}"
    assert (f"a=extmap:14 {uri}" in lines_of(text)) == taken
    assert f"a=extmap:14 {uri}" in lines_of(text.replace("a=sendonly", "a=recvonly"), publishing=False)


def test_chromium_begins_a_picture_of_one_layer_at_a_useful_rate() -> None:
    start = "x-google-start-bitrate=800"
    lines = lines_of(text_of("chromium_publish"))
    assert f"a=fmtp:96 {start}" in lines
    assert sum(start in line for line in lines) == 4, "each codec"
    assert not any(start in line for line in lines_of(simulcast("send l;m;h"))), "layers need no help"
    playing = text_of("chromium_publish").replace("a=sendonly", "a=recvonly")
    assert not any(start in line for line in lines_of(playing, publishing=False))
    assert not any(start in line for line in lines_of(text_of("obs_publish")))
