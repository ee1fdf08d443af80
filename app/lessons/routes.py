"""HTTP of finding lessons."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfNoneMatch
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import finding
from app.lessons.finding import Wanted
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from app.lessons.schemas import LessonOut
from app.listing import Paging
from app.schemas import SORT, BelowUnit, Moment, Page, PageAfter, PageLimit, as_json

router = APIRouter(prefix="/api/v1", tags=["lessons"])

_ON_SHOW = responses(Unauthenticated, Forbidden, NotFound)


@router.get(
    "/lessons",
    summary="List lessons",
    response_model=Page[LessonOut],
    responses=responses(Unauthenticated, Invalid),
)
def list_lessons(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_SHOW)],
    starts_from: Annotated[
        Moment | None, Query(alias="from", description="Only those that start then or later")
    ] = None,
    starts_before: Annotated[
        Moment | None, Query(alias="to", description="Only those that start before")
    ] = None,
    mine: Annotated[bool, Query(description="Only those one teaches or assists oneself")] = False,
    state: Annotated[list[LessonState] | None, Query(description="Only in these states")] = None,
    entry_id: Annotated[UUID | None, Query(description="Only those of this timetable entry")] = None,
    term_id: Annotated[UUID | None, Query(description="Only those of this term")] = None,
    teacher_id: Annotated[UUID | None, Query(description="Only those that this person teaches")] = None,
    room_id: Annotated[UUID | None, Query(description="Only those given in this room or reaching it")] = None,
    org_unit_id: BelowUnit = None,
    subject: Annotated[str | None, Query(max_length=50, description="Only those of this subject")] = None,
    without_teacher: Annotated[
        bool, Query(description="Only those to be given whose teacher has left or is no teacher on that day")
    ] = False,
    sort: Annotated[Literal["starts_at", "-starts_at"], SORT] = "starts_at",
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Response:
    """The lessons one has a part in, by start: one's own, those of schools one administers, or all."""
    wanted = Wanted(
        mine=mine,
        starts_from=starts_from,
        starts_before=starts_before,
        states=frozenset(state or ()),
        entry_id=entry_id,
        term_id=term_id,
        teacher_id=teacher_id,
        room_id=room_id,
        subject=subject,
        org_unit_id=org_unit_id,
        without_teacher=without_teacher,
    )
    page = finding.list_lessons(session, principal, wanted, Paging(sort, after, limit))
    return as_json(Page[LessonOut](items=[LessonOut.of(each) for each in page.items], next=page.next))


@router.get("/lessons/current", summary="Show one's lesson now", responses=_ON_SHOW)
def current_lesson(
    session: SessionDep, principal: Annotated[Principal, may(Action.LESSON_SHOW)]
) -> LessonOut:
    """The lesson one teaches or assists now, else the next one within 24 hours.

    Without any the answer is 404 `lesson.none_now`.
    """
    return LessonOut.of(finding.current_lesson(session, principal, datetime.now(UTC)))


@router.get("/lessons/{lesson_id}", summary="Show a lesson", response_model=LessonOut, responses=_ON_SHOW)
def show_lesson(
    lesson_id: UUID,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_SHOW)],
    known: IfNoneMatch,
) -> Response:
    """One lesson, for those who have a part in it."""
    return known.answer(LessonOut.of(finding.show_lesson(session, principal, lesson_id)))


def shown(session: SessionDep, lesson: Lesson) -> LessonOut:
    """A lesson that was changed, with its names."""
    return LessonOut.of(finding.shown(session, lesson.id))
