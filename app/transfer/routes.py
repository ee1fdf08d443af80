"""HTTP of whole tables.

A file is the body itself, not a part of a form: the framework would read a form to its end before anybody asked who
sends it.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.database import address_of, reading
from app.errors import (
    Conflict,
    Forbidden,
    Invalid,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    responses,
)
from app.lessons.changes import Doing
from app.settings import Settings
from app.transfer import service
from app.transfer.desk import TransferDesk
from app.transfer.kinds import Imported, Kind
from app.transfer.one_roster_export import written_bundle
from app.transfer.plans import Importing
from app.transfer.schemas import ImportReport
from app.transfer.service import MOST_BYTES, Form, Wish
from app.transfer.writing import CSV, XLSX
from app.uploads import Scanner, received
from app.web.language import COOKIE, Language, choose

router = APIRouter(prefix="/api/v1", tags=["tables"])

_TYPES: Final = {Form.CSV: f"{CSV}; charset=utf-8", Form.XLSX: XLSX}
# What browsers and scripts call such files; what one is, is told by its content.
_ZIP: Final = "application/zip"
_TAKEN: Final = (CSV, XLSX, _ZIP, "application/vnd.ms-excel", "application/octet-stream")
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {CSV: _BINARY, XLSX: _BINARY}, "description": "The file"}
}
_BUNDLE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_ZIP: _BINARY}, "description": "The bundle"}
}


class _Body:
    """A request's body, to be read piece by piece."""

    def __init__(self, request: Request) -> None:
        self._pieces: AsyncIterator[bytes] = request.stream()

    async def read(self, size: int = -1) -> bytes:
        """The next piece, whatever size it came in; nothing at the end."""
        async for piece in self._pieces:
            if piece:
                return piece
        return b""


@router.post(
    "/imports",
    summary="Import a table",
    responses=responses(
        Unauthenticated, Forbidden, Conflict, TooLarge, UnsupportedMedia, Invalid, Unavailable
    ),
    openapi_extra={"requestBody": {"required": True, "content": dict.fromkeys(_TAKEN, _BINARY)}},
)
async def import_table(
    request: Request,
    principal: Annotated[Principal, may(Action.TABLE_IMPORT)],
    kind: Annotated[Imported, Query(description="What the rows are about")],
    dry_run: Annotated[bool, Query(description="Say what the file would do, and store nothing")] = True,
    lessons: Annotated[
        Literal["refuse", "follow"],
        Query(
            description="Of bell schedules and calendar days: whether planned lessons follow, or are in the way"
        ),
    ] = "refuse",
) -> ImportReport:
    """Take in an XLSX or CSV file, or a OneRoster bundle, sent as the body, of up to 16 MiB and 20,000 rows a table.

    Try it first: the answer lists every bad row. With `dry_run=false` all rows are stored, or, when one is bad, none
    (422 `import.refused` with the same `report`). Rows are known by codes and logins: the same file again changes
    nothing, and what a file does not name stays as it is. Each row takes the right to add such a thing there.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TAKEN:
        raise UnsupportedMedia(
            "import.media_type",
            "Unsupported media type",
            "Send the file itself as the body, with `Content-Type: text/csv` or application/octet-stream.",
        )
    settings: Settings = request.app.state.settings
    desk: TransferDesk = request.app.state.transfer_desk
    skew = timedelta(minutes=settings.bell_skew_minutes)
    doing = Doing(datetime.now(UTC), principal.person_id, skew)
    at = Importing(doing, follow=lessons == "follow")
    wish = Wish(kind, dry_run, _language(request), address_of(request), at)
    scanner = Scanner(settings.upload_scanner, settings.upload_scan_seconds)
    async with received(_Body(request), scanner, MOST_BYTES) as path:
        factory = request.app.state.session_factory
        act = desk.work if dry_run else desk.store
        return await act(service.import_file, factory, principal, wish, path)


@router.get(
    "/exports/oneroster.zip",
    summary="Export a OneRoster bundle",
    response_class=Response,
    responses=_BUNDLE | responses(Unauthenticated, Forbidden, Unavailable),
)
async def export_bundle(
    request: Request, principal: Annotated[Principal, may(Action.TABLE_EXPORT)]
) -> Response:
    """Org units, people with roles, terms, subjects and pupil groups as a OneRoster 1.2 bundle, as far as one may see
    them. No pupil is named. Imported again, it changes nothing. The trail notes it."""
    desk: TransferDesk = request.app.state.transfer_desk

    def work() -> bytes:
        _note_export(request, principal, {"kind": "oneroster", "format": "zip"})
        with reading(request.app.state.session_factory) as session:
            return written_bundle(session, principal)

    headers = {"Content-Disposition": 'attachment; filename="oneroster.zip"'}
    return Response(await desk.work(work), media_type=_ZIP, headers=headers)


@router.get(
    "/exports/{kind}.{form}",
    summary="Export a table",
    response_class=Response,
    responses=_FILES | responses(Unauthenticated, Forbidden, Unavailable),
)
async def export_table(
    request: Request,
    kind: Kind,
    form: Form,
    principal: Annotated[Principal, may(Action.TABLE_EXPORT)],
) -> Response:
    """Everything of a kind that one may see, in the columns in which it can be imported again. The trail notes it."""
    language = _language(request)
    desk: TransferDesk = request.app.state.transfer_desk

    def work() -> bytes:
        _note_export(request, principal, {"kind": kind, "format": form})
        with reading(request.app.state.session_factory) as session:
            return service.export(session, principal, kind, form, language)

    return _file(await desk.work(work), kind, form, language)


@router.get(
    "/import-templates/{kind}.{form}",
    summary="Get an empty table",
    response_class=Response,
    responses=_FILES | responses(Unauthenticated, Forbidden),
)
def show_template(
    request: Request,
    kind: Kind,
    form: Form,
    _principal: Annotated[Principal, may(Action.TABLE_IMPORT)],
) -> Response:
    """The columns of a table to fill in; a workbook says in its second sheet what to write, with examples."""
    language = _language(request)
    return _file(service.template(kind, form, language), kind, form, language)


def _note_export(request: Request, principal: Principal, facts: Facts) -> None:
    factory, address = request.app.state.session_factory, address_of(request)
    audit.note_export(factory, address, Act.TABLE_EXPORTED, principal.county_id, principal.person_id, facts)


def _language(request: Request) -> Language:
    return choose(request.cookies.get(COOKIE), request.headers.get("accept-language"))


def _file(content: bytes, kind: Kind, form: Form, language: Language) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{kind}.{form}"',
        "Content-Language": language.tag,
        "Vary": "Accept-Language, Cookie",
    }
    return Response(content, media_type=_TYPES[form], headers=headers)
