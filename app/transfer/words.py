"""What is said about tables, in Chinese and English. The pages have texts of their own, which browsers load."""

from collections.abc import Mapping
from typing import Final

from app.transfer.words_of_cells import CELLS
from app.transfer.words_of_county import COUNTY
from app.transfer.words_of_files import FILES
from app.transfer.words_of_planning import PLANNING
from app.web.language import Language

TEXTS: Final[Mapping[str, tuple[str, str]]] = {**FILES, **CELLS, **COUNTY, **PLANNING}


def text(code: str, language: Language, facts: Mapping[str, str | int | float], detail: str = "") -> str:
    """What a code means in a language.

    `detail` stands in for a code that has no text, and for a text about a fact that is not known here: a room, say,
    whose line nobody has declared.
    """
    chinese, english = TEXTS.get(code, ("{detail}", "{detail}"))
    words = chinese if language is Language.CHINESE else english
    try:
        return words.format_map({"detail": detail or code, "value": "", **facts})
    except KeyError:
        return detail or code
