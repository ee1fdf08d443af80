"""Who may send or receive what right now. Without a permission the answer is no."""

from datetime import datetime

from app.accounts.grants import read_grant
from app.accounts.service import authenticate, principal_of
from app.accounts.tokens import TokenKind, token_kind
from app.database import SessionFactory, reading
from app.errors import Forbidden, NotFound
from app.keys import Keys
from app.lessons import service as lessons
from app.lessons.models import Lesson
from app.lessons.rules import SITE_STREAM_PREFIX, ParticipantRole, Participation, SiteState, streams
from app.live.rules import Direction
from app.live.sessions import Admission, StreamKey


def admit(
    factory: SessionFactory, keys: Keys, token: str, key: StreamKey, direction: Direction, now: datetime
) -> Admission:
    """Leave to open a media session, for the bearer of a person's token or of a lesson grant.

    A grant narrows what its person may do to one stream and one direction. It never widens it: a person who
    was sent away, or a lesson that was cancelled after the grant was given, is seen here.
    """
    grant = read_grant(keys, token, now) if token_kind(keys, token, now=now) is TokenKind.GRANT else None
    if grant is not None and (grant.lesson_id, grant.stream, grant.direction) != (
        *(key.lesson_id, key.stream),
        direction.value,
    ):
        raise Forbidden(
            "grant.elsewhere",
            "Grant for something else",
            f"This grant is to {grant.direction} {grant.stream} of lesson {grant.lesson_id}.",
        )
    with reading(factory) as session:
        if grant is not None:
            principal = principal_of(session, grant.person_id, now)
        else:
            principal = authenticate(session, keys, token, now)
        lesson = lessons.get_lesson(session, key.lesson_id)
        part = lessons.participation(session, lesson, principal)
        _require_stream(lesson, part, key.stream, direction)
        lessons.check_on_air(lesson, now)
    viewer = grant.viewer if grant is not None else ""
    return Admission(
        key, direction, principal.person_id, site_of(part), viewer, lesson_ends_at=lesson.ends_at
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
