"""SDP offers (RFC 8829, RFC 9143), read for exactly what WHIP and WHEP need; :mod:`media_relay.answers` answers them.

An own parser, because ``aiortc.sdp`` drops attributes that a forwarder needs and fails with assertions on input that
comes from the network. What is read is bounded; everything wrong with an offer is an :class:`OfferError` that tells a
person what to change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from media_relay.core.layers import MAX_LAYERS
from media_relay.core.packet import EXTENSION_URIS, Codec, Extension
from media_relay.ice import Credentials

MAX_OFFER: Final = 64 * 1024
_MAX_MEDIA: Final = 16
_MAX_LINES: Final = 4_000

_CODECS: Final[Mapping[str, Codec]] = {
    "opus/48000/2": Codec.OPUS,
    "red/48000/2": Codec.RED,
    "vp8/90000": Codec.VP8,
    "h264/90000": Codec.H264,
    "vp9/90000": Codec.VP9,
    "av1/90000": Codec.AV1,
}
_FORWARDED: Final = "VP8, VP9, AV1 and H.264"
_DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
_FEEDBACK: Final = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
_RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
"""At most what a one-byte extension carries; RFC 8852 section 3 leaves the length open."""
_NAMES: Final = (
    ("q", "h", "f"),
    ("l", "m", "h"),
    ("lo", "mid", "hi"),
    ("low", "mid", "high"),
    ("low", "medium", "high"),
    ("low", "middle", "full"),
    ("quarter", "half", "full"),
    ("2", "1", "0"),
)
"""Names of layers in use, lowest first."""
_ICE_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_ICE_PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")


class OfferError(Exception):
    """An offer that cannot be answered; ``code`` is one of those of ``media_relay.api.OfferRefused``."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload type of a media section."""

    number: int
    codec: Codec
    rtpmap: str
    fmtp: str
    feedback: tuple[str, ...]
    repair: int
    """The payload type of its retransmissions (RFC 4588), 0 where none was offered."""

    def repeats(self, other: Payload | None) -> bool:
        """Whether this is redundancy of nothing but the other one (RFC 2198 section 5: ``a=fmtp:63 111/111``)."""
        return other is not None and set(self.fmtp.replace(" ", "").split("/")) == {str(other.number)}


@dataclass(slots=True)
class MediaSection:
    """One m-line of an offer, as far as the relay cares."""

    kind: str
    protocol: str
    formats: list[str]
    port: int
    mid: str = ""
    direction: str = "sendrecv"
    bundle_only: bool = False
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    rtpmaps: dict[int, str] = field(default_factory=dict)
    fmtps: dict[int, str] = field(default_factory=dict)
    feedback: dict[str, list[str]] = field(default_factory=dict)
    extensions: dict[int, str] = field(default_factory=dict)
    ssrcs: list[int] = field(default_factory=list)
    secondary: set[int] = field(default_factory=set)
    """SSRCs that repeat or protect another (``ssrc-group`` FID, FEC-FR)."""
    attributes: dict[str, str] = field(default_factory=dict)
    rids: set[str] = field(default_factory=set)
    """Of layers that the client would send (RFC 8851)."""
    simulcast: list[str] = field(default_factory=list)
    """RIDs in the order of ``a=simulcast:send`` (RFC 8853 section 5.1), the first alternative of each."""

    def layers(self) -> list[str]:
        """RIDs of the layers to take, the lowest first; none where none are offered.

        They are told apart by an extension that must be there too (RFC 8852).
        """
        rids = [rid for rid in self.simulcast if rid in self.rids]
        has_ids = Extension.STREAM_ID in self.known_extensions().values()
        if self.kind != "video" or not has_ids:
            return []
        return in_order(rids)[-MAX_LAYERS:]

    def payloads(self) -> list[Payload]:
        """The payload types the relay can forward, in the offer's order, the best one of each codec."""
        best: dict[Codec, Payload] = {}
        for text in self.formats:
            number = _number(text)
            rtpmap = self.rtpmaps.get(number, "")
            codec = _CODECS.get(rtpmap.lower())
            if codec is None or not 0 < number < 128 or codec.is_video != (self.kind == "video"):
                continue
            offered = [*self.feedback.get(text, []), *self.feedback.get("*", [])]
            feedback = tuple(f for f in _FEEDBACK if f in offered)
            fmtp = self.fmtps.get(number, "")
            repair = self._repair_of(number) if codec is not Codec.RED else 0
            payload = Payload(number, codec, rtpmap, fmtp, feedback, repair)
            if not _usual(payload):
                continue
            if codec not in best or _rank(payload) > _rank(best[codec]):
                best[codec] = payload
        redundant = best.pop(Codec.RED, None)
        if redundant is not None and redundant.repeats(best.get(Codec.OPUS)):
            # In front: browsers send it only where the answer prefers it to Opus alone.
            return [redundant, *best.values()]
        return list(best.values())

    def _repair_of(self, number: int) -> int:
        for text in self.formats:
            candidate = _number(text)
            if (
                0 < candidate < 128
                and self.rtpmaps.get(candidate, "").lower() == "rtx/90000"
                and self.fmtps.get(candidate, "").partition(";")[0].strip() == f"apt={number}"
            ):
                return candidate
        return 0

    def known_extensions(self) -> dict[int, Extension]:
        """Offered header extensions that the relay reads or carries, by id; ids above 14 have no one-byte form."""
        return {
            number: EXTENSION_URIS[uri]
            for number, uri in self.extensions.items()
            if uri in EXTENSION_URIS and 0 < number < 15
        }


def _usual(payload: Payload) -> bool:
    """Whether it is the profile of VP9 or AV1 that every decoder has: 4:2:0 with 8 bits."""
    if payload.codec not in (Codec.VP9, Codec.AV1):
        return True
    parameters = dict(
        parameter.strip().lower().partition("=")[::2] for parameter in payload.fmtp.split(";") if parameter
    )
    return parameters.get("profile-id" if payload.codec is Codec.VP9 else "profile", "0").strip() == "0"


def _rank(payload: Payload) -> int:
    """Which of several payload types of one codec to take: for H.264 fragmented and constrained baseline."""
    if payload.codec is not Codec.H264:
        return 0
    fmtp = payload.fmtp.lower().replace(" ", "")
    rank = 2 if "packetization-mode=1" in fmtp else 0
    if "profile-level-id=42" in fmtp or "profile-level-id" not in fmtp:
        rank += 1
    return rank


@dataclass(frozen=True, slots=True)
class Offer:
    """A parsed and checked offer."""

    media: tuple[MediaSection, ...]
    bundle: tuple[str, ...]
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    audio: MediaSection | None
    video: MediaSection | None

    @property
    def accepted(self) -> list[MediaSection]:
        """The sections that are answered with media."""
        return [section for section in self.media if section is self.audio or section is self.video]


def parse_offer(text: str, *, publishing: bool) -> Offer:
    """Read an offer to publish (the client sends) or to play (the client receives); raises :class:`OfferError`."""
    if len(text.encode("utf-8", "replace")) > MAX_OFFER:
        raise OfferError("offer.too_large", "The SDP offer is larger than 64 KiB.")
    lines = text.splitlines()
    if len(lines) > _MAX_LINES or not lines or lines[0].strip() != "v=0":
        raise OfferError(
            "offer.malformed", "The body is not an SDP offer: it must begin with the line 'v=0'."
        )
    session: dict[str, list[str]] = {}
    media: list[MediaSection] = []
    for line in lines:
        key, separator, value = line.strip().partition("=")
        if not separator:
            if line.strip():
                raise OfferError("offer.malformed", f"Not an SDP line: {line.strip()[:60]!r}.")
        elif key == "m":
            media.append(_media_line(value))
            # The session's direction holds for sections without their own (RFC 8866 section 6.7).
            media[-1].direction = next((d for d in _DIRECTIONS if d in session), "sendrecv")
            if len(media) > _MAX_MEDIA:
                raise OfferError("offer.malformed", f"The offer has more than {_MAX_MEDIA} media sections.")
        elif key == "a":
            name, _, argument = value.partition(":")
            if media:
                _media_attribute(media[-1], name, argument.strip())
            else:
                session.setdefault(name, []).append(argument.strip())
    return _check(session, media, publishing)


def _number(text: str) -> int:
    """A decimal number of at most ten ASCII digits, or -1; ``str.isdigit`` takes what ``int`` refuses."""
    return int(text) if len(text) <= 10 and text.isascii() and text.isdigit() else -1


def _sent_layers(argument: str) -> list[str]:
    """The first alternative of each layer of the ``send`` part; a leading ``~`` says that it begins paused."""
    words = argument.split()
    if "send" not in words[:-1]:
        return []
    sent = words[words.index("send") + 1].split(";")
    return list(dict.fromkeys(alternatives.partition(",")[0].lstrip("~") for alternatives in sent[:16]))


def in_order(rids: list[str]) -> list[str]:
    """RIDs from the lowest layer to the highest.

    RFC 8853 has the most preferred first, but clients list theirs either way. The usual names tell; where they do not,
    numbers do (OBS has 0 for the best, as the RFC), and else the list is taken from the lowest up, as libwebrtc's.
    """
    for names in _NAMES:
        if all(rid.lower() in names for rid in rids):
            return sorted(rids, key=lambda rid: names.index(rid.lower()))
    return rids


def _media_line(value: str) -> MediaSection:
    parts = value.split()
    port = _number(parts[1]) if len(parts) >= 4 else -1
    if port < 0:
        raise OfferError("offer.malformed", f"Not an SDP media line: 'm={value[:60]}'.")
    return MediaSection(kind=parts[0], port=port, protocol=parts[2], formats=parts[3:67])


def _media_attribute(section: MediaSection, name: str, argument: str) -> None:
    head, _, tail = argument.partition(" ")
    number = _number(head)
    match name:
        case "mid":
            section.mid = argument[:64]
        case "sendrecv" | "sendonly" | "recvonly" | "inactive":
            section.direction = name
        case "rtcp-mux":
            section.rtcp_mux = True
        case "rtcp-rsize":
            section.rtcp_rsize = True
        case "bundle-only":
            section.bundle_only = True
        case "rtpmap":
            section.rtpmaps[number] = tail.strip()
        case "fmtp":
            section.fmtps[number] = tail.strip()
        case "rtcp-fb":
            section.feedback.setdefault(head, []).append(tail.strip())
        case "extmap":
            if tail.strip():
                section.extensions[_number(head.partition("/")[0])] = tail.split()[0]
        case "ssrc":
            # A bare "a=ssrc:N" without an attribute is legal (RFC 5576 section 4.1).
            if number >= 0 and number not in section.ssrcs and len(section.ssrcs) < 32:
                section.ssrcs.append(number)
        case "ssrc-group":
            if head in ("FID", "FEC-FR"):
                section.secondary.update(_number(n) for n in tail.split()[1:])
        case "rid":
            words = argument.split()
            if len(words) >= 2 and words[1] == "send" and _RID.fullmatch(words[0]) and len(section.rids) < 16:
                section.rids.add(words[0])
        case "simulcast":
            section.simulcast = _sent_layers(argument)
        case "ice-ufrag" | "ice-pwd" | "fingerprint" | "setup":
            section.attributes.setdefault(name, argument)


def _check(session: dict[str, list[str]], media: list[MediaSection], publishing: bool) -> Offer:
    wanted = ("sendrecv", "sendonly") if publishing else ("sendrecv", "recvonly")
    usable = [
        s
        for s in media
        if s.kind in ("audio", "video") and s.direction in wanted and s.protocol.endswith("TLS/RTP/SAVPF")
        # A section of port zero is disabled, unless it only waits for the bundle (RFC 9143 section 6).
        if s.port or s.bundle_only
    ]
    if not usable:
        verb = "send" if publishing else "receive"
        raise OfferError(
            "offer.no_media",
            f"The offer has no audio or video that the client wants to {verb} over DTLS-SRTP; "
            "a data channel alone is not enough.",
        )
    if "ice-lite" in session:
        raise OfferError(
            "offer.unsupported", "The client must be a full ICE agent: the relay itself is ICE-lite."
        )
    first = usable[0]
    ufrag = _credential(session, first, "ice-ufrag", _ICE_UFRAG)
    password = _credential(session, first, "ice-pwd", _ICE_PWD)
    fingerprints = _fingerprints(session, first)
    bundle = tuple(
        mid for group in session.get("group", []) if group.startswith("BUNDLE ") for mid in group.split()[1:]
    )
    audio, video = _choose(usable, "audio"), _choose(usable, "video")
    chosen = [s for s in (audio, video) if s is not None]
    if not chosen:
        offered = sorted({name for s in usable for name in s.rtpmaps.values()})
        raise OfferError(
            "offer.no_common_codec",
            f"No common codec: the relay forwards Opus, {_FORWARDED}, "
            f"the offer has {', '.join(offered)[:200] or 'none'}.",
        )
    _check_codecs(usable, chosen)
    if any(not s.rtcp_mux for s in chosen):
        raise OfferError("offer.unsupported", "The offer must multiplex RTP and RTCP (a=rtcp-mux).")
    if len(chosen) > 1 and any(not s.mid or s.mid not in bundle for s in chosen):
        raise OfferError(
            "offer.unsupported", "The offer must bundle audio and video (a=group:BUNDLE with their mids)."
        )
    return Offer(tuple(media), bundle, ufrag, password, fingerprints, audio, video)


def _choose(usable: list[MediaSection], kind: str) -> MediaSection | None:
    return next((s for s in usable if s.kind == kind and s.payloads()), None)


def _check_codecs(usable: list[MediaSection], chosen: list[MediaSection]) -> None:
    """Audio that works must not hide video that does not: silence or a black picture would be found in class."""
    for kind, forwarded in (("audio", "Opus"), ("video", _FORWARDED)):
        sections = [s for s in usable if s.kind == kind]
        if sections and not any(s.kind == kind for s in chosen):
            offered = sorted({name for s in sections for name in s.rtpmaps.values()})
            raise OfferError(
                "offer.no_common_codec",
                f"No common {kind} codec: the relay forwards {forwarded}, "
                f"the offer has {', '.join(offered)[:200] or 'none'}.",
            )


def _credential(
    session: dict[str, list[str]], section: MediaSection, name: str, pattern: re.Pattern[str]
) -> str:
    value = section.attributes.get(name) or next(iter(session.get(name, [])), "")
    if not pattern.fullmatch(value):
        raise OfferError("offer.unsupported", f"The offer lacks valid ICE credentials (a={name}).")
    return value


def _fingerprints(session: dict[str, list[str]], section: MediaSection) -> tuple[tuple[str, str], ...]:
    values = (
        [section.attributes["fingerprint"]]
        if "fingerprint" in section.attributes
        else session.get("fingerprint", [])
    )
    found = []
    for value in values[:8]:
        algorithm, _, digest = value.partition(" ")
        if algorithm.lower() in ("sha-256", "sha-384", "sha-512") and digest.strip():
            found.append((algorithm.lower(), digest.strip().upper()))
    if not found:
        raise OfferError(
            "offer.unsupported", "The offer lacks a DTLS certificate fingerprint of SHA-256 or better."
        )
    setup = section.attributes.get("setup") or next(iter(session.get("setup", [])), "actpass")
    if setup == "passive":
        raise OfferError(
            "offer.unsupported",
            "The client must offer a=setup:actpass or active (RFC 9725 section 4.4); the relay is the DTLS server. "
            "FFmpeg needs the option -whip_flags dtls_active.",
        )
    return tuple(found)


def parse_fragment(text: str) -> Credentials | None:
    """The ICE credentials of a trickle fragment (RFC 8840 section 9), or ``None`` when it has none."""
    if len(text) > MAX_OFFER:
        raise OfferError("offer.too_large", "The SDP fragment is larger than 64 KiB.")
    values: dict[str, str] = {}
    for line in text.splitlines()[:_MAX_LINES]:
        key, _, value = line.strip().partition("=")
        name, _, argument = value.partition(":")
        if key == "a" and name in ("ice-ufrag", "ice-pwd"):
            values.setdefault(name, argument.strip())
    if not values:
        return None
    ufrag, password = values.get("ice-ufrag", ""), values.get("ice-pwd", "")
    if not _ICE_UFRAG.fullmatch(ufrag) or not _ICE_PWD.fullmatch(password):
        raise OfferError("offer.malformed", "The fragment's ICE credentials are incomplete or not valid.")
    return Credentials(ufrag, password)
