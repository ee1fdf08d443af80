"""The test card's sound: a soft tone, a tick each second and a higher one every ten.

Each sender has its own pitch, so that a receiver can tell by :func:`tone_share` whom it hears.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext

RATE: Final = 48_000
PACKET_SAMPLES: Final = 960
"""20 ms, what WebRTC endpoints expect of Opus (RFC 7587 section 4.2)."""
PATTERN_SECONDS: Final = 10
PATTERN_PACKETS: Final = PATTERN_SECONDS * RATE // PACKET_SAMPLES
_BIT_RATE: Final = 32_000
_TONE_LEVEL: Final = 0.06
_TICK_LEVEL: Final = 0.3
_TICK_SECONDS: Final = 0.03
_FULL_SCALE: Final = 32_767


def pitch(source: int) -> int:
    """The tone of a sender in Hz. Whole numbers, so that a second of it joins the next without a click."""
    return 440 + 110 * source


def second_of_sound(source: int, *, tenth: bool) -> array[int]:
    """One second of 16-bit mono samples; ``tenth`` gives the higher tick."""
    tone = math.tau * pitch(source) / RATE
    samples = [_TONE_LEVEL * math.sin(tone * n) for n in range(RATE)]
    tick = math.tau * (2_000 if tenth else 1_000) / RATE
    length = int(_TICK_SECONDS * RATE)
    for n in range(length):
        samples[n] += _TICK_LEVEL * (1 - n / length) * math.sin(tick * n)
    return array("h", (round(sample * _FULL_SCALE) for sample in samples))


def encode_pattern(source: int) -> tuple[bytes, ...]:
    """Ten seconds of Opus packets that loop without a seam.

    The pattern is encoded twice and the second run is kept: its first packet continues from the state that
    the last one leaves in a decoder.
    """
    plain = second_of_sound(source, tenth=False).tobytes()
    pattern = second_of_sound(source, tenth=True).tobytes() + plain * (PATTERN_SECONDS - 1)
    packets = _encode(pattern * 2)
    return tuple(packets[PATTERN_PACKETS : 2 * PATTERN_PACKETS])


def _encode(pcm: bytes) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.bit_rate = _BIT_RATE
    encoder.format = "s16"
    encoder.layout = "mono"
    encoder.sample_rate = RATE
    encoder.time_base = Fraction(1, RATE)
    encoder.options = {"application": "audio", "frame_duration": "20"}
    packets: list[bytes] = []
    size = PACKET_SAMPLES * 2
    for index in range(len(pcm) // size):
        frame = av.AudioFrame(format="s16", layout="mono", samples=PACKET_SAMPLES)
        frame.planes[0].update(pcm[index * size : (index + 1) * size])
        frame.sample_rate = RATE
        frame.pts = index * PACKET_SAMPLES
        frame.time_base = Fraction(1, RATE)
        packets += (bytes(packet) for packet in encoder.encode(frame))
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def samples_of(frame: av.AudioFrame) -> array[int]:
    """The left channel of a decoded 16-bit frame."""
    samples = array("h")
    channels = frame.layout.nb_channels
    samples.frombytes(bytes(frame.planes[0])[: frame.samples * channels * 2])
    return samples[::channels]


def tone_share(samples: Sequence[int], source: int, rate: int = RATE) -> float:
    """How much of the sound's energy is the sender's tone: near 1 for its tone alone, near 0 without it.

    Goertzel's algorithm, which is one bin of a Fourier transform.
    """
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return 0.0
    step = 2 * math.cos(math.tau * pitch(source) / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + step * last - before
    power = before * before + last * last - step * before * last
    return 2 * power / (len(samples) * energy)
