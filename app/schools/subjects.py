"""Use cases of a county's list of subjects: what timetables, agreements and the curriculum may name.

A subject is named by its code, which never changes; people see its Chinese or English name.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import Target, require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.audit.service import Subject
from app.database import violated
from app.errors import Conflict, Invalid, NotFound
from app.schools import queries
from app.schools.models import TaughtSubject
from app.schools.subject_list import STANDARD_SUBJECTS
from app.versions import ANY, Seen

MOST_SUBJECTS = 200
_TAKEN = {
    "uq_subjects_county_id_code": ("code", "code"),
    "uq_subjects_county_id_name_zh": ("name_zh", "Chinese name"),
    "uq_subjects_county_id_name_en": ("name_en", "English name"),
}


@dataclass(frozen=True, slots=True)
class SubjectDraft:
    """A subject to be added to a county's list."""

    code: str
    name_zh: str
    name_en: str


def give_standard_list(session: Session, county_id: uuid.UUID) -> None:
    """What a new county starts with."""
    session.add_all(
        TaughtSubject(county_id=county_id, code=code, name_zh=zh, name_en=en)
        for code, zh, en in STANDARD_SUBJECTS
    )
    session.flush()


def list_subjects(session: Session, county_id: uuid.UUID) -> Sequence[TaughtSubject]:
    """A county's whole list, by code; it has `MOST_SUBJECTS` at most."""
    return queries.subjects(session, county_id)


def add_subject(session: Session, principal: Principal, draft: SubjectDraft) -> TaughtSubject:
    """Add a subject on behalf of a bureau admin. Raises `Conflict` for a code or a name that is taken."""
    _require(session, principal, Action.SUBJECT_SET)
    subject = create_subject(session, principal.county_id, draft)
    _note(session, principal, Act.SUBJECT_ADDED, subject, None)
    return subject


def create_subject(session: Session, county_id: uuid.UUID, draft: SubjectDraft) -> TaughtSubject:
    """Add a subject without asking who wants it: for imports."""
    if queries.count_subjects(session, county_id) >= MOST_SUBJECTS:
        raise Conflict(
            "subject.too_many", "Too many subjects", f"A county has {MOST_SUBJECTS} subjects at most."
        )
    subject = TaughtSubject(
        county_id=county_id, code=draft.code, name_zh=draft.name_zh, name_en=draft.name_en
    )
    _store(session, subject)
    return subject


def rename_subject(
    session: Session, principal: Principal, subject_id: uuid.UUID, names: dict[str, str], seen: Seen = ANY
) -> TaughtSubject:
    """Change the names of a subject (`name_zh`, `name_en`) on behalf of a bureau admin."""
    subject = get_subject(session, principal, Action.SUBJECT_SET, subject_id)
    before = _facts(subject)
    seen.require(session, subject)
    for field, name in names.items():
        setattr(subject, field, name)
    _store(session, subject)
    _note(session, principal, Act.SUBJECT_CHANGED, subject, before)
    return subject


def get_subject(
    session: Session, principal: Principal, action: Action, subject_id: uuid.UUID
) -> TaughtSubject:
    """The subject with which somebody may do something; raises `NotFound` or `Forbidden`."""
    missing = NotFound("subject.not_found", "No such subject", f"There is no subject {subject_id}.")
    subject = queries.subject(session, subject_id)
    if subject is None:
        raise missing
    require(principal, action, Target(subject.county_id), missing)
    return subject


def remove_subject(session: Session, principal: Principal, subject: TaughtSubject) -> None:
    """Take a subject off the list. Raises `Conflict` when the timetable or the curriculum names it."""
    facts = _facts(subject)
    try:
        with session.begin_nested():
            session.delete(subject)
    except IntegrityError:
        raise in_use(subject) from None
    about = Subject("subject", subject.id)
    audit.note(session, Act.SUBJECT_REMOVED, subject.county_id, principal.person_id, about, before=facts)


def in_use(subject: TaughtSubject) -> Conflict:
    """The refusal to remove a subject that something names."""
    return Conflict(
        "subject.in_use",
        "Subject in use",
        f"{subject.code} is named by timetable entries, pairings or the curriculum; rename it instead.",
    )


def names(session: Session, county_id: uuid.UUID, *, chinese: bool) -> dict[str, str]:
    """What a county's subjects are called in one language, by code."""
    listed = queries.subjects(session, county_id)
    return {each.code: each.name_zh if chinese else each.name_en for each in listed}


def require_known(session: Session, county_id: uuid.UUID, codes: Collection[str]) -> None:
    """Raise `Invalid` for the first code that is not on a county's list."""
    if not codes or not (unknown := set(codes) - queries.subject_codes(session, county_id, codes)):
        return
    known = [each.code for each in queries.subjects(session, county_id)]
    raise Invalid(
        "subject.unknown",
        "No such subject",
        f"The county's list has no subject {min(unknown)}; it has {', '.join(known)}. "
        "Name one of these, or add it: `POST /api/v1/subjects`.",
        subject=min(unknown),
        known=known,
    )


def _require(session: Session, principal: Principal, action: Action) -> None:
    missing = NotFound("subject.not_found", "No such subject", "There is no such list.")
    require(principal, action, Target(principal.county_id), missing)


def _store(session: Session, subject: TaughtSubject) -> None:
    try:
        with session.begin_nested():
            session.add(subject)
            session.flush()
    except IntegrityError as error:
        if (taken := _TAKEN.get(violated(error))) is None:
            raise
        field, words = taken
        raise Conflict(
            "subject.taken",
            "Taken",
            f"Another subject of the county has this {words}; choose another one.",
            field=field,
        ) from None


def _facts(subject: TaughtSubject) -> Facts:
    return {"code": subject.code, "name_zh": subject.name_zh, "name_en": subject.name_en}


def _note(
    session: Session, principal: Principal, act: Act, subject: TaughtSubject, before: Facts | None
) -> None:
    about = Subject("subject", subject.id)
    audit.note(
        session, act, subject.county_id, principal.person_id, about, before=before, after=_facts(subject)
    )
