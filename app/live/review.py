"""Looking again at who may be in a lesson: media never outlive the right to them.

Every two seconds all claims on lessons with media, listeners or grants are held against the database in a few queries,
whatever the reason may be that one has ended: a lesson that is over or cancelled, a site that was dropped, an account
that was closed, a role that ran out, a sign-in that was ended, a token that was revoked.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.rules import Basis, Holder, HolderKind, Principal
from app.database import SessionFactory, reading
from app.lessons import service as lessons
from app.lessons.models import Lesson
from app.lessons.rules import TAKES_MEDIA, ParticipantRole, SiteState, site_stream
from app.live.coordinator import Coordinator
from app.live.hub import CloseCode
from app.live.refusals import RIGHT_ENDED
from app.live.rights import Claim, Rights, Standing
from app.threads import finish_in_threadpool

_log = structlog.stdlib.get_logger(__name__)

OVER = "over"
"""Why a lesson ended whose time ran out; else it is the lesson's state."""


class Removed(StrEnum):
    """Why somebody is not in a lesson any more, as pages are told."""

    ACCOUNT_CLOSED = "account_closed"
    SIGNED_OUT = "signed_out"  # the sign-in was ended, or the password changed since
    SITE_DROPPED = "site_dropped"
    PART_ENDED = "part_ended"
    TERMINAL_REMOVED = "terminal_removed"
    LINK_OVER = "link_over"  # a guest's link ran out or was taken back


@dataclass(frozen=True, slots=True)
class Findings:
    """What is not as it was."""

    closed: dict[uuid.UUID, str] = field(default_factory=dict)
    """Lessons that take no media any more, and why."""
    standing: dict[Claim, Standing] = field(default_factory=dict)
    lost: dict[Claim, Removed] = field(default_factory=dict)
    ended: set[Basis] = field(default_factory=set)
    """What pages and programs were let in by, and is over."""


async def review(coordinator: Coordinator, rights: Rights, factory: SessionFactory, now: datetime) -> None:
    """End what nobody has a right to any more, and renew what is known of the rest."""
    claims = rights.claims() | coordinator.claims()
    lesson_ids = coordinator.lessons() | rights.lessons() | {claim.lesson_id for claim in claims}
    if not lesson_ids:
        return
    bases = coordinator.bases() | rights.bases()
    found = await finish_in_threadpool(_look, factory, rights, claims, lesson_ids, bases, now)
    for lesson_id, why in found.closed.items():
        rights.drop_lesson(lesson_id)
        await coordinator.end_lesson(lesson_id, why)
    for claim, reason in found.lost.items():
        rights.drop(claim)
        _log.info("removed from a lesson", lesson=str(claim.lesson_id), reason=reason)
        await _remove(coordinator, claim, reason)
    for claim, standing in found.standing.items():
        rights.renew(claim, standing)
        await _narrow(coordinator, claim, standing)
    if found.ended:
        rights.drop_bases(found.ended)
        for lesson_id in lesson_ids:
            await _remove_of(coordinator, lesson_id, found.ended)


def _look(
    factory: SessionFactory,
    rights: Rights,
    claims: Collection[Claim],
    lesson_ids: Collection[uuid.UUID],
    bases: Collection[Basis],
    now: datetime,
) -> Findings:
    with reading(factory) as session:
        found = _compare(session, rights, claims, lesson_ids, now)
        found.ended.update(accounts.ended(session, bases, now))
        return found


def _compare(
    session: Session,
    rights: Rights,
    claims: Collection[Claim],
    lesson_ids: Collection[uuid.UUID],
    now: datetime,
) -> Findings:
    principals = accounts.principals_of(session, {claim.holder for claim in claims}, now)
    asked: dict[uuid.UUID, list[Principal]] = defaultdict(list, {lesson_id: [] for lesson_id in lesson_ids})
    for claim in claims:
        if claim.holder in principals:
            asked[claim.lesson_id].append(principals[claim.holder])
    known, parts = lessons.participations(session, asked)
    found = Findings()
    for lesson_id in lesson_ids:
        if (why := _why_closed(known.get(lesson_id), now)) is not None:
            found.closed[lesson_id] = why
    for claim in claims:
        lesson = known.get(claim.lesson_id)
        if lesson is None or claim.lesson_id in found.closed:
            continue
        part = parts[claim.lesson_id].get(claim.holder)
        if part is None:
            found.lost[claim] = _why_lost(lesson, rights.find(claim), claim.holder, principals)
        else:
            found.standing[claim] = Standing.of(lesson, part, principals[claim.holder])
    return found


def _why_closed(lesson: Lesson | None, now: datetime) -> str | None:
    if lesson is None:  # deleted
        return OVER
    if lesson.state not in TAKES_MEDIA:
        return lesson.state.value
    return OVER if now >= lessons.window_of(lesson).closes_at else None


def _why_lost(
    lesson: Lesson, before: Standing | None, holder: Holder, principals: Collection[Holder]
) -> Removed:
    if holder not in principals:
        return _GONE[holder.kind]
    if before is not None and before.part.role is ParticipantRole.SITE_ASSISTANT:
        streams = {
            site_stream(site.site_code) for site in lesson.sites if site.state is not SiteState.CANCELLED
        }
        if not streams & set(before.part.publish):
            return Removed.SITE_DROPPED
    return Removed.PART_ENDED


_GONE = {
    HolderKind.PERSON: Removed.ACCOUNT_CLOSED,
    HolderKind.TERMINAL: Removed.TERMINAL_REMOVED,
    HolderKind.GUEST: Removed.LINK_OVER,
}


async def _remove(coordinator: Coordinator, claim: Claim, reason: Removed) -> None:
    for member in list(coordinator.channels.members(claim.lesson_id)):
        if member.holder == claim.holder:
            member.remove(reason)
    await coordinator.end_sessions(
        claim.lesson_id, RIGHT_ENDED, lambda session: session.admission.holder == claim.holder
    )


async def _remove_of(coordinator: Coordinator, lesson_id: uuid.UUID, ended: Collection[Basis]) -> None:
    """End what was opened by tokens and sign-ins that are over."""
    for member in list(coordinator.channels.members(lesson_id)):
        if member.basis in ended:
            member.remove(Removed.SIGNED_OUT)
    await coordinator.end_sessions(lesson_id, RIGHT_ENDED, lambda session: session.admission.basis in ended)


async def _narrow(coordinator: Coordinator, claim: Claim, standing: Standing) -> None:
    """End what goes beyond a part that has become another one, and what was given to a void sign-in."""
    for member in list(coordinator.channels.members(claim.lesson_id)):
        if member.holder != claim.holder:
            continue
        if standing.voids(member.since):
            member.remove(Removed.SIGNED_OUT)
        elif member.streams != frozenset(standing.part.publish + standing.part.watch):
            member.close(CloseCode.TRY_AGAIN)  # the page comes back at once and is told what it has now
    await coordinator.end_sessions(
        claim.lesson_id,
        RIGHT_ENDED,
        lambda session: (
            session.admission.holder == claim.holder
            and (
                standing.voids(session.admission.since)
                or not standing.allows(session.key.stream, session.direction)
            )
        ),
    )
