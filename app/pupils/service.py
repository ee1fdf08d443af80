"""Use cases of named pupils: recorded with a consent, shown while it is in force, erased when it is not."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import require, require_somewhere
from app.accounts.rules import Principal
from app.accounts.service import county_today
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Invalid, NotFound
from app.pupils import queries
from app.pupils.models import ConsentPurpose, GuardianConsent, Pupil
from app.pupils.rules import ConsentForm, EndReason, Purpose, Term
from app.schools import service as schools
from app.schools.rules import OrgUnitKind


@dataclass(frozen=True, slots=True)
class ConsentDraft:
    """What a guardian agreed to."""

    guardian: str
    form: ConsentForm
    reference: str | None
    purposes: frozenset[Purpose]
    term: Term


@dataclass(frozen=True, slots=True)
class PupilDraft:
    """The least that works."""

    org_unit_id: uuid.UUID
    name: str
    grade: int
    consent: ConsentDraft


def add_pupil(session: Session, principal: Principal, draft: PupilDraft) -> Pupil:
    """Record a guardian's consent, and with it the pupil; raises `Invalid` for a consent that is not in force."""
    unit = schools.require_at(session, principal, Action.PUPIL_ADD, draft.org_unit_id)
    if unit.kind not in (OrgUnitKind.SCHOOL, OrgUnitKind.TEACHING_SITE):
        raise Invalid("pupil.wrong_place", "No pupils there", "Pupils belong to a school or a teaching site.")
    consent = _consent(principal, draft.consent)
    session.add(consent)
    session.flush()
    pupil = Pupil(
        county_id=unit.county_id, org_unit_id=unit.id, consent=consent, name=draft.name, grade=draft.grade
    )
    session.add(pupil)
    session.flush()
    _note(session, Act.PUPIL_NAMED, principal.person_id, pupil)
    return pupil


def renew_consent(session: Session, principal: Principal, pupil_id: uuid.UUID, draft: ConsentDraft) -> Pupil:
    """Let another consent take the place of the one a pupil is named under, such as before it runs out."""
    pupil = _in_reach(session, principal, Action.PUPIL_ADD, pupil_id)
    before = pupil.consent
    pupil.consent = _consent(principal, draft)
    session.flush()
    _end(before, EndReason.RENEWED)
    session.flush()
    _note(session, Act.PUPIL_CONSENT_RENEWED, principal.person_id, pupil)
    return pupil


def list_pupils(
    session: Session,
    principal: Principal,
    org_unit_id: uuid.UUID,
    purpose: Purpose,
    after: tuple[str, uuid.UUID] | None,
    limit: int,
) -> tuple[Sequence[Pupil], tuple[str, uuid.UUID] | None]:
    """Pupils of a unit and of those below it, as far as their guardians agreed to the purpose; and the next page."""
    require_somewhere(principal, Action.PUPIL_SHOW)
    schools.require_at(session, principal, Action.PUPIL_SHOW, org_unit_id)
    units = schools.ids_below(session, [org_unit_id])
    found = queries.pupils_page(session, units, purpose, principal.today, after, limit + 1)
    page = found[:limit]
    return page, (page[-1].name, page[-1].id) if len(found) > limit else None


def show_pupil(session: Session, principal: Principal, pupil_id: uuid.UUID) -> Pupil:
    """One pupil with the consent; once it has run out there is no such pupil any more."""
    return _in_reach(session, principal, Action.PUPIL_SHOW, pupil_id)


def erase_pupil(session: Session, principal: Principal, pupil_id: uuid.UUID, reason: EndReason) -> None:
    """Forget a pupil for good; of the consent stays when and how it was given, without names."""
    pupil = _in_reach(session, principal, Action.PUPIL_ERASE, pupil_id, even_run_out=True)
    _erase(session, principal.person_id, pupil, reason)


def erase_run_out(session: Session, now: datetime) -> int:
    """Forget every pupil whose consent is no longer in force; says how many."""
    count = 0
    for county_id in queries.counties_with_pupils(session):
        for pupil in queries.run_out(session, county_id, county_today(session, county_id, now)):
            _erase(session, None, pupil, EndReason.EXPIRED)
            count += 1
    return count


def forget_proofs(session: Session, ended_before: datetime) -> int:
    """Delete what is left of consents that ended before then."""
    return queries.forget_proofs(session, ended_before)


def _consent(principal: Principal, draft: ConsentDraft) -> GuardianConsent:
    if fault := draft.term.fault(principal.today):
        raise Invalid("consent.not_in_force", "Consent not in force", fault)
    return GuardianConsent(
        county_id=principal.county_id,
        guardian=draft.guardian,
        form=draft.form,
        reference=draft.reference,
        given_on=draft.term.given_on,
        expires_on=draft.term.expires_on,
        recorded_by=principal.person_id,
        recorded_at=datetime.now(UTC),
        purposes=[ConsentPurpose(purpose=purpose) for purpose in sorted(draft.purposes)],
    )


def _in_reach(
    session: Session, principal: Principal, action: Action, pupil_id: uuid.UUID, *, even_run_out: bool = False
) -> Pupil:
    missing = NotFound("pupil.not_found", "No such pupil", f"There is no pupil {pupil_id}.")
    pupil = queries.pupil(session, pupil_id)
    if pupil is None or (pupil.consent.expires_on < principal.today and not even_run_out):
        raise missing
    unit = schools.get_org_unit(session, pupil.org_unit_id)
    require(principal, action, schools.target_of(unit), missing)
    return pupil


def _erase(session: Session, by: uuid.UUID | None, pupil: Pupil, reason: EndReason) -> None:
    consent = pupil.consent
    subject = Subject("pupil", pupil.id, pupil.org_unit_id)
    session.delete(pupil)
    session.flush()
    _end(consent, reason)
    session.flush()
    audit.note(session, Act.PUPIL_ERASED, consent.county_id, by, subject, after={"reason": reason})


def _end(consent: GuardianConsent, reason: EndReason) -> None:
    consent.guardian = None
    consent.reference = None
    consent.ended_at = datetime.now(UTC)
    consent.end_reason = reason


def _note(session: Session, act: Act, by: uuid.UUID, pupil: Pupil) -> None:
    """What the trail keeps of it: purposes and days, no names."""
    consent = pupil.consent
    facts = {
        "purposes": [each.purpose for each in consent.purposes],
        "form": consent.form,
        "given_on": consent.given_on,
        "expires_on": consent.expires_on,
    }
    audit.note(session, act, pupil.county_id, by, Subject("pupil", pupil.id, pupil.org_unit_id), after=facts)
