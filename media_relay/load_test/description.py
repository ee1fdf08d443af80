"""The session descriptions of a load-test client: offers written, answers read (RFC 8829, RFC 9725)."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from media_relay.ice import Credentials

OPUS: Final = 111
RED: Final = 63
"""Opus with its repetition (RFC 2198), as Chromium numbers it."""
VP8: Final = 96
RTX: Final = 97
"""Of VP8 (RFC 4588): offered by those who play."""

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
TRANSPORT_SEQUENCE: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

STREAM_ID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
STREAM_ID_NUMBER: Final = 10
"""Of the extension that names a layer, offered where there are several."""
LAYERS: Final = ("low", "middle", "full")
"""RIDs of a picture in three layers (RFC 8853)."""

EXTENSIONS: Final = {1: AUDIO_LEVEL, 3: TRANSPORT_SEQUENCE, 4: MID}
"""Offered header extensions by id, those a browser sends that cost a forwarder work."""
MIDS: Final = {"audio": "0", "video": "1"}


class AnswerError(ValueError):
    """An answer that a client cannot work with; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The server's end of the transport, from its answer."""

    credentials: Credentials
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[tuple[str, int], ...]
    """Host and port of each UDP candidate, all of one address family."""
    is_dtls_client: bool
    extensions: frozenset[str]
    """URIs of the header extensions that were accepted."""
    redundant: bool = False
    """Whether repeated sound was accepted."""


def write_offer(
    local: Credentials,
    fingerprint: str,
    *,
    publishing: bool,
    rids: Sequence[str] = (),
    redundant: bool = False,
) -> str:
    """An offer of one Opus and one VP8 section, bundled, to send or to receive them.

    The picture in layers ``rids``, the sound also ``redundant``.
    """
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(MIDS.values())}",
        "a=extmap-allow-mixed",
    ]
    direction = "sendonly" if publishing else "recvonly"
    others = {
        "audio": f" {RED}" if redundant else "",
        "video": "" if publishing else f" {RTX}",
    }
    for kind, number, codec in (("audio", OPUS, "opus/48000/2"), ("video", VP8, "VP8/90000")):
        lines += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}{others[kind]}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{MIDS[kind]}",
            f"a={direction}",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            f"a=ice-ufrag:{local.ufrag}",
            f"a=ice-pwd:{local.password}",
            f"a=fingerprint:sha-256 {fingerprint}",
            "a=setup:actpass",
            f"a=rtpmap:{number} {codec}",
            f"a=rtcp-fb:{number} nack",
            f"a=rtcp-fb:{number} transport-cc",
        ]
        lines += (
            [f"a=rtpmap:{RTX} rtx/90000", f"a=fmtp:{RTX} apt={number}"]
            if kind == "video" and not publishing
            else []
        )
        if redundant and kind == "audio":
            lines += [f"a=rtpmap:{RED} red/48000/2", f"a=fmtp:{RED} {number}/{number}"]
        lines += [f"a=rtcp-fb:{number} nack pli"] if kind == "video" else []
        lines += [f"a=fmtp:{number} minptime=10;useinbandfec=1"] if kind == "audio" else []
        lines += [
            f"a=extmap:{i} {uri}" for i, uri in EXTENSIONS.items() if kind == "audio" or uri != AUDIO_LEVEL
        ]
    if rids:  # the picture's section is the last one
        lines += [f"a=extmap:{STREAM_ID_NUMBER} {STREAM_ID}", *(f"a=rid:{rid} send" for rid in rids)]
        lines.append(f"a=simulcast:send {';'.join(rids)}")
    return "\r\n".join(lines) + "\r\n"


def read_answer(sdp: str) -> Remote:
    """What a client needs of an answer; raises :class:`AnswerError`."""
    found: dict[str, list[str]] = {}
    for line in sdp.splitlines():
        name, _, value = line.strip().removeprefix("a=").partition(":")
        if line.startswith("a="):
            found.setdefault(name, []).append(value)
    try:
        credentials = Credentials(found["ice-ufrag"][0], found["ice-pwd"][0])
        fingerprints = dict.fromkeys(_fingerprint(value) for value in found["fingerprint"])
    except KeyError as missing:
        raise AnswerError(f"the answer has no a={missing.args[0]}") from None
    return Remote(
        credentials=credentials,
        fingerprints=tuple(fingerprints),
        candidates=_reachable(found.get("candidate", [])),
        is_dtls_client="active" in found.get("setup", []),
        extensions=frozenset(value.partition(" ")[2] for value in found.get("extmap", [])),
        redundant=any(value.startswith(f"{RED} red/") for value in found.get("rtpmap", [])),
    )


def _fingerprint(value: str) -> tuple[str, str]:
    algorithm, _, digest = value.partition(" ")
    return algorithm.lower(), digest.strip().upper()


def _reachable(candidates: list[str]) -> tuple[tuple[str, int], ...]:
    """The UDP candidates with an address; of IPv4 and IPv6 one family, since a client has one socket."""
    families: dict[int, dict[tuple[str, int], None]] = {4: {}, 6: {}}
    for candidate in candidates:
        words = candidate.split()
        # RFC 8839 section 5.1: foundation, component, transport, priority, address, port. A name (mDNS) is no address.
        if len(words) < 6 or words[2].lower() != "udp" or not words[5].isdigit():
            continue
        try:
            version = ipaddress.ip_address(words[4]).version
        except ValueError:
            continue
        families[version][words[4], int(words[5])] = None
    chosen = families[4] or families[6]
    if not chosen:
        raise AnswerError("the answer has no UDP candidate; trickled ones are not waited for")
    return tuple(chosen)
