"""Drawn rooms for Chromium's synthetic cameras: a blackboard with its teacher, and classes at their desks.

The README's pictures come from the real pages; what the cameras in them see is drawn here.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from app.demo.fonts import font_for

Point = tuple[float, float]

_SKIN = "#f0c9a0"
_HAIR = "#2b211c"
_SHIRTS = ("#d9573f", "#3f7fbf", "#e0a63a", "#4f9d69", "#8a63b0", "#d97fa5")


def teacher_at_the_blackboard(heading: str) -> Image.Image:
    """The main classroom, 1280 by 720."""
    image = Image.new("RGB", (1280, 720), "#e9e0cf")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 610, 1280, 720), fill="#b98d5f")
    pen.rounded_rectangle((70, 60, 1210, 540), 14, fill="#7d5a3a")
    pen.rectangle((88, 78, 1192, 522), fill="#25473b")
    _chalk(pen, (130, 104), heading, 62)
    for line, words in enumerate(("Listen  听一听", "Repeat  跟我读", "Ask  问一问", "Answer  说一说")):
        _chalk(pen, (150, 216 + 72 * line), words, 44)
    pen.line((980, 330, 880, 288), fill="#3d5f9e", width=34)
    pen.ellipse((860, 266, 900, 306), fill=_SKIN)
    _person(pen, (1010, 330), 2.6, "#3d5f9e", hair="#2b211c")
    return image


def class_at_its_desks(variant: int) -> Image.Image:
    """A teaching site, 640 by 360; the variant tells the sites apart."""
    image = Image.new("RGB", (640, 360), ("#e6ebe4", "#ece4d6", "#e2e6ee")[variant % 3])
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 285, 640, 360), fill="#a98259")
    for left in (60, 430):
        pen.rectangle((left, 40, left + 150, 150), fill="#ffffff")
        pen.rectangle((left + 7, 47, left + 143, 143), fill="#bfe0f2")
        pen.polygon(
            ((left + 7, 143), (left + 60, 88), (left + 100, 120), (left + 143, 80), (left + 143, 143)),
            "#7fae83",
        )
    pupils = (4, 5, 3)[variant % 3]
    for row, (y, size) in enumerate(((188, 0.95), (236, 1.2))):
        for place in range(pupils - row):
            x = 640 * (place + 1) / (pupils - row + 1)
            _person(pen, (x, y), size, _SHIRTS[(place * 2 + row * 3 + variant) % len(_SHIRTS)])
            pen.rounded_rectangle(
                (x - 52 * size, y + 52 * size, x + 52 * size, y + 64 * size), 4, fill="#8b5e34"
            )
    return image


def write_camera(image: Image.Image, file: Path) -> Path:
    """The picture as a two-frame film that Chromium takes for a camera (YUV4MPEG2, 4:2:0)."""
    width, height = image.size
    luma, blue, red = image.convert("YCbCr").split()
    half = (width // 2, height // 2)
    frame = b"".join(plane.tobytes() for plane in (luma, blue.resize(half), red.resize(half)))
    header = f"YUV4MPEG2 W{width} H{height} F20:1 Ip A1:1 C420jpeg\n".encode()
    file.write_bytes(header + (b"FRAME\n" + frame) * 2)
    return file


def _person(pen: ImageDraw.ImageDraw, centre: Point, size: float, shirt: str, hair: str = _HAIR) -> None:
    x, y = centre
    pen.rounded_rectangle(
        (x - 34 * size, y + 18 * size, x + 34 * size, y + 130 * size), 24 * size, fill=shirt
    )
    pen.ellipse((x - 25 * size, y - 36 * size, x + 25 * size, y + 8 * size), fill=hair)
    pen.ellipse((x - 21 * size, y - 24 * size, x + 21 * size, y + 22 * size), fill=_SKIN)
    pen.pieslice((x - 23 * size, y - 33 * size, x + 23 * size, y + 11 * size), 190, 350, fill=hair)
    for eye in (-8, 8):
        pen.ellipse((x + (eye - 2) * size, y - 2 * size, x + (eye + 2) * size, y + 3 * size), fill=_HAIR)
    pen.arc(
        (x - 8 * size, y + 2 * size, x + 8 * size, y + 13 * size),
        20,
        160,
        fill="#a4482f",
        width=max(1, round(2 * size)),
    )


def _chalk(pen: ImageDraw.ImageDraw, place: Point, words: str, size: int) -> None:
    pen.text(place, words, fill="#eef3ea", font=font_for(words, size))
