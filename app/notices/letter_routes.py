"""HTTP of letters that could not be sent: which ones and why, and to try them anew."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, Invalid, Unauthenticated, responses
from app.notices import letters
from app.schemas import Output, Page, PageAfter, PageLimit, decode_pair, encode_cursor, example, moment

router = APIRouter(prefix="/api/v1/undelivered-letters", tags=["notices"])
STALE: Final = timedelta(days=14)
"""What was news so long ago is mailed no more."""


class LetterOut(Output):
    """A letter with a notice that could not be sent."""

    id: UUID
    person_id: UUID
    name: str = Field(description="Whom it was for")
    attempts: int
    created_at: datetime
    done_at: datetime = Field(description="When it was given up")
    problem: str = Field(description="Why the last attempt failed")

    model_config = example(
        {
            "id": "7d0a5a1c-3b61-4d53-9a0c-2f6f8e1b4c05",
            "person_id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22",
            "name": "王老师 Wang",
            "attempts": 10,
            "created_at": "2026-11-21T09:30:02Z",
            "done_at": "2026-11-22T11:02:00Z",
            "problem": "mail.example.org:587: ConnectionRefusedError",
        }
    )


class SentAgain(Output):
    """What is tried anew."""

    letters: int

    model_config = example({"letters": 12})


@router.get(
    "",
    summary="List letters that could not be sent",
    responses=responses(Unauthenticated, Forbidden, Invalid),
)
def list_letters(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LETTER_SHOW)],
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[LetterOut]:
    """Those of the county that were given up, the newest first; the notices themselves are in the product."""
    last = decode_pair(after, moment, UUID) if after else None
    found = letters.given_up(session, principal, last, limit + 1)
    items = [LetterOut.model_validate(each) for each in found[:limit]]
    more = len(found) > limit
    following = encode_cursor(items[-1].created_at.isoformat(), str(items[-1].id)) if more else None
    return Page(items=items, next=following)


@router.post("/send-again", summary="Send letters again", responses=responses(Unauthenticated, Forbidden))
def send_again(session: SessionDep, principal: Annotated[Principal, may(Action.LETTER_SEND)]) -> SentAgain:
    """Try all of them anew that are not older than 14 days: for when the mail server is well again."""
    now = datetime.now(UTC)
    return SentAgain(letters=letters.send_again(session, principal, now - STALE, now))
