"""A receiver can tell from the picture which frame of which sender it sees."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.fonts import drawable
from app.demo.test_card import FPS, FRAMES, HEIGHT, WIDTH, Card, Mark, draw, read_mark


@given(source=st.integers(0, 7), counter=st.integers(0, FRAMES - 1))
def test_every_frame_tells_sender_and_place(source: int, counter: int) -> None:
    assert read_mark(draw(Card("A lesson", source), counter)) == Mark(source, counter)


@pytest.mark.parametrize(("width", "height"), [(320, 180), (480, 270), (1280, 720)])
def test_mark_survives_scaling(width: int, height: int) -> None:
    frame = draw(Card("A lesson", 5), 777).reformat(width=width, height=height)
    assert read_mark(frame) == Mark(5, 777)


@pytest.mark.parametrize("brightness", [0, 16, 128, 235, 255])
def test_a_plain_picture_has_no_mark(brightness: int) -> None:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([brightness]) * plane.buffer_size)
    assert read_mark(frame) is None


def test_the_picture_moves_within_a_second_and_between_seconds() -> None:
    pictures = {bytes(draw(Card("A lesson"), counter).planes[0]) for counter in range(3 * FPS)}
    assert len(pictures) == 3 * FPS


def test_the_title_is_in_the_picture() -> None:
    one, other = (bytes(draw(Card(title), 0).planes[0]) for title in ("My family", "My school"))
    assert one != other


@pytest.mark.parametrize(
    ("title", "cjk", "drawn"),
    [
        ("Unit 3: My family · 三年级英语", True, "Unit 3: My family · 三年级英语"),
        ("Unit 3: My family · 三年级英语", False, "Unit 3: My family"),
        ("三年级英语", False, ""),
    ],
)
def test_without_a_chinese_font_the_english_title_remains(title: str, cjk: bool, drawn: str) -> None:
    assert drawable(title, cjk=cjk) == drawn
