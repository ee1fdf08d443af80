"""The sound is there, loops without a seam, and tells its sender."""

from __future__ import annotations

import statistics
from array import array

import av

from app.demo.sound import PATTERN_PACKETS, encode_pattern, samples_of, second_of_sound, tone_share


def decode(packets: list[bytes]) -> list[av.AudioFrame]:
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    return [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]


def test_tone_survives_opus_and_tells_the_sender() -> None:
    frames = decode(list(encode_pattern(2)))
    assert len(frames) == PATTERN_PACKETS
    shares = [[tone_share(samples_of(frame), source) for frame in frames] for source in range(4)]
    assert [statistics.median(share) > 0.9 for share in shares] == [False, False, True, False]


def test_the_loop_has_no_click_where_it_starts_over() -> None:
    pattern = list(encode_pattern(1))
    samples = array("h")
    for frame in decode([*pattern[-50:], *pattern[:50]]):
        samples.extend(samples_of(frame))
    tone_only = [*samples[30_000:47_500]]
    loudest = max(abs(sample) for sample in tone_only)
    seam = samples[47_900:48_200]  # before the tick of the new second is heard
    assert max(abs(sample) for sample in seam) < 1.5 * loudest


def test_each_second_has_a_tick_and_every_tenth_a_higher_one() -> None:
    plain, tenth = (second_of_sound(0, tenth=tenth) for tenth in (False, True))
    tick, rest = max(map(abs, plain[:1_000])), max(map(abs, plain[2_000:]))
    assert tick > 3 * rest
    assert plain[:1_000] != tenth[:1_000]
    assert plain[2_000:] == tenth[2_000:]


def test_silence_has_no_tone() -> None:
    assert tone_share([0] * 960, 0) == 0.0
