"""HTTP of calendar feeds."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.feeds import service
from app.feeds.schemas import FeedOut, NewFeed, NewFeedOut
from app.schemas import Page, PageAfter, PageLimit, decode_pair, encode_cursor, moment

router = APIRouter(tags=["calendar feeds"])

_PATH = "/api/v1/calendar-feeds"


@router.post(
    _PATH,
    status_code=201,
    summary="Make a calendar feed",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def add_feed(
    body: NewFeed,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.FEED_ADD)],
    request: Request,
) -> NewFeedOut:
    """An address that calendar programs subscribe to (iCalendar, RFC 5545). The secret in it is its only protection:
    revoke the feed when it got about. It ends with the right of whoever made it."""
    feed, secret = service.add_feed(
        session, principal, body.whose, body.subject_id, body.language, datetime.now(UTC)
    )
    (name,) = service.names(session, [feed])
    url = f"{request.app.state.settings.public_url}/calendars/{secret}.ics"
    return NewFeedOut(**FeedOut.of(feed, name).model_dump(), url=url)


@router.get(_PATH, summary="List calendar feeds", responses=responses(Unauthenticated, Forbidden, Invalid))
def list_feeds(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.FEED_SHOW)],
    own: Annotated[bool, Query(description="Only those that one has made")] = False,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[FeedOut]:
    """One's own feeds, oldest first; for a bureau admin those of the county."""
    last = decode_pair(after, moment, UUID) if after else None
    feeds, more = service.list_feeds(session, principal, own, last, limit)
    following = encode_cursor(feeds[-1].created_at.isoformat(), str(feeds[-1].id)) if more else None
    named = zip(feeds, service.names(session, feeds), strict=True)
    return Page(items=[FeedOut.of(feed, name) for feed, name in named], next=following)


@router.delete(
    _PATH + "/{feed_id}",
    status_code=204,
    summary="Revoke a calendar feed",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def revoke_feed(
    feed_id: UUID, session: SessionDep, principal: Annotated[Principal, may(Action.FEED_REVOKE)]
) -> None:
    """Its address leads nowhere from now on."""
    service.revoke_feed(session, principal, feed_id, datetime.now(UTC))


@router.get(
    "/calendars/{secret}.ics",
    summary="Read a calendar feed",
    response_class=Response,
    responses=responses(NotFound)
    | {200: {"content": {"text/calendar": {}}}, 304: {"description": "Nothing has changed"}},
)
def read_feed(secret: Annotated[str, Path(max_length=64)], session: SessionDep, request: Request) -> Response:
    """Lessons as an iCalendar object, for whoever knows the address: those of the last weeks and of those to come, the
    cancelled ones among them. Answers 304 when nothing has changed since the `ETag` in `If-None-Match`."""
    contents = service.read_feed(session, secret, datetime.now(UTC))
    headers = {"ETag": contents.entity_tag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("If-None-Match", ""), contents.entity_tag):
        return Response(status_code=304, headers=headers)
    body = contents.calendar(request.app.state.settings.public_url)
    headers["Content-Disposition"] = 'inline; filename="lessons.ics"'
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


def _matches(condition: str, entity_tag: str) -> bool:
    """Whether If-None-Match names the tag, by weak comparison (RFC 9110 §13.1.2)."""
    tags = [each.strip().removeprefix("W/") for each in condition.split(",")]
    return "*" in tags or entity_tag in tags
