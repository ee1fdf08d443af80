"""The door for publishers: WHIP, RFC 9725."""

from fastapi import APIRouter, Request, Response

from app.live import signalling
from app.live.openapi import END_RESPONSES, OPEN_BODY, PATCH_BODY, PATCH_RESPONSES, PUBLISH_RESPONSES
from app.live.rules import Direction

router = APIRouter(prefix="/whip/{lesson_id}/{stream}", tags=["media"], default_response_class=Response)


@router.post("", status_code=201, responses=PUBLISH_RESPONSES, openapi_extra=OPEN_BODY)
async def publish(request: Request, lesson_id: str, stream: str, token: signalling.BearerToken) -> Response:
    """Publish a stream of a lesson: send an SDP offer, get the answer (RFC 9725 §4.2).

    The bearer token is a person's, or a grant from the lesson's `join`. The same person's newer session takes
    the stream over, and so do the room's own terminal and whoever teaches in it from each other; somebody else's is
    refused with `stream.taken`. With `If-None-Match: *` nothing is taken over: while anybody has a session that
    publishes the stream, or is about to, the answer is 412 `stream.taken`.
    """
    admission = await signalling.admit(request, token, Direction.PUBLISH, lesson_id, stream)
    offer = await signalling.read_offer(request)
    only_free = request.headers.get("if-none-match", "").strip() == "*"  # RFC 9110 §13.1.2
    opened = await signalling.coordinator_of(request).publish(admission, offer, only_free=only_free)
    return signalling.created(request, opened)


@router.patch("/{secret}", responses=PATCH_RESPONSES, openapi_extra=PATCH_BODY)
async def patch_publisher(request: Request, lesson_id: str, stream: str, secret: str) -> Response:
    """Trickle candidates or restart ICE (RFC 9725 §4.3). The session URL is the authority."""
    session = signalling.find_session(request, Direction.PUBLISH, lesson_id, stream, secret)
    return await signalling.patch_session(request, session)


@router.delete("/{secret}", responses=END_RESPONSES)
async def end_publisher(request: Request, lesson_id: str, stream: str, secret: str) -> Response:
    """Stop publishing (RFC 9725 §4.2)."""
    session = signalling.find_session(request, Direction.PUBLISH, lesson_id, stream, secret)
    return await signalling.end_session(request, session)
