"""The test card as a loop of encoded media: one wall-clock minute of pictures, ten seconds of sound.

A clip is encoded second by second, when a second is first needed, and kept in the data folder. Each second
starts with a keyframe and depends on no other, because a loop cannot answer a keyframe request: whoever
joins waits for the next second. So publishing starts at once also the first time, no burst of encoding
starves a small machine, and a later start only reads files.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Final

import av
import structlog
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from app.demo import sound, test_card
from app.demo.fonts import cjk_font_file
from app.demo.test_card import FPS, HEIGHT, SECONDS, WIDTH, Card

_log = structlog.stdlib.get_logger(__name__)

VIDEO_CLOCK: Final = 90_000
BIT_RATE: Final = 500_000
_FORMAT: Final = "1"
"""Part of the cache key: change it when drawing, coding or the file layout changes."""
_KEPT_CLIPS: Final = 16
_LENGTH: Final = struct.Struct(">I")


class VideoCodec(StrEnum):
    """Video codecs a clip can be encoded with, by their WebRTC names."""

    VP8 = "VP8"
    H264 = "H264"


@dataclass(frozen=True)
class Clip:
    """The loop of one card in one codec. ``folder`` is where clips are kept; None keeps it in memory only."""

    card: Card
    codec: VideoCodec = VideoCodec.VP8
    folder: Path | None = None

    def second(self, number: int) -> tuple[bytes, ...]:
        """The encoded frames of a second of the minute, the first a keyframe. Encodes if it must."""
        frames = self._seconds.get(number)
        if frames is None:
            frames = self._read(number) or self._encode_and_keep(number)
            self._seconds[number] = frames
        return frames

    @cached_property
    def sound(self) -> tuple[bytes, ...]:
        """The Opus packets of the ten-second sound; quick to encode, so it is never stored."""
        return sound.encode_pattern(self.card.source)

    @cached_property
    def _seconds(self) -> dict[int, tuple[bytes, ...]]:
        return {}

    @cached_property
    def _place(self) -> Path | None:
        if self.folder is None:
            return None
        identity = (_FORMAT, self.card, self.codec, BIT_RATE, FPS, WIDTH, HEIGHT, cjk_font_file())
        return self.folder / hashlib.sha256(repr(identity).encode()).hexdigest()[:16]

    def _file(self, number: int) -> Path | None:
        return self._place and self._place / f"{number:02d}.{self.codec.value.lower()}"

    def _read(self, number: int) -> tuple[bytes, ...] | None:
        path = self._file(number)
        try:
            return unpack(path.read_bytes()) if path else None
        except OSError:  # not there, or not readable: then it is encoded
            return None

    def _encode_and_keep(self, number: int) -> tuple[bytes, ...]:
        frames = encode_second(self.card, number, self.codec)
        path = self._file(number)
        if path and self.folder:
            try:
                _store(self.folder, path, pack(frames))
            except OSError as error:
                # A full disk must not end the lesson; what was not kept is encoded again another time.
                _log.warning("the test card cannot be kept", file=str(path), reason=str(error))
        return frames


def encode_second(card: Card, number: int, codec: VideoCodec) -> tuple[bytes, ...]:
    """Draw and encode one second with an encoder of its own, so that it starts with a keyframe."""
    if not 0 <= number < SECONDS:
        raise ValueError(f"a minute has no second {number}")
    encoder = _new_encoder(codec)
    frames: list[bytes] = []
    for index in range(FPS):
        frame = test_card.draw(card, number * FPS + index)
        frame.pts = index
        frame.time_base = Fraction(1, FPS)
        frame.pict_type = PictureType.I if index == 0 else PictureType.NONE
        frames += (bytes(packet) for packet in encoder.encode(frame))
    frames += (bytes(packet) for packet in encoder.encode(None))
    if len(frames) != FPS:
        raise RuntimeError(f"{codec} encoder made {len(frames)} frames of {FPS}")
    return tuple(frames)


def _new_encoder(codec: VideoCodec) -> VideoCodecContext:
    name = {VideoCodec.VP8: "libvpx", VideoCodec.H264: "libx264"}[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = WIDTH, HEIGHT
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(FPS)
    encoder.time_base = Fraction(1, FPS)
    encoder.bit_rate = BIT_RATE
    encoder.gop_size = FPS
    encoder.thread_count = 1
    if codec is VideoCodec.VP8:
        # No frame may be held back, hidden or refer to a later one: one picture in, one RTP frame out.
        whole = {"lag-in-frames": "0", "auto-alt-ref": "0"}
        # Drawn pictures stay sharp at the fastest setting, which takes a third of the time of a usual one.
        encoder.options = {"deadline": "realtime", "cpu-used": "16", "static-thresh": "100", **whole}
    else:
        # Constrained baseline 3.1 is the profile that every WebRTC endpoint has (RFC 7742 section 6.2).
        encoder.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "level": "3.1"}
    return encoder


def pack(frames: tuple[bytes, ...]) -> bytes:
    """The file of one second: each frame after its length."""
    return b"".join(_LENGTH.pack(len(frame)) + frame for frame in frames)


def unpack(data: bytes) -> tuple[bytes, ...] | None:
    """The frames in such a file; None when it is not whole."""
    frames: list[bytes] = []
    place = 0
    while place + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        frames.append(data[place - length : place])
    return tuple(frames) if place == len(data) and len(frames) == FPS and all(frames) else None


def _store(folder: Path, path: Path, data: bytes) -> None:
    """Write a file of a clip whole or not at all, also when other processes and threads write it too."""
    if not path.parent.is_dir():
        _forget_old_clips(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as partial:
        partial.write(data)
    Path(partial.name).replace(path)


def _forget_old_clips(folder: Path) -> None:
    """Make room for a new clip: a card per lesson title would fill the data folder over the years."""
    if not folder.is_dir():
        return
    clips = sorted(
        (path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    for path in clips[: max(0, len(clips) - _KEPT_CLIPS + 1)]:
        shutil.rmtree(path, ignore_errors=True)
