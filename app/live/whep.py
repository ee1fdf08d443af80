"""The door for watchers: WHEP, draft-ietf-wish-whep-04.

What the draft adds to WHIP and we chose from it: the player always offers (a counter-offer by 406 is never
made), and a stream nobody publishes yet may be watched; the media begin when the publisher comes.
"""

from fastapi import APIRouter, Request, Response

from app.live import signalling
from app.live.openapi import END_RESPONSES, OPEN_BODY, OPEN_RESPONSES, PATCH_BODY, PATCH_RESPONSES
from app.live.rules import Direction

router = APIRouter(prefix="/whep/{lesson_id}/{stream}", tags=["media"], default_response_class=Response)


@router.post("", status_code=201, responses=OPEN_RESPONSES, openapi_extra=OPEN_BODY)
async def watch(request: Request, lesson_id: str, stream: str, token: signalling.BearerToken) -> Response:
    """Watch a stream of a lesson: send an SDP offer, get the answer.

    The bearer token is a person's, or a grant from the lesson's `join`. Watching may begin before anybody
    publishes.
    """
    admission = await signalling.admit(request, token, Direction.WATCH, lesson_id, stream)
    offer = await signalling.read_offer(request)
    opened = await signalling.coordinator_of(request).watch(admission, offer)
    return signalling.created(request, opened)


@router.patch("/{secret}", responses=PATCH_RESPONSES, openapi_extra=PATCH_BODY)
async def patch_watcher(request: Request, lesson_id: str, stream: str, secret: str) -> Response:
    """Trickle candidates or restart ICE. The session URL is the authority."""
    session = signalling.find_session(request, Direction.WATCH, lesson_id, stream, secret)
    return await signalling.patch_session(request, session)


@router.delete("/{secret}", responses=END_RESPONSES)
async def end_watcher(request: Request, lesson_id: str, stream: str, secret: str) -> Response:
    """Stop watching."""
    session = signalling.find_session(request, Direction.WATCH, lesson_id, stream, secret)
    return await signalling.end_session(request, session)
