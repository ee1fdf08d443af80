"""HTTP of changing weekly lessons, and of looking at a week."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.entity_tags import IfMatch
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.lessons import series, series_effects, week_view
from app.lessons.acts import doing_of
from app.lessons.planning_routes import ON_PLAN
from app.lessons.schemas import LessonOut
from app.lessons.series import Scope
from app.lessons.series_schemas import EntryPatch, OutcomeOut, SeriesEffectsOut, WeekDayOut, WeekOut
from app.lessons.week_view import Whose
from app.schemas import Day, Name
from app.timetables.schemas import TimetableEntryOut

router = APIRouter(prefix="/api/v1", tags=["timetables"])

Changer = Annotated[Principal, may(Action.ENTRY_CHANGE)]
ScopeOf = Annotated[Scope, Query(description="One lesson, that and all that follow, or all to come")]
FromDay = Annotated[Day | None, Query(alias="from", description="Which day is meant, unless it is about all")]


@router.patch("/timetable-entries/{entry_id}", summary="Change a weekly lesson", responses=ON_PLAN)
def change_entry(
    entry_id: UUID,
    body: EntryPatch,
    request: Request,
    session: SessionDep,
    principal: Changer,
    scope: ScopeOf,
    seen: IfMatch,
    from_day: FromDay = None,
) -> OutcomeOut:
    """Change one lesson of an entry, that one and all that follow (which splits the entry), or all to come.

    Only fields that are given change. What was changed on a single lesson stays: a substitute keeps teaching, a
    lesson that was moved keeps its time. Lessons that are over stay as they were. Refused as planning is.
    """
    doing = doing_of(request, principal, body.reason, seen)
    return _shown(series.change_entry(session, principal, entry_id, scope, from_day, body.changes(), doing))


@router.delete("/timetable-entries/{entry_id}", summary="Delete a weekly lesson", responses=ON_PLAN)
def delete_entry(
    entry_id: UUID,
    request: Request,
    session: SessionDep,
    principal: Changer,
    scope: ScopeOf,
    seen: IfMatch,
    from_day: FromDay = None,
    reason: Annotated[Name | None, Query(description="Shown to teacher and sites")] = None,
) -> OutcomeOut:
    """Cancel one lesson of an entry, that one and all that follow, or all to come.

    What took place stays in the records; an entry without any lesson to come is no longer listed.
    """
    doing = doing_of(request, principal, reason, seen)
    return _shown(series.withdraw_entry(session, principal, entry_id, scope, from_day, doing))


@router.post(
    "/timetable-entries/{entry_id}/effects",
    summary="Ask what changing a weekly lesson would mean",
    responses=ON_PLAN,
)
def effects_of_changing(
    entry_id: UUID,
    body: EntryPatch,
    request: Request,
    session: SessionDep,
    principal: Changer,
    scope: ScopeOf,
    from_day: FromDay = None,
) -> SeriesEffectsOut:
    """Which lessons would be changed, moved, added or cancelled if an entry were changed so. Nothing is changed, nobody
    is told. What the change would be refused for is answered as the change answers it."""
    doing = doing_of(request, principal, body.reason)
    found = series_effects.of_changing(session, principal, entry_id, scope, from_day, body.changes(), doing)
    return SeriesEffectsOut.of(found)


@router.post(
    "/timetable-entries/{entry_id}/delete/effects",
    summary="Ask what deleting a weekly lesson would mean",
    responses=ON_PLAN,
)
def effects_of_deleting(
    entry_id: UUID,
    request: Request,
    session: SessionDep,
    principal: Changer,
    scope: ScopeOf,
    from_day: FromDay = None,
) -> SeriesEffectsOut:
    """Which lessons would be cancelled. Nothing is changed, nobody is told."""
    doing = doing_of(request, principal)
    return SeriesEffectsOut.of(
        series_effects.of_deleting(session, principal, entry_id, scope, from_day, doing)
    )


@router.get(
    "/timetable",
    summary="Show a week",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def show_week(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.ENTRY_SHOW)],
    term_id: Annotated[UUID, Query()],
    week: Annotated[int, Query(ge=1, le=60, description="A week of the term")],
    room_id: Annotated[UUID | None, Query(description="A main or a receiving room")] = None,
    site_id: Annotated[UUID | None, Query(description="A teaching site")] = None,
    teacher_id: Annotated[
        UUID | None, Query(description="A person, also of lessons others give for them")
    ] = None,
    pupil_group_id: Annotated[UUID | None, Query(description="A pupil group")] = None,
) -> WeekOut:
    """One week as a room, a site, a teacher or a pupil group has it; name exactly one of them."""
    if sum(each is not None for each in (room_id, site_id, teacher_id, pupil_group_id)) != 1:
        raise Invalid(
            "timetable.one_view",
            "Whose week",
            "Name one of `room_id`, `site_id`, `teacher_id` and `pupil_group_id`.",
        )
    whose = Whose(room_id, site_id, teacher_id, pupil_group_id)
    found = week_view.show_week(session, principal, term_id, week, whose)
    return WeekOut(
        term_id=found.term.id,
        week=found.number,
        days=[WeekDayOut(date=day, weekday_taught=taught) for day, taught in found.days.items()],
        lessons=[LessonOut.of(lesson) for lesson in found.lessons],
    )


def _shown(outcome: series.Outcome) -> OutcomeOut:
    return OutcomeOut(
        entry=TimetableEntryOut.model_validate(outcome.entry),
        changed=outcome.changed,
        added=outcome.added,
        cancelled=outcome.cancelled,
    )
