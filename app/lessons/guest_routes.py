"""HTTP of guest links."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.accounts import guests
from app.accounts.door_limits import DoorLimits, Knock
from app.accounts.gates import may
from app.accounts.models import GuestLink
from app.accounts.permissions import Action
from app.accounts.rules import GuestRole, Principal
from app.database import CALLER_ADDRESS, SessionDep, address_of
from app.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated, responses
from app.guard.addresses import network_of
from app.lessons import inviting
from app.lessons.inviting import Draft
from app.schemas import Input, Moment, Name, Output, example

router = APIRouter(prefix="/api/v1", tags=["lessons"])

_LINK = {
    "id": "6c1d0a4e-8f1b-4c57-a1be-2f9d3e7c4b60",
    "lesson_id": "5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10",
    "role": "observer",
    "name": "Dr. Smith",
    "made_at": "2026-11-22T08:00:00Z",
    "expires_at": "2026-11-23T01:40:00Z",
    "uses": 5,
    "used": 0,
    "revoked_at": None,
}


class NewGuestLink(Input):
    """Whom to invite."""

    role: GuestRole = Field(description="teacher: publishes like the lesson's teacher; observer: watches")
    name: Name = Field(description="Whom it is for; shown in the list of links")
    uses: int = Field(1, ge=1, le=50, description="How often it can be opened, in all")
    expires_at: Moment | None = Field(
        None, description="At the latest, and unless given, when the lesson closes"
    )

    model_config = example({"role": "observer", "name": "Dr. Smith", "uses": 5, "expires_at": None})


class GuestLinkOut(Output):
    """A guest link; what opens it is shown once, when it is made."""

    id: UUID
    lesson_id: UUID
    role: GuestRole
    name: str
    made_at: datetime
    expires_at: datetime
    uses: int
    used: int = Field(description="How often it was opened")
    revoked_at: datetime | None

    model_config = example(_LINK)


class NewGuestLinkOut(GuestLinkOut):
    """A guest link that was just made."""

    url: str = Field(
        description="To be passed on; shown this once. The secret is after the #, so no log has it"
    )

    model_config = example(_LINK | {"url": "https://lessons.example.org/guest#nZ1cXo0r…"})


class GuestLinksOut(Output):
    """All guest links of a lesson."""

    items: list[GuestLinkOut]

    model_config = example({"items": [_LINK]})


class GuestSecret(Input):
    """What stands after the # of a guest link."""

    secret: str = Field(min_length=43, max_length=43, pattern=r"^[A-Za-z0-9_-]+$")

    model_config = example({"secret": "nZ1cXo0rA6yE8uT3bH5jK2mL4pQ7sV9wC1dF0gN6xYz"})


class GuestSession(Output):
    """A guest who is in."""

    access_token: str
    lesson_id: UUID
    role: GuestRole
    expires_at: datetime

    model_config = example(
        {
            "access_token": "eyJhbGciOi…",
            "lesson_id": "5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10",
            "role": "observer",
            "expires_at": "2026-11-23T01:40:00Z",
        }
    )


@router.post(
    "/lessons/{lesson_id}/guest-links",
    status_code=201,
    summary="Invite a guest",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid),
)
def invite(
    lesson_id: UUID,
    body: NewGuestLink,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.LESSON_INVITE)],
) -> NewGuestLinkOut:
    """Make a link that lets somebody without an account into this lesson, and nowhere else."""
    draft = Draft(body.role, body.name, body.uses, body.expires_at)
    made = inviting.invite(session, principal, lesson_id, draft, datetime.now(UTC))
    response.headers["Cache-Control"] = "no-store"
    url = f"{request.app.state.settings.public_url}/guest#{made.secret}"
    return NewGuestLinkOut(**GuestLinkOut.model_validate(made.link).model_dump(), url=url)


@router.get(
    "/lessons/{lesson_id}/guest-links",
    summary="List guest links",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def list_links(
    lesson_id: UUID, session: SessionDep, principal: Annotated[Principal, may(Action.LESSON_INVITE)]
) -> GuestLinksOut:
    """The guest links of a lesson, those that are over too."""
    found = inviting.list_links(session, principal, lesson_id)
    return GuestLinksOut(items=[GuestLinkOut.model_validate(link) for link in found])


@router.post(
    "/guest-links/{link_id}/revoke",
    summary="Take a guest link back",
    response_model=GuestLinkOut,
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
def take_back(
    link_id: UUID, session: SessionDep, principal: Annotated[Principal, may(Action.LESSON_INVITE)]
) -> GuestLink:
    """Nobody gets in by it any more, and whoever is in is out within five seconds."""
    return inviting.take_back(session, principal, link_id, datetime.now(UTC))


@router.post(
    "/guest-session",
    status_code=201,
    summary="Enter as a guest",
    responses=responses(Unauthenticated, Invalid, TooManyRequests),
)
def enter(body: GuestSecret, request: Request, response: Response) -> GuestSession:
    """A bearer token for the link's lesson and role; each time counts as one of the link's uses."""
    state = request.app.state
    limits: DoorLimits = state.door_limits
    address = address_of(request)
    limits.knock(Knock.GUEST, network_of(address))
    response.headers["Cache-Control"] = "no-store"
    with state.session_factory.begin() as session:
        session.info[CALLER_ADDRESS] = address
        token, link = guests.admit(session, state.keys, body.secret, datetime.now(UTC))
    return GuestSession(
        access_token=token, lesson_id=link.lesson_id, role=link.role, expires_at=link.expires_at
    )
