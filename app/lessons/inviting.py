"""Use cases of guest links: who may invite whom to a lesson."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import guests
from app.accounts.guests import Invitation, Made
from app.accounts.models import GuestLink
from app.accounts.permissions import Action
from app.accounts.rules import GuestRole, Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.errors import Conflict, Invalid, NotFound
from app.lessons import service
from app.lessons.models import Lesson
from app.lessons.rules import TAKES_MEDIA


@dataclass(frozen=True)
class Draft:
    """A guest link to be made; without an end of its own it is good until the lesson closes."""

    role: GuestRole
    name: str
    uses: int = 1
    expires_at: datetime | None = None


def invite(session: Session, principal: Principal, lesson_id: UUID, draft: Draft, now: datetime) -> Made:
    """Make a link into a lesson that is still to come or on: as its teacher, or an admin of where it is taught."""
    lesson = service.require_taught(session, principal, Action.LESSON_INVITE, lesson_id)
    closes_at = service.window_of(lesson).closes_at
    if lesson.state not in TAKES_MEDIA or now >= closes_at:
        raise Conflict(
            "lesson.wrong_state", "Too late", "Nobody can be invited to a lesson that is over or cancelled."
        )
    expires_at = min(draft.expires_at or closes_at, closes_at)
    if expires_at <= now:
        raise Invalid("guest.ends_in_the_past", "Already over", "`expires_at` has to be in the future.")
    made = guests.make(
        session,
        Invitation(lesson.county_id, lesson.id, draft.role, draft.name, draft.uses, expires_at),
        now,
    )
    facts = {"lesson_id": lesson.id, "role": draft.role, "uses": draft.uses, "expires_at": expires_at}
    _note(session, Act.GUEST_INVITED, principal, lesson, made.link, facts)
    return made


def list_links(session: Session, principal: Principal, lesson_id: UUID) -> Sequence[GuestLink]:
    """The guest links of a lesson, for those who may make some."""
    service.require_taught(session, principal, Action.LESSON_INVITE, lesson_id)
    return guests.of_lesson(session, lesson_id)


def take_back(session: Session, principal: Principal, link_id: UUID, now: datetime) -> GuestLink:
    """Let a link be good for nothing; whoever is in by it is out within seconds."""
    missing = NotFound("guest.not_found", "No such guest link", f"There is no guest link {link_id}.")
    link = guests.find(session, link_id)
    if link is None:
        raise missing
    try:
        lesson = service.require_taught(session, principal, Action.LESSON_INVITE, link.lesson_id)
    except NotFound:  # whoever may not know of the lesson may not know of its links
        raise missing from None
    if guests.revoke(session, link, now):
        _note(session, Act.GUEST_LINK_REVOKED, principal, lesson, link, {"used": link.used})
    return link


def _note(
    session: Session,
    act: Act,
    principal: Principal,
    lesson: Lesson,
    link: GuestLink,
    facts: dict[str, object],
) -> None:
    subject = Subject("guest_link", link.id, lesson.school_id)
    audit.note(session, act, lesson.county_id, principal.person_id, subject, after=facts)
