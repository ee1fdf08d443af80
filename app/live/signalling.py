"""What WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common at the HTTP door.

Both open a session with one POST of an SDP offer and get the answer back, with the session's URL in
``Location`` and an entity tag naming its ICE session. PATCH carries trickled candidates and ICE restarts to
the session URL, DELETE ends it. The POST needs a bearer token; the session URL is itself a secret of 256
bits, and knowing it is enough: a grant that has run out must not keep anybody from hanging up.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from app.database import address_of
from app.errors import (
    BadRequest,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    TooLarge,
    Unauthenticated,
    UnsupportedMedia,
)
from app.guard.traffic import Limit
from app.guard.watch import ASKER
from app.live import access
from app.live.coordinator import Coordinator
from app.live.refusals import over
from app.live.rules import MAX_BODY_BYTES, Direction, matches
from app.live.schemas import IceServer
from app.live.sessions import Admission, MediaSession, Opened, StreamKey
from app.live.turn import IceServers, link_headers

SDP: Final = "application/sdp"
SDP_FRAGMENT: Final = "application/trickle-ice-sdpfrag"
BODY_SECONDS: Final = 10.0
"""How long a client may take to send its body."""


def coordinator_of(connection: HTTPConnection) -> Coordinator:
    """The coordinator of this process."""
    coordinator: Coordinator = connection.app.state.coordinator
    return coordinator


def stream_key(lesson_id: str, stream: str) -> StreamKey:
    """The stream an address names; what is no lesson's id is an unknown lesson, not a malformed request."""
    try:
        return StreamKey(uuid.UUID(lesson_id), stream)
    except ValueError:
        raise NotFound("lesson.not_found", "No such lesson", "There is no lesson at this address.") from None


_bearer = HTTPBearer(auto_error=False, description="A person's token, or a lesson grant of `join`")


async def bearer_token(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The token of the request; 401 without one."""
    if credentials is None:
        raise Unauthenticated(
            "token.missing",
            "Not signed in",
            "Send `Authorization: Bearer …` with a person's token or a grant of the lesson's `join`.",
        )
    return credentials.credentials


BearerToken = Annotated[str, Depends(bearer_token)]


async def admit(request: Request, token: str, direction: Direction, lesson_id: str, stream: str) -> Admission:
    """Whether the token's bearer may do that now; asks the database outside the event loop."""
    state = request.app.state
    key = stream_key(lesson_id, stream)
    now, address = datetime.now(UTC), address_of(request)
    admission = await run_in_threadpool(
        partial(access.admit, state.session_factory, state.keys, state.rights, token, key, direction),
        now,
        address,
        admins_need_factor=state.settings.admins_need_second_factor,
        asks=partial(request.scope.__setitem__, ASKER),
    )
    # Counted only now: nobody from outside can use a lesson's share up.
    about = {"address": address, "person_id": admission.person_id, "lesson_id": key.lesson_id}
    state.traffic.require(Limit.LESSON_MEDIA, key.lesson_id, **about)
    return admission


def require_media_type(request: Request, wanted: str, accept_header: str) -> None:
    """Refuse a body of another type; the answer names the right one (RFC 9110 §15.5.16)."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != wanted:
        raise UnsupportedMedia(
            "body.wrong_type",
            "Wrong content type",
            f"Send the body with Content-Type {wanted}, not {given or 'none'}.",
            headers={accept_header: wanted},
        )


async def read_offer(request: Request) -> str:
    """The SDP offer of a POST."""
    require_media_type(request, SDP, "Accept-Post")
    return await read_text(request)


async def read_text(request: Request) -> str:
    """The body, read up to the bound and not further."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(
                        "offer.too_large",
                        "Offer too large",
                        f"An SDP body has up to {MAX_BODY_BYTES} bytes; offer fewer codecs or candidates.",
                        headers={"Connection": "close"},  # or the rest would still be received
                    )
        return body.decode()
    except TimeoutError:
        raise BadRequest(
            "body.too_slow", "Body too slow", f"The body did not arrive within {BODY_SECONDS:.0f} s."
        ) from None
    except UnicodeDecodeError:
        raise BadRequest("offer.malformed", "Offer not understood", "The body is not UTF-8 text.") from None


def created(request: Request, opened: Opened) -> Response:
    """201 with the answer (RFC 9725 §4.2), and the ICE servers to be used, if any (§4.6)."""
    headers = {
        "Location": f"{request.url.path}/{opened.session.secret}",
        "ETag": opened.session.entity_tag,
        "Accept-Patch": SDP_FRAGMENT,
        # The answer belongs to this one client, and the address in it is a secret.
        "Cache-Control": "no-store",
    }
    response = Response(opened.sdp, status_code=201, media_type=SDP, headers=headers)
    for link in link_headers(_ice_servers(request, opened.session.admission)):
        response.headers.append("Link", link)
    return response


def _ice_servers(request: Request, admission: Admission) -> list[IceServer]:
    state = request.app.state
    servers: IceServers = state.ice_servers
    until = admission.lesson_ends_at + timedelta(minutes=state.settings.grant_minutes)
    return servers.for_person(admission.person_id, until)


def find_session(
    request: Request, direction: Direction, lesson_id: str, stream: str, secret: str
) -> MediaSession:
    """The session of a session URL; 404 when it has ended or never was, 410 when the server ended it.

    The difference tells a client that lost its connection whether to come back: two devices of one person
    would otherwise snatch the stream from each other for ever.
    """
    coordinator = coordinator_of(request)
    session = coordinator.find(stream_key(lesson_id, stream), direction, secret)
    if session is None and (why := coordinator.why_over(secret)) is not None:
        raise over(why)
    if session is None:
        raise NotFound(
            "session.unknown", "Unknown media session", "This media session has ended; send a new offer."
        )
    return session


async def patch_session(request: Request, session: MediaSession) -> Response:
    """Trickled candidates or an ICE restart (RFC 9725 §4.3)."""
    require_media_type(request, SDP_FRAGMENT, "Accept-Patch")
    if_match = request.headers.get("if-match")
    if if_match is None:
        raise PreconditionRequired(
            "session.etag_missing",
            "If-Match is missing",
            'Send If-Match with the ETag you were given, or "*" to restart ICE.',
        )
    if not matches(if_match, session.entity_tag):
        raise PreconditionFailed(
            "session.etag_stale",
            "Another ICE session",
            "ICE was restarted since; use the ETag of the newest answer.",
        )
    restarted = await coordinator_of(request).trickle(session, await read_text(request))
    if restarted is None:
        return Response(status_code=204)
    headers = {"ETag": restarted.session.entity_tag, "Cache-Control": "no-store"}
    return Response(restarted.sdp, media_type=SDP_FRAGMENT, headers=headers)


async def end_session(request: Request, session: MediaSession) -> Response:
    """Hang up. Entity tags do not matter here (RFC 9725 §4.3.1)."""
    await coordinator_of(request).end(session)
    return Response()
