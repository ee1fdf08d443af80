"""HTTP of one's own sign-ins."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.accounts import own_sign_ins
from app.accounts.gates import may
from app.accounts.own_sign_ins import SignIn, SignInKind
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, NotFound, Unauthenticated, responses
from app.schemas import Output, Page, example

router = APIRouter(prefix="/api/v1/me/sign-ins", tags=["accounts"])


class SignInOut(Output):
    """One place where one is signed in."""

    id: uuid.UUID
    kind: SignInKind = Field(description="`page` of a browser, or `program` with refresh tokens")
    by_provider: bool = Field(description="The county's identity provider vouched")
    device: str | None = Field(description="What it calls itself; null when it does not")
    address: str | None = Field(description="Where the sign-in came from")
    signed_in_at: datetime
    last_seen_at: datetime | None = Field(description="Within ten minutes; for a program, its last refresh")
    expires_at: datetime
    opened_by_id: uuid.UUID | None = Field(
        description="The program's sign-in whose token opened the page, and with which it ends"
    )
    current: bool = Field(description="It is the one that asks")

    model_config = example(
        {
            "id": "01924f6e-9d3b-7d2a-8f7e-2b6a4f1c9d10",
            "kind": "page",
            "by_provider": False,
            "device": "Edge · Windows",
            "address": "192.0.2.7",
            "signed_in_at": "2026-11-23T00:12:00Z",
            "last_seen_at": "2026-11-23T01:02:00Z",
            "expires_at": "2026-11-23T12:12:00Z",
            "opened_by_id": None,
            "current": True,
        }
    )

    @classmethod
    def of(cls, found: SignIn) -> "SignInOut":
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class EndedSignIns(Output):
    """What was ended."""

    ended: int

    model_config = example({"ended": 2})


@router.get("", summary="List one's sign-ins", responses=responses(Unauthenticated, Forbidden))
def list_sign_ins(
    session: SessionDep, principal: Annotated[Principal, may(Action.SIGN_IN_LIST)]
) -> Page[SignInOut]:
    """Where one is signed in, the newest first. Access tokens have a list of their own."""
    found = own_sign_ins.list_own(session, principal, datetime.now(UTC))
    return Page(items=[SignInOut.of(each) for each in found], next=None)


@router.delete(
    "/{sign_in_id}",
    status_code=204,
    summary="End one of one's sign-ins",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def end_sign_in(
    sign_in_id: uuid.UUID, session: SessionDep, principal: Annotated[Principal, may(Action.SIGN_IN_END)]
) -> None:
    """Sign a device out; sound and picture that it opened end within five seconds.

    With a program's sign-in all pages end that its tokens opened.
    """
    own_sign_ins.end(session, principal, sign_in_id, datetime.now(UTC))


@router.post(
    "/end-others", summary="End one's other sign-ins", responses=responses(Unauthenticated, Forbidden)
)
def end_others(session: SessionDep, principal: Annotated[Principal, may(Action.SIGN_IN_END)]) -> EndedSignIns:
    """Sign every device out but this one, and the program whose token opened this page, if one did.

    Access tokens stay: they are revoked one by one.
    """
    return EndedSignIns(ended=own_sign_ins.end_others(session, principal, datetime.now(UTC)))
