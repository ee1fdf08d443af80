"""The moving test card: what a synthetic camera sees.

Colour bars, a clock whose hand tells the real second of the minute, big running seconds, a moving block,
the lesson's title, and at the bottom a row of black and white blocks from which :func:`read_mark` tells
which frame of which sender this is, also after lossy coding and scaling.

Frames are drawn straight into the three planes of YUV 4:2:0. Only the moving block has a colour of its own,
so most of the drawing happens on the brightness plane and no colour conversion is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import av
from PIL import Image, ImageDraw

from app.demo.fonts import cjk_font_file, drawable, fitted_font, font_for

WIDTH: Final = 640
HEIGHT: Final = 360
FPS: Final = 20
SECONDS: Final = 60
FRAMES: Final = FPS * SECONDS
"""Frames of the loop: one wall-clock minute."""

_BLACK: Final = 16
_WHITE: Final = 235
_GREY: Final = 44
_PALE: Final = 160
_NEUTRAL: Final = 128

# 75 % colour bars as (Y, U, V), BT.601 limited range: white, yellow, cyan, green, magenta, red, blue.
_BARS: Final = (
    (180, 128, 128),
    (162, 44, 142),
    (131, 156, 44),
    (112, 72, 58),
    (84, 184, 198),
    (65, 100, 212),
    (35, 212, 114),
)
_BAR_HEIGHT: Final = 72
_CLOCK: Final = (104, 178)
_CLOCK_RADIUS: Final = 84
_BLOCK: Final = 36
_BLOCK_LAP_FRAMES: Final = 4 * FPS
_BLOCK_BOX: Final = (452, 88, 604, 232)
_BLOCK_COLOUR: Final = _BARS[1]

_MARK_BITS: Final = 20
_MARK_TOP: Final = 336
_COUNTER_BITS: Final = 11
_SOURCE_BITS: Final = 3
_MARK_START: Final = 0b10


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows. ``source`` (0 to 7) tells senders apart in the frame mark."""

    title: str
    source: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What the row of blocks says: the sender and the frame's place in the minute (0 to 1199)."""

    source: int
    counter: int


@dataclass(frozen=True, slots=True)
class _Planes:
    y: Image.Image
    u: Image.Image
    v: Image.Image

    def copy(self) -> _Planes:
        return _Planes(self.y.copy(), self.u.copy(), self.v.copy())


def draw(card: Card, counter: int) -> av.VideoFrame:
    """Frame ``counter`` of the minute."""
    planes = _second(card, counter // FPS).copy()
    pen = ImageDraw.Draw(planes.y)
    _draw_hand(pen, counter)
    _draw_block(planes, counter)
    _draw_mark(pen, Mark(card.source, counter))
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, image in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
        plane.update(_padded(image, plane.line_size))
    return frame


def read_mark(frame: av.VideoFrame) -> Mark | None:
    """The mark in a received frame of any size, or None when there is none or it is not readable."""
    plane = frame.planes[0]
    pixels, line = memoryview(plane), plane.line_size
    row = round((_MARK_TOP + HEIGHT) / 2 / HEIGHT * plane.height) * line
    word = 0
    for block in range(_MARK_BITS):
        column = round((block + 0.5) / _MARK_BITS * plane.width)
        brightness = pixels[row + column]
        if abs(brightness - (_BLACK + _WHITE) / 2) < 40:
            return None
        word = word << 1 | (brightness > _NEUTRAL)
    return _parse_mark(word)


def _mark_word(mark: Mark) -> int:
    word = _MARK_START << _SOURCE_BITS | mark.source
    word = word << _COUNTER_BITS | mark.counter
    return word << 4 | _check(mark)


def _parse_mark(word: int) -> Mark | None:
    counter = word >> 4 & (1 << _COUNTER_BITS) - 1
    source = word >> 4 + _COUNTER_BITS & (1 << _SOURCE_BITS) - 1
    mark = Mark(source, counter)
    return mark if counter < FRAMES and _mark_word(mark) == word else None


def _check(mark: Mark) -> int:
    """Four bits that a plain black, white or half-decoded row does not satisfy."""
    return (mark.counter ^ mark.counter >> 4 ^ mark.counter >> 8 ^ mark.source ^ 0b1010) & 0xF


@lru_cache(maxsize=2)
def _second(card: Card, second: int) -> _Planes:
    """The card as it stands for one second: all but the hand, the moving block and the mark."""
    planes = _still(card).copy()
    pen = ImageDraw.Draw(planes.y)
    text = f"{second:02d}"
    pen.text((318, 166), text, fill=_WHITE, font=font_for(text, 150), anchor="mm")
    return planes


@lru_cache(maxsize=2)
def _still(card: Card) -> _Planes:
    """The parts of the card that never move."""
    planes = _Planes(
        Image.new("L", (WIDTH, HEIGHT), _GREY),
        Image.new("L", (WIDTH // 2, HEIGHT // 2), _NEUTRAL),
        Image.new("L", (WIDTH // 2, HEIGHT // 2), _NEUTRAL),
    )
    for index, colour in enumerate(_BARS):
        left, right = index * WIDTH // len(_BARS), (index + 1) * WIDTH // len(_BARS)
        _fill(planes, (left, 0, right - 1, _BAR_HEIGHT - 1), colour)
    pen = ImageDraw.Draw(planes.y)
    _draw_dial(pen)
    title = drawable(card.title, cjk=cjk_font_file() is not None) or "Tongtang"
    font = fitted_font(title, 30, WIDTH - 40)
    pen.text((WIDTH / 2, 300), title, fill=_WHITE, font=font, anchor="mm")
    return planes


def _draw_dial(pen: ImageDraw.ImageDraw) -> None:
    x, y = _CLOCK
    r = _CLOCK_RADIUS
    pen.ellipse((x - r, y - r, x + r, y + r), fill=_BLACK, outline=_PALE, width=3)
    for tick in range(12):
        angle = tick * math.tau / 12
        dx, dy = math.sin(angle), -math.cos(angle)
        pen.line((x + dx * (r - 14), y + dy * (r - 14), x + dx * (r - 5), y + dy * (r - 5)), _PALE, 3)


def _draw_hand(pen: ImageDraw.ImageDraw, counter: int) -> None:
    x, y = _CLOCK
    angle = counter * math.tau / FRAMES
    reach = _CLOCK_RADIUS - 18
    pen.line((x, y, x + math.sin(angle) * reach, y - math.cos(angle) * reach), _WHITE, 5)
    pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=_WHITE)


def _draw_block(planes: _Planes, counter: int) -> None:
    """A block that circles; laps fit the minute, so that the loop has no seam. Even places suit 4:2:0."""
    left, top, right, bottom = _BLOCK_BOX
    angle = counter % _BLOCK_LAP_FRAMES * math.tau / _BLOCK_LAP_FRAMES
    x = round((left + right - _BLOCK + (right - left - _BLOCK) * math.cos(angle)) / 4) * 2
    y = round((top + bottom - _BLOCK + (bottom - top - _BLOCK) * math.sin(angle)) / 4) * 2
    _fill(planes, (x, y, x + _BLOCK - 1, y + _BLOCK - 1), _BLOCK_COLOUR)


def _draw_mark(pen: ImageDraw.ImageDraw, mark: Mark) -> None:
    word = _mark_word(mark)
    width = WIDTH // _MARK_BITS
    for block in range(_MARK_BITS):
        bit = word >> (_MARK_BITS - 1 - block) & 1
        box = (block * width, _MARK_TOP, (block + 1) * width - 1, HEIGHT - 1)
        pen.rectangle(box, fill=_WHITE if bit else _BLACK)


def _fill(planes: _Planes, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    half = tuple(edge // 2 for edge in box)
    for image, edges, value in zip((planes.y, planes.u, planes.v), (box, half, half), colour, strict=True):
        ImageDraw.Draw(image).rectangle(edges, fill=value)


def _padded(image: Image.Image, line_size: int) -> bytes:
    """The rows of ``image``, each filled up to the plane's ``line_size``."""
    data = image.tobytes()
    if line_size == image.width:
        return data
    padding = bytes(line_size - image.width)
    rows = range(0, len(data), image.width)
    return b"".join(data[start : start + image.width] + padding for start in rows)
