"""How the links of a lesson are, for those who can do something about them."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.database import SessionFactory, reading
from app.errors import Forbidden, NotFound, Unauthenticated, responses
from app.lessons import finding
from app.lessons import service as lessons
from app.lessons.rules import Oversight
from app.live.quality import LessonQuality, LinkState, Rung, SiteQuality, StreamQuality
from app.live.rules import Direction
from app.live.schemas import Stream
from app.live.signalling import coordinator_of
from app.schemas import Output, example

router = APIRouter(prefix="/api/v1", tags=["lessons"])

_STREAM = {
    "stream": "main",
    "direction": "watch",
    "connected": True,
    "connected_at": "2026-11-23T00:48:12.031Z",
    "measured_at": "2026-11-23T01:02:41.377Z",
    "loss": 0.012,
    "rtt_ms": 38.4,
    "jitter_ms": 4.1,
    "bitrate": 741000,
    "estimate": 905000,
    "repaired": 7,
    "tcp": False,
    "freezes": 1,
    "layers": None,
    "rung": "middle",
    "reason": "congestion",
    "rung_at": "2026-11-23T01:01:58.120Z",
}
_SITE = {
    "site": "S1",
    "name": "响洪甸教学点 Xianghongdian",
    "state": "weak",
    "rung": "middle",
    "since": "2026-11-23T01:01:58.120Z",
    "streams": [_STREAM],
}


class StreamQualityOut(Output):
    """One stream on its way to or from somebody, as the relay measures it every five seconds."""

    stream: Stream
    direction: Direction
    connected: bool
    connected_at: datetime | None
    measured_at: datetime | None = Field(description="When the figures came; null before the first")
    loss: float | None = Field(description="Share of packets lost on the way, before repair: 0 to 1")
    rtt_ms: float | None = Field(description="Round trip between the relay and the other end")
    jitter_ms: float | None
    bitrate: int | None = Field(description="Bits a second, sent to or received from the other end")
    estimate: int | None = Field(description="Bits a second that the link towards a watcher can carry")
    repaired: int | None = Field(description="Packets sent again in the five seconds before")
    tcp: bool | None = Field(description="Whether media go over TCP: that network blocks UDP")
    freezes: int = Field(description="Times a watcher's picture stood still since it connected, inferred")
    layers: int | None = Field(description="Sizes of the picture that a publisher sends")
    rung: Rung | None = Field(description="How much of the picture a watcher is given")
    reason: str | None = Field(
        description="Why: start, congestion, loss, recovered, publisher, preferred", examples=["congestion"]
    )
    rung_at: datetime | None = Field(description="Since when")

    model_config = example(_STREAM)

    @classmethod
    def of(cls, stream: StreamQuality) -> "StreamQualityOut":
        return cls.model_validate(stream.as_json())


class SiteQualityOut(Output):
    """A teaching site's link."""

    site: str = Field(description="The site's code")
    name: str
    state: LinkState = Field(
        description="good; weak: a smaller picture, or one that stops at times; audio_only; away: it does not receive"
    )
    rung: Rung | None = Field(description="The smallest of its pictures")
    since: datetime | None = Field(description="Since when it is like this")
    streams: list[StreamQualityOut]

    model_config = example(_SITE)


class LessonQualityOut(Output):
    """The links of one lesson, now."""

    lesson_id: uuid.UUID
    server_time: datetime
    teacher: list[StreamQualityOut] = Field(
        description="What the teacher sends and watches; empty for those who may see sites only"
    )
    sites: list[SiteQualityOut] = Field(description="The sites that one may look after")

    model_config = example(
        {
            "lesson_id": "5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10",
            "server_time": "2026-11-23T01:02:43.118Z",
            "teacher": [],
            "sites": [_SITE],
        }
    )


@router.get(
    "/lessons/{lesson_id}/quality",
    summary="Show a lesson's links",
    responses=responses(Unauthenticated, Forbidden, NotFound),
)
async def lesson_quality(
    lesson_id: uuid.UUID,
    request: Request,
    response: Response,
    principal: Annotated[Principal, may(Action.LESSON_QUALITY)],
) -> LessonQualityOut:
    """How well each site's sound and picture travel: loss, round trip, jitter, bitrate, picture size, freezes.

    Teachers see all of their lesson, bureau admins and admins of the school it is taught at too; admins of another
    school see the sites below it, assistants their own site. Outside the lesson every site is `away`.
    """
    response.headers["Cache-Control"] = "no-store"
    state = request.app.state
    now = datetime.now(UTC)
    sight, names, on_air = await run_in_threadpool(_sight, state.session_factory, principal, lesson_id, now)
    quality = coordinator_of(request).quality.of(lesson_id) if on_air else LessonQuality()
    found = [quality.sites.get(code, SiteQuality(code)) for code in sorted(sight.sites)]
    return LessonQualityOut(
        lesson_id=lesson_id,
        server_time=now,
        teacher=[StreamQualityOut.of(each) for each in quality.teacher] if sight.teacher else [],
        sites=[
            SiteQualityOut(
                site=each.site,
                name=names[each.site],
                state=each.state,
                rung=each.rung,
                since=each.since,
                streams=[StreamQualityOut.of(stream) for stream in each.streams],
            )
            for each in found
        ],
    )


def _sight(
    factory: SessionFactory, principal: Principal, lesson_id: uuid.UUID, now: datetime
) -> tuple[Oversight, dict[str, str], bool]:
    """Whose links the person may look at, what the lesson's sites are called, and whether media flow."""
    with reading(factory) as session:
        lesson = lessons.get_lesson(session, lesson_id)
        sight = lessons.oversight(session, lesson, principal)
        names = {site.site_code: site.name for site in finding.shown(session, lesson.id).sites}
        return sight, names, lessons.takes_media(lesson, now)
