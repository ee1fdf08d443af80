"""The trail as a file, page by page: no session stays open while somebody downloads slowly."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from enum import StrEnum

from app.audit import service
from app.audit.models import AuditEvent
from app.audit.schemas import AuditEventOut
from app.audit.service import Search
from app.database import SessionFactory, reading

_PAGE = 500
_COLUMNS = tuple(AuditEventOut.model_fields)
# What spreadsheets take for the beginning of a formula (OWASP, CSV injection), the full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/json"


def lines(factory: SessionFactory, search: Search, form: Format) -> Iterator[str]:
    """The file, the newest event first."""
    return _csv(factory, search) if form is Format.CSV else _json(factory, search)


def _csv(factory: SessionFactory, search: Search) -> Iterator[str]:
    yield "\ufeff" + _csv_line(_COLUMNS)  # without the mark spreadsheets read Chinese as noise
    for page in _pages(factory, search):
        for row in page:
            shown = AuditEventOut.of(row).model_dump(mode="json")
            cells = (shown[name] for name in _COLUMNS)
            yield _csv_line(
                [_cell(json.dumps(c, ensure_ascii=False) if isinstance(c, dict) else c) for c in cells]
            )


def _json(factory: SessionFactory, search: Search) -> Iterator[str]:
    yield "["
    comma = ""
    for page in _pages(factory, search):
        for row in page:
            yield f"{comma}\n{AuditEventOut.of(row).model_dump_json()}"
            comma = ","
    yield "\n]\n"


def _pages(factory: SessionFactory, search: Search) -> Iterator[Sequence[AuditEvent]]:
    below: int | None = None
    while True:
        with reading(factory) as session:
            page, below = service.list_events(session, search, below, _PAGE)
        yield page
        if below is None:
            return


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
