"""The relay's SDP answers, and the fragment that answers an ICE restart (RFC 8829, RFC 8839, RFC 9725)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from media_relay.core.packet import Codec, Extension
from media_relay.sdp import MediaSection, Offer, Payload


@dataclass(frozen=True, slots=True)
class Transport:
    """The relay's end of the transport, as told in an answer."""

    ufrag: str
    password: str
    fingerprint: str
    port: int
    addresses: Sequence[str]
    tcp: bool
    """Whether the port takes connections too."""

    def candidates(self) -> list[str]:
        """Host candidates (RFC 8839): the first address has the highest priority, and UDP a higher one than TCP.

        Those of TCP are passive: the client connects (RFC 6544 section 4.5). They come last, since some clients try
        the first one only.
        """
        numbered = list(enumerate(self.addresses))
        lines = [
            f"a=candidate:{i + 1} 1 udp {(126 << 24) + ((65_535 - i) << 8) + 255} {address} {self.port} typ host"
            for i, address in numbered
        ]
        if self.tcp:
            lines += [
                f"a=candidate:{len(numbered) + i + 1} 1 tcp {_tcp_priority(i)} {address} {self.port} typ host "
                "tcptype passive"
                for i, address in numbered
            ]
        return lines


def _tcp_priority(index: int) -> int:
    """RFC 6544 section 4.2: a type preference below UDP's, and in the local one 4 for passive in front."""
    return (90 << 24) + (((4 << 13) + 8_191 - index) << 8) + 255


_START_KBPS: Final = 800
"""What a publisher's estimate begins with: enough for 720 lines, and no more than the weakest lines have."""


@dataclass(frozen=True, slots=True)
class OutgoingTrack:
    """What an answer to a subscriber says about one track."""

    ssrc: int
    repair_ssrc: int
    """Of retransmissions, where they are negotiated."""
    cname: str
    stream_id: str


def answer(
    offer: Offer, transport: Transport, *, publishing: bool, tracks: Mapping[str, OutgoingTrack] | None = None
) -> str:
    """The answer to ``offer``. ``tracks`` gives the outgoing track by kind when the client plays."""
    accepted = offer.accepted
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
    ]
    # A bundle may be answered, not proposed (RFC 9143 section 7.3).
    if mids := [s.mid for s in accepted if s.mid in offer.bundle]:
        lines.insert(4, f"a=group:BUNDLE {' '.join(mids)}")
    for section in offer.media:
        if any(section is s for s in accepted):
            track = tracks.get(section.kind) if tracks else None
            lines += _answer_section(section, transport, publishing=publishing, track=track)
        else:
            lines += [
                f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}",
                "c=IN IP4 0.0.0.0",
            ]
            lines += [f"a=mid:{section.mid}"] if section.mid else []
            lines += ["a=inactive"] if section.kind in ("audio", "video") else []
    return "\r\n".join(lines) + "\r\n"


def _answer_section(
    section: MediaSection, transport: Transport, *, publishing: bool, track: OutgoingTrack | None
) -> list[str]:
    payloads = section.payloads()
    formats = [str(number) for p in payloads for number in (p.number, p.repair) if number]
    version = 6 if ":" in transport.addresses[0] else 4
    lines = [
        f"m={section.kind} {transport.port} {section.protocol} {' '.join(formats)}",
        f"c=IN IP{version} {transport.addresses[0]}",
        "a=recvonly" if publishing else "a=sendonly",
        "a=rtcp-mux",
    ]
    lines += [f"a=mid:{section.mid}"] if section.mid else []
    lines += ["a=rtcp-rsize"] if section.rtcp_rsize else []
    lines += [f"a=ice-ufrag:{transport.ufrag}", f"a=ice-pwd:{transport.password}"]
    lines += [f"a=fingerprint:sha-256 {transport.fingerprint}", "a=setup:passive"]
    lines += [*transport.candidates(), "a=end-of-candidates"]
    for number, extension in section.known_extensions().items():
        if _takes_extension(extension, payloads, publishing=publishing):
            lines.append(f"a=extmap:{number} {section.extensions[number]}")
    for payload in payloads:
        lines.append(f"a=rtpmap:{payload.number} {payload.rtpmap}")
        parameters = [payload.fmtp] if payload.fmtp else []
        if publishing and _starts_slowly(section, payload):
            parameters.append(f"x-google-start-bitrate={_START_KBPS}")
        lines += [f"a=fmtp:{payload.number} {';'.join(parameters)}"] if parameters else []
        lines += [f"a=rtcp-fb:{payload.number} {f}" for f in _answer_feedback(section, payload, publishing)]
        if payload.repair:
            lines += [f"a=rtpmap:{payload.repair} rtx/90000", f"a=fmtp:{payload.repair} apt={payload.number}"]
    if publishing and (rids := section.layers()):
        lines += [f"a=rid:{rid} recv" for rid in rids]
        lines.append(f"a=simulcast:recv {';'.join(rid for rid in section.simulcast if rid in rids)}")
    if track is not None:
        lines += _outgoing(track, section.kind, repaired=any(p.repair for p in payloads))
    return lines


def _starts_slowly(section: MediaSection, payload: Payload) -> bool:
    """Whether Chromium would begin a picture of one layer at 300 kbit/s, and so with a quarter of its lines.

    It takes 15 s and more to find the way up; with layers it finds it at once by itself.
    """
    return section.kind == "video" and not section.layers() and "transport-cc" in payload.feedback


def _takes_extension(extension: Extension, payloads: Sequence[Payload], *, publishing: bool) -> bool:
    """Whether a header extension is accepted.

    Subscribers tell what they receive apart by SSRC and need no MID. A publisher is granted the dependency descriptor
    where it will send AV1, which is its first choice: with it Chromium leaves picture ids and temporal layers out of
    VP8's own descriptor, and subscribers that do not know the extension would miss them.
    """
    if publishing and extension is Extension.DEPENDENCY_DESCRIPTOR:
        return payloads[0].codec is Codec.AV1
    return publishing or extension > 0 or extension is Extension.TRANSPORT_SEQUENCE


def _outgoing(track: OutgoingTrack, kind: str, *, repaired: bool) -> list[str]:
    """The SSRCs that a subscriber will receive (RFC 5576)."""
    msid = f"{track.stream_id} {track.stream_id}-{kind}"
    lines = [f"a=msid:{msid}"]
    ssrcs = [track.ssrc]
    if repaired:
        ssrcs.append(track.repair_ssrc)
        lines.append(f"a=ssrc-group:FID {track.ssrc} {track.repair_ssrc}")
    for ssrc in ssrcs:
        lines += [f"a=ssrc:{ssrc} cname:{track.cname}", f"a=ssrc:{ssrc} msid:{msid}"]
    return lines


def _answer_feedback(section: MediaSection, payload: Payload, publishing: bool) -> list[str]:
    """Accepted feedback: transport-wide where the extension is there too, REMB only where it is not."""
    transport_wide = Extension.TRANSPORT_SEQUENCE in section.known_extensions().values()
    left_out = set()
    if not transport_wide:
        left_out.add("transport-cc")
    if transport_wide and "transport-cc" in payload.feedback:
        left_out.add("goog-remb")
    return [f for f in payload.feedback if f not in left_out]


def restart_fragment(transport: Transport) -> str:
    """The relay's new credentials and candidates after an ICE restart (RFC 9725 section 4.3.3)."""
    lines = ["a=ice-lite", f"a=ice-ufrag:{transport.ufrag}", f"a=ice-pwd:{transport.password}"]
    return "\r\n".join([*lines, *transport.candidates(), "a=end-of-candidates"]) + "\r\n"
