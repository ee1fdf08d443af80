"""Joining a lesson: who may send and receive what, where, and with which grant."""

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.accounts import browsers
from app.accounts.gates import may
from app.accounts.grants import issue_grant, new_viewer
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.keys import Keys
from app.lessons import finding
from app.lessons import service as lessons
from app.lessons.schemas import LessonOut
from app.live.rights import Claim, Standing
from app.live.rules import Direction
from app.live.schemas import Join, PublishOffer, WatchOffer
from app.live.signalling import coordinator_of
from app.live.turn import IceServers
from app.schools import service as schools

router = APIRouter(prefix="/api/v1", tags=["lessons"])

_Grant = Callable[[str, Direction], str]
"""A grant for a stream in a direction."""


@router.get(
    "/lessons/{lesson_id}/join",
    summary="Join a lesson",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def join_lesson(
    lesson_id: uuid.UUID,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_JOIN)],
    viewer: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9_-]{16}$", description="Of an earlier answer, to renew its grants"),
    ] = None,
) -> Join:
    """What the signed-in person may publish and watch in a lesson, with URLs and grants for any media client.

    Before the lesson opens and after it has closed the lists are empty; `lesson.opens_at` tells when to ask
    again. A grant is good until a little after the lesson, so a client may come back with it at any time; so
    are the credentials of TURN servers. A page stays signed in as long, at most four hours longer than else, and
    one that a program's token opened no longer than the program.
    """
    response.headers["Cache-Control"] = "no-store"
    now = datetime.now(UTC)
    lesson = lessons.get_lesson(session, lesson_id)
    part = lessons.participation(session, lesson, principal)
    shown = LessonOut.of(finding.shown(session, lesson.id))
    join = Join(
        lesson=shown,
        role=part.role,
        publish=[],
        watch=[],
        ice_servers=[],
        viewer=viewer or new_viewer(),
        channel=f"/api/v1/lessons/{lesson.id}/channel",
        server_time=now,
        time_zone=schools.time_zone_of(session, schools.get_org_unit(session, lesson.school_id)).key,
    )
    if lessons.takes_media(lesson, now):
        state = request.app.state
        state.rights.note(Claim(lesson.id, principal.holder), Standing.of(lesson, part, principal))
        state.rights.note_basis(lesson.id, principal.basis)
        ice_servers: IceServers = state.ice_servers
        expires_at = lesson.ends_at + timedelta(minutes=state.settings.grant_minutes)
        life = timedelta(minutes=state.settings.session_minutes)
        browsers.stay(state.session_factory, principal.browser, expires_at, life)
        join.ice_servers = ice_servers.for_person(principal.person_id, expires_at)
        grant = _granter(state.keys, lesson.id, principal, join.viewer, expires_at)
        live = coordinator_of(request).live_streams(lesson.id)
        join.publish = _publish_offers(lesson.id, part.publish, grant, expires_at)
        join.watch = _watch_offers(shown, part.watch, grant, expires_at, live)
    return join


def _publish_offers(
    lesson_id: uuid.UUID, streams: Sequence[str], grant: _Grant, expires_at: datetime
) -> list[PublishOffer]:
    return [
        PublishOffer(
            stream=stream,
            url=f"/whip/{lesson_id}/{stream}",
            token=grant(stream, Direction.PUBLISH),
            expires_at=expires_at,
        )
        for stream in streams
    ]


def _watch_offers(
    lesson: LessonOut, streams: Sequence[str], grant: _Grant, expires_at: datetime, live: Collection[str]
) -> list[WatchOffer]:
    return [
        WatchOffer(
            stream=stream,
            name=_who(lesson, stream),
            url=f"/whep/{lesson.id}/{stream}",
            token=grant(stream, Direction.WATCH),
            expires_at=expires_at,
            publishing=stream in live,
        )
        for stream in streams
    ]


def _granter(keys: Keys, lesson_id: uuid.UUID, to: Principal, viewer: str, until: datetime) -> _Grant:
    def grant(stream: str, direction: Direction) -> str:
        return issue_grant(
            keys,
            lesson_id=lesson_id,
            stream=stream,
            direction=direction.value,
            holder=to.holder,
            viewer=viewer,
            basis=to.basis,
            until=until,
        )

    return grant


def _who(lesson: LessonOut, stream: str) -> str:
    return next((site.name for site in lesson.sites if site.stream == stream), lesson.teacher.name)
