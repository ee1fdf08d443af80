"""Who may send or receive what right now. Without a permission the answer is no.

A grant narrows what its holder may do to one stream and one direction. It never widens it: what has ended since the
grant was given, it does not open.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.accounts.grants import Grant, read_grant
from app.accounts.permissions import Action
from app.accounts.reach import require_somewhere
from app.accounts.rules import Basis, Holder, Principal
from app.accounts.scopes import ACCESS_TOKEN
from app.accounts.service import (
    authenticate,
    lacks_second_factor,
    principal_of_holder,
    require_basis,
    token_void,
)
from app.accounts.tokens import TokenKind, token_kind
from app.database import CALLER_ADDRESS, SessionFactory, reading
from app.errors import Forbidden, NotFound
from app.guard.watch import Asker
from app.keys import Keys
from app.lessons import service as lessons
from app.lessons import visits
from app.lessons.models import Lesson
from app.lessons.rules import SITE_STREAM_PREFIX, ParticipantRole, Participation, SiteState, streams
from app.live.rights import Claim, Rights, Standing
from app.live.rules import Direction
from app.live.sessions import Admission, StreamKey


def admit(
    factory: SessionFactory,
    keys: Keys,
    rights: Rights,
    token: str,
    key: StreamKey,
    direction: Direction,
    now: datetime,
    address: str = "",
    *,
    admins_need_factor: bool = False,
    asks: Callable[[Asker], None] = lambda _: None,
) -> Admission:
    """Leave to open a media session, for the bearer of a person's token or of a lesson grant.

    Whoever only looks in leaves a line in the trail first; when it cannot be written, nobody looks in. For the
    others' grants the database is asked only if nothing is known of its holder's part in the lesson, or of the sign-in
    it was given to. An admin's second factor was asked for when a grant was given.
    `asks` is told who it is, as soon as that is known.
    """
    if token.startswith(ACCESS_TOKEN) or token_kind(keys, token, now=now) is not TokenKind.GRANT:
        with reading(factory) as session:
            principal = authenticate(session, keys, token, now)
            asks(Asker(principal.person_id, principal.county_id))
            if admins_need_factor and lacks_second_factor(session, principal):
                require_somewhere(replace(principal, must_add_factor=True), Action.LESSON_JOIN)
            standing = _look_up(session, rights, principal, key, direction, now)
        admission = _admission(principal.holder, standing, key, direction, now, basis=principal.basis)
    else:
        grant = read_grant(keys, token, now)
        asks(Asker(grant.holder.id, None))
        _require_this(grant, key, direction)
        if grant.basis is not None and not rights.is_good(grant.lesson_id, grant.basis):
            with reading(factory) as session:
                require_basis(session, grant.basis, now)
        standing, admission = _admit_grant(factory, rights, grant, key, direction, now)
        # Only now: what opened nothing must not stay in memory, of lessons that are long over.
        rights.note_basis(grant.lesson_id, grant.basis)
    if standing.part.role is ParticipantRole.OBSERVER:
        with factory.begin() as session:
            session.info[CALLER_ADDRESS] = address
            holder = Holder(admission.kind, admission.person_id)
            visits.note_visit(session, lessons.get_lesson(session, key.lesson_id), holder, now)
    return admission


def _admit_grant(
    factory: SessionFactory, rights: Rights, grant: Grant, key: StreamKey, direction: Direction, now: datetime
) -> tuple[Standing, Admission]:
    standing = rights.find(Claim(key.lesson_id, grant.holder))
    if standing is None or not standing.window.is_open(now) or not standing.allows(key.stream, direction):
        with reading(factory) as session:
            principal = principal_of_holder(session, grant.holder, now, grant.given_at.timestamp())
            standing = _look_up(session, rights, principal, key, direction, now)
    elif standing.voids(grant.given_at):
        raise token_void()
    return standing, _admission(
        grant.holder, standing, key, direction, grant.given_at, grant.viewer, grant.basis
    )


def _look_up(
    session: Session,
    rights: Rights,
    principal: Principal,
    key: StreamKey,
    direction: Direction,
    now: datetime,
) -> Standing:
    """What somebody stands for in a lesson on air; raises the error that says why they may not do this."""
    lesson = lessons.get_lesson(session, key.lesson_id)
    part = lessons.participation(session, lesson, principal)
    _require_stream(lesson, part, key.stream, direction)
    lessons.check_on_air(lesson, now)
    standing = Standing.of(lesson, part, principal)
    if principal.actions is None:  # what a script's token leaves out is not denied to its person
        rights.note(Claim(lesson.id, principal.holder), standing)
    return standing


def _admission(
    holder: Holder,
    standing: Standing,
    key: StreamKey,
    direction: Direction,
    since: datetime,
    viewer: str = "",
    basis: Basis | None = None,
) -> Admission:
    site, ends_at = site_of(standing.part), standing.window.ends_at
    return Admission(
        *(key, direction, holder.id, site, viewer),
        kind=holder.kind,
        since=since,
        lesson_ends_at=ends_at,
        basis=basis,
    )


def _require_this(grant: Grant, key: StreamKey, direction: Direction) -> None:
    if (grant.lesson_id, grant.stream, grant.direction) != (key.lesson_id, key.stream, direction.value):
        raise Forbidden(
            "grant.elsewhere",
            "Grant for something else",
            f"This grant is to {grant.direction} {grant.stream} of lesson {grant.lesson_id}.",
        )


def site_of(part: Participation) -> str | None:
    """The code of the teaching site somebody assists in a lesson."""
    if part.role is not ParticipantRole.SITE_ASSISTANT:
        return None
    return part.publish[0].removeprefix(SITE_STREAM_PREFIX)


def _require_stream(lesson: Lesson, part: Participation, stream: str, direction: Direction) -> None:
    known = streams(site.site_code for site in lesson.sites if site.state is not SiteState.CANCELLED)
    if stream not in known:
        raise NotFound("stream.unknown", "Unknown stream", f"The lesson's streams are {', '.join(known)}.")
    allowed = part.publish if direction is Direction.PUBLISH else part.watch
    if stream not in allowed:
        raise Forbidden(
            "stream.not_yours",
            "Not your stream",
            f"In this lesson you may {direction} {', '.join(allowed) or 'nothing'}.",
        )
