"""HTTP of the notices that people read."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.feeds.rules import Language
from app.notices import mailing, service
from app.notices.schemas import NewNoticeSettings, NoticeOut, NoticeSettingsOut, ReadUntil, Unread
from app.schemas import Page, PageAfter, PageLimit, decode_pair, encode_cursor, moment

router = APIRouter(prefix="/api/v1/me/notices", tags=["notices"])


InLanguage = Annotated[Language, Query(description="Language of `title` and `lines`")]
Reader = Annotated[Principal, may(Action.NOTICE_SHOW)]
Marker = Annotated[Principal, may(Action.NOTICE_READ)]


@router.get("", summary="List one's notices", responses=responses(Unauthenticated, Forbidden, Invalid))
def list_notices(
    session: SessionDep,
    principal: Reader,
    unread: Annotated[bool, Query(description="Only those not read")] = False,
    language: InLanguage = Language.CHINESE,
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[NoticeOut]:
    """What happened to lessons that one teaches, or that are given at a place one looks after; the newest first.

    One notice for each act of somebody else, however many lessons it changed."""
    last = decode_pair(after, moment, UUID) if after else None
    notices, more = service.list_notices(session, principal, unread, last, limit)
    said = service.say(session, notices, language)
    following = encode_cursor(notices[-1].told_at.isoformat(), str(notices[-1].id)) if more else None
    items = [NoticeOut.of(notice, words) for notice, words in zip(notices, said, strict=True)]
    return Page(items=items, next=following)


@router.get("/unread", summary="Count new notices", responses=responses(Unauthenticated, Forbidden))
def count_unread(session: SessionDep, principal: Reader) -> Unread:
    """How many notices one has not read."""
    return Unread(unread=service.count_unread(session, principal))


@router.post("/read", summary="Mark notices read", responses=responses(Unauthenticated, Forbidden, Invalid))
def mark_all_read(body: ReadUntil, session: SessionDep, principal: Marker) -> Unread:
    """One has read everything up to some notice; answers how many newer ones there are."""
    service.mark_all_read(session, principal, body.told_until, datetime.now(UTC))
    return Unread(unread=service.count_unread(session, principal))


@router.post(
    "/{notice_id}/read",
    summary="Mark a notice read",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid),
)
def mark_read(
    notice_id: UUID, session: SessionDep, principal: Marker, language: InLanguage = Language.CHINESE
) -> NoticeOut:
    """One has read one notice; doing it again changes nothing."""
    notice = service.mark_read(session, principal, notice_id, datetime.now(UTC))
    return NoticeOut.of(notice, service.say(session, [notice], language)[0])


@router.get("/settings", summary="Show how one is told", responses=responses(Unauthenticated, Forbidden))
def show_settings(session: SessionDep, principal: Reader) -> NoticeSettingsOut:
    """Whether one is told by mail, and in which language."""
    return NoticeSettingsOut.model_validate(mailing.settings_of(session, principal))


@router.put("/settings", summary="Say how one is told", responses=responses(Unauthenticated, Forbidden))
def put_settings(
    body: NewNoticeSettings,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.NOTICE_SET)],
) -> NoticeSettingsOut:
    """Be told by mail as well, or no longer. It takes an address that one has proved, and a server that sends mail."""
    return NoticeSettingsOut.model_validate(
        mailing.put_settings(session, principal, body.mail, body.language)
    )
