"""HTTP of reports."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.database import SessionDep, address_of
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.feeds.rules import Language
from app.lessons.tallies import Counted
from app.reports import service, workbook
from app.reports.rules import minutes, order_of, order_of_class, total
from app.reports.schemas import (
    CellOut,
    CountedLesson,
    CoverageOut,
    CoverageRow,
    FiguresOut,
    RoomFiguresOut,
    RoomsOut,
    UnassignedOut,
    UnservedOut,
)
from app.reports.service import By, RoomRow, Row, View, Wanted
from app.schemas import (
    BelowUnit,
    Page,
    PageAfter,
    PageLimit,
    bad_cursor,
    decode_cursor,
    decode_pair,
    encode_cursor,
    line,
    moment,
)
from app.schools.rules import RoomKind
from app.timetables.curriculum_rules import Cell, Class

_T = TypeVar("_T")
_PREFIX = "/api/v1/reports"

router = APIRouter(
    prefix=_PREFIX,
    tags=["reports"],
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)

SubjectCode = Annotated[Annotated[str, line(50)] | None, Query(description="A subject's code")]
Reader = Annotated[Principal, may(Action.REPORT_SHOW)]


def _wanted(
    term_id: UUID,
    org_unit_id: BelowUnit = None,
    own: Annotated[bool, Query(description="With `org_unit_id`: only the unit's own classes")] = False,
    grade: Annotated[int | None, Query(ge=1, le=12)] = None,
    subject: SubjectCode = None,
) -> Wanted:
    return Wanted(term_id, org_unit_id, own and org_unit_id is not None, grade, subject)


Narrowed = Annotated[Wanted, Depends(_wanted)]


@router.get("/coverage", summary="Opening rate and full-hours rate")
def coverage(
    session: SessionDep,
    principal: Reader,
    wanted: Narrowed,
    by: Annotated[By, Query(description="What it is divided by")] = By.AREA,
    language: Annotated[Language, Query(description="Language of subjects' names")] = Language.CHINESE,
) -> CoverageOut:
    """Which of the subjects that the curriculum asks for are taught (开课率), and in how many of the periods it asks
    for (开足率), planned and delivered apart, over a whole term.

    Counted in cells: one subject of one grade of one class. Every figure is a sum over cells, and names the list of
    them; each cell names its lessons. A lesson of a combined group counts for each of its grades. What a site's own
    teachers give is in the curriculum, and counts too."""
    found = service.view(session, principal, wanted, datetime.now(UTC))
    names = _names(found, service.subject_names(session, principal.county_id, language))
    parts = service.divide(found, by)
    return CoverageOut(
        term_id=wanted.term_id,
        by=by,
        weeks=found.weeks,
        total=FiguresOut.of(total(each.figures for each in parts)),
        rows=[_row(each, by, wanted, found, names) for each in parts],
        unserved=len(found.unserved),
        unassigned=sum(found.unassigned.values()),
    )


@router.get("/coverage/cells", summary="The list behind the rates")
def cells(
    session: SessionDep,
    principal: Reader,
    wanted: Narrowed,
    only: Annotated[
        Literal["unopened", "short"] | None, Query(description="Cells without, or with too few lessons")
    ] = None,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[CellOut]:
    """What each grade of each class is to be taught in each subject: units below each other and by code, then by
    grade, class and subject."""
    found = service.view(session, principal, wanted, datetime.now(UTC))
    listed = [cell for cell in found.list_of_cells() if _is_wanted(cell, only)]
    if after is not None:
        unit, grade, *rest = decode_cursor(after, 4)
        if not grade.isdecimal() or len(grade) > 3:
            raise bad_cursor()
        last = (unit, int(grade), *rest)
        listed = listed[bisect_right(listed, last, key=lambda cell: order_of(cell, found.places)) :]
    shown = listed[:limit]
    following = encode_cursor(*map(str, order_of(shown[-1], found.places))) if len(listed) > limit else None
    groups = service.group_names(session, (cell.group_id for cell in shown))
    return Page(items=[_cell(each, wanted, found, groups) for each in shown], next=following)


@router.get("/unserved", summary="Groups without lessons")
def unserved(
    session: SessionDep, principal: Reader, wanted: Narrowed, limit: PageLimit = 50, after: PageAfter = None
) -> Page[UnservedOut]:
    """Classes that no lesson reaches in the term: pupil groups, and grades that have pupils but no group."""
    found = service.view(session, principal, wanted, datetime.now(UTC))
    shown, following = _page_of(
        found.unserved, lambda each: order_of_class(each, found.places), 3, limit, after
    )
    groups = service.group_names(session, (each.group_id for each in shown))
    return Page(items=[_unserved(each, found, groups) for each in shown], next=following)


@router.get("/unassigned", summary="Lessons of nobody knows which class")
def unassigned(
    session: SessionDep, principal: Reader, wanted: Narrowed, limit: PageLimit = 50, after: PageAfter = None
) -> Page[UnassignedOut]:
    """Lessons that reach a unit with several classes and name no group: no figure counts them. Name the groups."""
    found = service.view(session, principal, wanted, datetime.now(UTC))
    shown, following = _page_of(found.unassigned, lambda key: (found.places[key[0]], key[1]), 2, limit, after)
    items = [
        UnassignedOut(
            org_unit_id=unit,
            org_unit=found.units[unit].name,
            subject=subject,
            planned=found.unassigned[unit, subject],
            lessons=_link("lessons", term_id=wanted.term_id, unit_id=unit, subject=subject),
        )
        for unit, subject in shown
    ]
    return Page(items=items, next=following)


@router.get("/rooms", summary="Lessons per room and week")
def rooms(
    session: SessionDep,
    principal: Reader,
    term_id: UUID,
    kind: Annotated[Literal["main", "receiving"], Query(description="What rooms give, or take")] = "main",
    org_unit_id: BelowUnit = None,
) -> RoomsOut:
    """How many lessons each main room gives or each receiving room takes, those without any too."""
    wanted = Wanted(term_id, org_unit_id)
    weeks, rows = service.rooms(session, principal, wanted, RoomKind(kind), datetime.now(UTC))
    units = service.unit_names(session, [row.room.org_unit_id for row in rows])
    shown = [_room(each, kind, term_id, weeks, units) for each in rows]
    planned = sum(each.planned for each in shown)
    return RoomsOut(
        term_id=term_id,
        weeks=weeks,
        planned=planned,
        due=sum(each.due for each in shown),
        delivered=sum(each.delivered for each in shown),
        due_minutes=sum(each.due_minutes for each in shown),
        delivered_minutes=sum(each.delivered_minutes for each in shown),
        per_week=_per_week(planned, weeks * len(shown)),
        rows=shown,
    )


@router.get("/lessons", summary="The lessons behind a figure")
def lessons(
    session: SessionDep,
    principal: Reader,
    term_id: UUID,
    pupil_group_id: Annotated[UUID | None, Query(description="Of this pupil group")] = None,
    unit_id: Annotated[
        UUID | None, Query(description="That reach just this unit and name no group of it")
    ] = None,
    main_room_id: Annotated[UUID | None, Query(description="Given in this room")] = None,
    receiving_room_id: Annotated[UUID | None, Query(description="Taken in this room")] = None,
    subject: SubjectCode = None,
    delivered: Annotated[bool, Query(description="Only those that were delivered")] = False,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[CountedLesson]:
    """Exactly the lessons that a cell or a room counts, by time: of a group, a unit, both together, or one room."""
    if sum(each is not None for each in (pupil_group_id or unit_id, main_room_id, receiving_room_id)) != 1:
        raise Invalid("report.whose", "Whose lessons", "Name a `pupil_group_id`, a `unit_id`, or one room.")
    last = decode_pair(after, moment, UUID) if after else None
    counted = Counted(term_id, pupil_group_id, unit_id, subject, main_room_id, receiving_room_id, delivered)
    found, more = service.lessons(session, principal, counted, last, limit)
    last_one = found[-1][0] if more else None
    following = encode_cursor(last_one.starts_at.isoformat(), str(last_one.id)) if last_one else None
    return Page(items=[CountedLesson.of(*each) for each in found], next=following)


@router.get(
    "/workbook",
    summary="All reports as a workbook",
    response_class=Response,
    responses={200: {"content": {workbook.XLSX: {}}}},
)
def as_workbook(
    request: Request,
    session: SessionDep,
    principal: Reader,
    wanted: Narrowed,
    language: Annotated[Language, Query(description="Language of the words")] = Language.CHINESE,
) -> Response:
    """What it is about, the rates by area, site, grade and subject, the rooms, who is left out, and the list behind it
    all, as XLSX.

    The trail notes it.
    """
    now = datetime.now(UTC)
    found = service.view(session, principal, wanted, now)
    kinds = (RoomKind.MAIN, RoomKind.RECEIVING)
    listed = {kind: service.rooms(session, principal, wanted, kind, now)[1] for kind in kinds}
    groups = {cell.group_id for cell in found.cells()} | {each.group_id for each in found.unserved}
    names = workbook.Names(
        units={each.id: each.name for each in found.units.values()},
        groups=service.group_names(session, groups),
        subjects=service.subject_names(session, principal.county_id, language),
    )
    content = workbook.written(found, listed, names, language, principal.today)
    factory, facts = request.app.state.session_factory, {"format": "xlsx", "term_id": wanted.term_id}
    audit.note_export(
        factory, address_of(request), Act.REPORT_EXPORTED, principal.county_id, principal.person_id, facts
    )
    file = f"report-{principal.today}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
    return Response(content, media_type=workbook.XLSX, headers=headers)


def _page_of(
    found: Iterable[_T], key: Callable[[_T], tuple[str, ...]], parts: int, limit: int, after: str | None
) -> tuple[list[_T], str | None]:
    """A page of what was worked out as a whole, in the order of a key of so many parts; and where the next starts."""
    listed = sorted(found, key=key)
    if after is not None:
        listed = listed[bisect_right(listed, tuple(decode_cursor(after, parts)), key=key) :]
    following = encode_cursor(*key(listed[limit - 1])) if len(listed) > limit else None
    return listed[:limit], following


def _names(found: View, subjects: Mapping[str, str]) -> Mapping[UUID | int | str, str]:
    names: dict[UUID | int | str, str] = {unit.id: unit.name for unit in found.units.values()}
    names.update(subjects)
    return names


def _link(path: str, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{_PREFIX}/{path}?{urlencode(given)}"


def _row(row: Row, by: By, wanted: Wanted, found: View, names: Mapping[UUID | int | str, str]) -> CoverageRow:
    unit = row.key if isinstance(row.key, UUID) else None
    grade = row.key if by is By.GRADE and isinstance(row.key, int) else None
    subject = row.key if by is By.SUBJECT and isinstance(row.key, str) else None
    own = wanted.own or by is By.SITE or unit == found.root.id
    narrowed = {
        "term_id": wanted.term_id,
        "org_unit_id": unit or wanted.under,
        "grade": grade or wanted.grade,
        "subject": subject or wanted.subject,
    }
    return CoverageRow(
        org_unit_id=unit,
        grade=grade,
        subject=subject,
        name=names.get(row.key, str(row.key)),
        figures=FiguresOut.of(row.figures),
        cells=_link("coverage/cells", **narrowed, own="true" if own else None),
        within=_link("coverage", by="area", **narrowed) if by is By.AREA and not own else None,
    )


def _cell(cell: Cell, wanted: Wanted, found: View, groups: Mapping[UUID | None, str]) -> CellOut:
    of_nobody = found.of_units.get(cell.unit_id, {}).get(cell.subject)
    counts_all = of_nobody is not None and (cell.unit_id, cell.subject) not in found.unassigned
    unit = cell.unit_id if counts_all else None
    link = _link(
        "lessons", term_id=wanted.term_id, pupil_group_id=cell.group_id, unit_id=unit, subject=cell.subject
    )
    lessons = cell.balance.lessons
    return CellOut(
        org_unit_id=cell.unit_id,
        org_unit=found.units[cell.unit_id].name,
        pupil_group_id=cell.group_id,
        pupil_group=groups[cell.group_id],
        grade=cell.grade,
        subject=cell.subject,
        pupils=cell.pupils,
        required=cell.balance.required,
        own=cell.balance.own,
        planned=lessons.planned,
        due=lessons.due,
        delivered=lessons.delivered,
        due_minutes=minutes(lessons.due_seconds),
        delivered_minutes=minutes(lessons.delivered_seconds),
        lessons=link if cell.group_id or unit else None,
    )


def _is_wanted(cell: Cell, only: str | None) -> bool:
    match only:
        case "unopened":
            return not cell.balance.is_opened
        case "short":
            return cell.balance.counted < cell.balance.required
    return True


def _unserved(each: Class, found: View, groups: Mapping[UUID | None, str]) -> UnservedOut:
    return UnservedOut(
        org_unit_id=each.unit_id,
        org_unit=found.units[each.unit_id].name,
        pupil_group_id=each.group_id,
        pupil_group=groups[each.group_id],
        grades=list(each.grades),
        pupils=each.pupils,
    )


def _room(row: RoomRow, kind: str, term: UUID, weeks: float, units: Mapping[UUID, str]) -> RoomFiguresOut:
    room = row.room
    return RoomFiguresOut(
        room_id=room.id,
        name=room.name,
        org_unit_id=room.org_unit_id,
        org_unit=units[room.org_unit_id],
        planned=row.count.planned,
        due=row.count.due,
        delivered=row.count.delivered,
        due_minutes=minutes(row.count.due_seconds),
        delivered_minutes=minutes(row.count.delivered_seconds),
        per_week=_per_week(row.count.planned, weeks),
        lessons=_link("lessons", term_id=term, **{f"{kind}_room_id": room.id}),
    )


def _per_week(lessons: int, weeks: float) -> float | None:
    return round(lessons / weeks, 2) if weeks else None
