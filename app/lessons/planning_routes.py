"""HTTP of planning weekly lessons and publishing them."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import PROBLEM_JSON, Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import clash_report, publishing, scheduling
from app.lessons.acts import doing_of
from app.lessons.planning_schemas import (
    CLASH_EXAMPLE,
    CheckOut,
    EntryCheck,
    Publication,
    PublishedOut,
    scheduled,
)
from app.timetables.schemas import NewTimetableEntry, ScheduledEntryOut

router = APIRouter(prefix="/api/v1", tags=["timetables"])

ON_PLAN = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid)
ON_PLAN[Conflict.status]["content"][PROBLEM_JSON]["example"] = CLASH_EXAMPLE

Planner = Annotated[Principal, may(Action.ENTRY_PLAN)]


@router.post("/timetable-entries", status_code=201, summary="Plan a weekly lesson", responses=ON_PLAN)
def add_entry(
    body: NewTimetableEntry, request: Request, session: SessionDep, principal: Planner, response: Response
) -> ScheduledEntryOut:
    """Plan a lesson for every week of a term, or for some of its days or weeks, as a bureau admin.

    All its dated lessons come into being at once, or none does; published, or with `"publish": false` as drafts
    that only planners see. The calendar decides which days follow which weekday. When the teacher, the main
    room, a receiving room or a pupil group is taken, the answer is 409 `timetable.clash`: `clashes` names the
    `resource`, its `id` and `name`, and `lesson_id`, `title`, `starts_at` and `ends_at` of the lesson in the
    way. When a site has no period by its own bells, it is 409 `timetable.bells_apart`. Both say in
    `alternatives` which other slots of the week are free. Lessons that would be over already are left out and
    listed in `skipped`.
    """
    skew = doing_of(request, principal).skew
    now = datetime.now(UTC)
    plan = scheduling.add_entry(session, principal, body.draft(), now, publish=body.publish, skew=skew)
    response.headers["Location"] = f"/api/v1/timetable-entries/{plan.entry.id}"
    return scheduled(plan)


@router.post("/timetable-entries/check", summary="Try a weekly lesson", responses=ON_PLAN)
def check_entry(body: EntryCheck, request: Request, session: SessionDep, principal: Planner) -> CheckOut:
    """What planning this entry would meet, with free alternatives; nothing is stored.

    Clashes and bells are findings; anything else that keeps an entry from being planned is answered as
    `POST /api/v1/timetable-entries` answers it.
    """
    skew = doing_of(request, principal).skew
    findings = scheduling.check_entry(session, principal, body.draft(), datetime.now(UTC), skew)
    return CheckOut.of(findings.plan, clash_report.described(session, findings))


@router.post(
    "/timetable/publish",
    summary="Publish drafts",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def publish(
    body: Publication,
    request: Request,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.TIMETABLE_PUBLISH)],
) -> PublishedOut:
    """Let everybody see the drafts of a term, of one of its schools, or of some entries, all at once."""
    done = publishing.publish(session, principal, body.selection(), doing_of(request, principal))
    return PublishedOut(entries=done.entries, lessons=done.lessons)
