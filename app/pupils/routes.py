"""HTTP of named pupils."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionDep
from app.errors import Forbidden, Invalid, NotFound, Unauthenticated, responses
from app.pupils import service
from app.pupils.rules import Purpose, Term
from app.pupils.schemas import EndIn, NewConsent, NewPupil, PupilOut
from app.pupils.service import ConsentDraft, PupilDraft
from app.schemas import Page, PageAfter, PageLimit, decode_pair, encode_cursor

router = APIRouter(prefix="/api/v1/pupils", tags=["pupils"])

_ON_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Invalid)


@router.post("", status_code=201, summary="Name a pupil", responses=_ON_CHANGE)
def add_pupil(
    body: NewPupil,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_ADD)],
    response: Response,
) -> PupilOut:
    """Record a guardian's consent and, with it, the pupil's name and grade. Nobody needs this to teach: a roll is a
    headcount."""
    draft = PupilDraft(body.org_unit_id, body.name, body.grade, _consent(body.consent))
    pupil = service.add_pupil(session, principal, draft)
    response.headers["Location"] = f"/api/v1/pupils/{pupil.id}"
    return PupilOut.of(pupil)


@router.get("", summary="List named pupils", responses=_ON_CHANGE)
def list_pupils(
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_SHOW)],
    org_unit_id: Annotated[uuid.UUID, Query(description="The unit, and everything below it")],
    purpose: Annotated[Purpose, Query(description="What the names are needed for")],
    limit: PageLimit = 50,
    after: PageAfter = None,
) -> Page[PupilOut]:
    """Pupils by name, those only whose guardians agreed to the purpose and whose consent is in force today."""
    last = decode_pair(after, str, uuid.UUID) if after else None
    pupils, following = service.list_pupils(session, principal, org_unit_id, purpose, last, limit)
    return Page(
        items=[PupilOut.of(each) for each in pupils],
        next=encode_cursor(following[0], str(following[1])) if following else None,
    )


@router.get("/{pupil_id}", summary="Show a named pupil", responses=_ON_CHANGE)
def get_pupil(
    pupil_id: uuid.UUID, session: SessionDep, principal: Annotated[Principal, may(Action.PUPIL_SHOW)]
) -> PupilOut:
    """The pupil with the consent; 404 from the day after it ran out."""
    return PupilOut.of(service.show_pupil(session, principal, pupil_id))


@router.post("/{pupil_id}/consent", summary="Renew a consent", responses=_ON_CHANGE)
def renew_consent(
    pupil_id: uuid.UUID,
    body: NewConsent,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_ADD)],
) -> PupilOut:
    """Another consent of the guardian takes the place of the one there is, with its own purposes and last day."""
    return PupilOut.of(service.renew_consent(session, principal, pupil_id, _consent(body)))


@router.post("/{pupil_id}/erase", status_code=204, summary="Erase a pupil", responses=_ON_CHANGE)
def erase_pupil(
    pupil_id: uuid.UUID,
    body: EndIn,
    session: SessionDep,
    principal: Annotated[Principal, may(Action.PUPIL_ERASE)],
) -> None:
    """Withdraw the consent: name, grade and guardian are deleted at once and for good."""
    service.erase_pupil(session, principal, pupil_id, body.reason)


def _consent(body: NewConsent) -> ConsentDraft:
    return ConsentDraft(
        body.guardian, body.form, body.reference, body.purposes, Term(body.given_on, body.expires_on)
    )
