"""Fonts for the test card: Pillow's built-in Latin face, and a Chinese one where the machine has it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_CJK_FILES: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
_FIRST_BEYOND_LATIN: Final = "\u2e80"
"""Where the CJK blocks begin; the built-in face has the Latin letters and signs before it."""


@cache
def cjk_font_file() -> str | None:
    """The machine's Chinese font, if it has one that is looked for."""
    return next((path for path in _CJK_FILES if Path(path).is_file()), None)


def needs_cjk(text: str) -> bool:
    """Whether ``text`` has letters that only a Chinese font can draw."""
    return any(letter >= _FIRST_BEYOND_LATIN for letter in text)


def drawable(text: str, *, cjk: bool) -> str:
    """``text`` without the letters that would come out as boxes when there is no Chinese font."""
    kept = text if cjk else "".join(letter for letter in text if letter < _FIRST_BEYOND_LATIN)
    return " ".join(kept.split()).strip(" ·-|/")


def font_for(text: str, size: float) -> Font:
    """A font of ``size`` pixels that can draw ``text``."""
    path = cjk_font_file() if needs_cjk(text) else None
    return ImageFont.truetype(path, round(size)) if path else ImageFont.load_default(size)


def fitted_font(text: str, size: float, width: int) -> Font:
    """The largest font up to ``size`` in which ``text`` is at most ``width`` wide."""
    font = font_for(text, size)
    length = font.getlength(text)
    return font if length <= width else font_for(text, size * width / length)
