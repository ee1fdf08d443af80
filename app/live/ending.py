"""Ending a lesson for everybody who is in it."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import CALLER_ADDRESS, SessionFactory, address_of
from app.errors import Conflict, Forbidden, NotFound, Unauthenticated, responses
from app.lessons import finding
from app.lessons import service as lessons
from app.lessons.rules import LessonState
from app.lessons.schemas import LessonOut
from app.live.signalling import coordinator_of

router = APIRouter(prefix="/api/v1", tags=["lessons"])


@router.post(
    "/lessons/{lesson_id}/end",
    summary="End a lesson",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict),
)
async def end_lesson(
    lesson_id: uuid.UUID, request: Request, principal: Annotated[Principal, may(Action.LESSON_END)]
) -> LessonOut:
    """End a lesson that is on the air, for good: its teacher does so, or an admin of where it is taught.

    All its media end at once, every page is told, and no grant of it opens anything any more.
    """
    state = request.app.state
    ended = await run_in_threadpool(_end, state.session_factory, principal, lesson_id, address_of(request))
    state.rights.drop_lesson(lesson_id)
    if (coordinator := coordinator_of(request)) is not None:  # none in a server without relay nodes
        await coordinator.end_lesson(lesson_id, LessonState.ENDED)
    return ended


def _end(factory: SessionFactory, principal: Principal, lesson_id: uuid.UUID, address: str) -> LessonOut:
    with factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        lesson = lessons.end_lesson(session, principal, lesson_id, datetime.now(UTC))
        return LessonOut.of(finding.shown(session, lesson.id))
