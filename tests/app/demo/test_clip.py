"""The encoded loop: decodable from every second, readable after lossy coding, kept on disk."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo import clip as clips
from app.demo.clip import Clip, VideoCodec, pack, unpack
from app.demo.test_card import FPS, Card, Mark, read_mark

CARD = Card("Grade 3 English", source=6)
DECODERS = {VideoCodec.VP8: "libvpx", VideoCodec.H264: "h264"}


def decode(codec: VideoCodec, frames: list[bytes]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    return [picture for data in [*map(av.Packet, frames), None] for picture in decoder.decode(data)]


@pytest.mark.parametrize("codec", VideoCodec)
def test_every_frame_is_readable_after_coding_and_across_the_minute(codec: VideoCodec) -> None:
    clip = Clip(CARD, codec)
    pictures = decode(codec, [*clip.second(59), *clip.second(0)])
    wanted = [*range(59 * FPS, 60 * FPS), *range(FPS)]
    assert [read_mark(picture) for picture in pictures] == [Mark(6, counter) for counter in wanted]


@pytest.mark.parametrize("codec", VideoCodec)
def test_a_joiner_can_start_at_any_second(codec: VideoCodec) -> None:
    pictures = decode(codec, list(Clip(CARD, codec).second(17)))
    assert len(pictures) == FPS
    assert read_mark(pictures[0]) == Mark(6, 17 * FPS)


def test_a_second_start_reads_what_the_first_one_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Clip(CARD, folder=tmp_path).second(7)

    def encode_again(*_: object) -> tuple[bytes, ...]:
        raise AssertionError("encoded although it was kept")

    monkeypatch.setattr(clips, "encode_second", encode_again)
    assert Clip(CARD, folder=tmp_path).second(7) == first


def test_a_damaged_file_is_encoded_anew(tmp_path: Path) -> None:
    first = Clip(CARD, folder=tmp_path).second(7)
    (kept,) = tmp_path.glob("*/07.vp8")
    kept.write_bytes(kept.read_bytes()[:-5])
    assert Clip(CARD, folder=tmp_path).second(7) == first
    assert unpack(kept.read_bytes()) == first


def test_a_folder_that_cannot_be_written_does_not_end_the_lesson(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    clip = Clip(CARD, folder=tmp_path / "file")
    assert len(clip.second(7)) == FPS


def test_other_titles_do_not_share_files_and_old_ones_are_forgotten(tmp_path: Path) -> None:
    for number in range(20):
        Clip(Card(f"Lesson {number}"), VideoCodec.H264, tmp_path).second(0)
    assert len(list(tmp_path.iterdir())) == 16


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=FPS, max_size=FPS))
def test_the_file_of_a_second_gives_its_frames_back(frames: list[bytes]) -> None:
    assert unpack(pack(tuple(frames))) == tuple(frames)


@given(st.binary(max_size=200))
def test_any_other_file_is_refused_without_an_error(data: bytes) -> None:
    assert unpack(data) is None


@pytest.mark.parametrize("number", [-1, 60])
def test_a_minute_has_sixty_seconds(number: int) -> None:
    with pytest.raises(ValueError, match="no second"):
        Clip(CARD).second(number)
