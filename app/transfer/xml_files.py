"""XML that strangers send, told element by element, with a bound on all that a parser would have to remember.

expat keeps a buffer for each element that is open, and reads a tag that does not end again with every piece: 100 kB of
ZIP would become gigabytes, or minutes.
"""

from typing import Final
from xml.parsers import expat

from app.transfer.archives import Parts
from app.transfer.tables import MOST_CELLS, BadFile

MOST_OF_SMALL: Final = 4 * 1024 * 1024
"""Bytes of the parts that only describe: formats, relations, the list of sheets."""
DEEPEST: Final = 64
"""Elements within each other; those of a sheet stand up to ten deep."""
LONGEST_TAG: Final = 1024 * 1024
"""Bytes of one tag or comment."""
MOST_ELEMENTS: Final = 5 * MOST_CELLS
"""Of one part: a cell has up to four within it."""

Attributes = dict[str, str]


class Reader:
    """What is told of the elements of an XML file, by their names without prefixes."""

    def begin(self, name: str, attributes: Attributes) -> None:
        """An element starts."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Some of an element's text."""


class _Parsing:
    """A file that is being read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._fed = self._depth = self._elements = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _no_doctype  # without it there are no entities to expand
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = reader.text

    def take(self, piece: bytes) -> None:
        """The next piece of the file."""
        self._fed += len(piece)
        self._parser.Parse(piece, False)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TAG:
            raise BadFile("file.xlsx_broken")

    def finish(self) -> None:
        """That was all of it."""
        self._parser.Parse(b"", True)

    def _begin(self, tag: str, attributes: Attributes) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST:
            raise BadFile("file.xlsx_broken")
        if self._elements > MOST_ELEMENTS:
            raise BadFile("file.too_many_cells", most=MOST_CELLS)
        self._reader.begin(tag.rpartition(":")[2], attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._reader.end(tag.rpartition(":")[2])


def parse(parts: Parts, name: str, reader: Reader, most: int | None = MOST_OF_SMALL) -> None:
    """Tell `reader` of a file of at most so many bytes; raises `BadFile`."""
    parsing = _Parsing(reader)
    try:
        parts.feed(name, parsing.take, most)
        parsing.finish()
    except expat.ExpatError:
        raise BadFile("file.xlsx_broken") from None


def _no_doctype(*_: object) -> None:
    raise BadFile("file.xlsx_broken")
