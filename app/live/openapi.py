"""How the media doors appear in the OpenAPI document: bodies there are SDP, not JSON."""

from typing import Any, Final

from app.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    responses,
)

Responses = dict[int | str, dict[str, Any]]

_TEXT: Final = {"schema": {"type": "string"}}
_LOCATION: Final = {
    "description": "The session's URL, a secret: whoever knows it may patch or end the session",
    "schema": {"type": "string", "format": "uri-reference"},
}
_LINK: Final = {
    "description": "A STUN or TURN server, where some are handed out; one header each (RFC 9725 §4.6)",
    "schema": {"type": "string"},
    "example": '<stun:turn.example.org:3478>; rel="ice-server"',
}
_ETAG: Final = {"description": "Names the ICE session; for If-Match", "schema": {"type": "string"}}


def _body(media_type: str, example: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {**_TEXT, "example": example}}}}


OPEN_BODY: Final = _body("application/sdp", "v=0\r\no=- 5228595038118931041 2 IN IP4 127.0.0.1\r\ns=-\r\n…")
PATCH_BODY: Final = _body(
    "application/trickle-ice-sdpfrag",
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n",
)

OPEN_RESPONSES: Final[Responses] = {
    201: {
        "description": "The session is open; the body is the SDP answer",
        "headers": {"Location": _LOCATION, "ETag": _ETAG, "Link": _LINK},
        "content": {"application/sdp": _TEXT},
    },
    **responses(
        *(BadRequest, Unauthenticated, Forbidden, NotFound, NotAcceptable, Conflict, TooLarge),
        *(UnsupportedMedia, TooManyRequests, Unavailable),
    ),
}
PUBLISH_RESPONSES: Final[Responses] = {**OPEN_RESPONSES, **responses(PreconditionFailed)}
PATCH_RESPONSES: Final[Responses] = {
    200: {
        "description": "ICE was restarted; the body holds the new credentials",
        "headers": {"ETag": _ETAG},
        "content": {"application/trickle-ice-sdpfrag": _TEXT},
    },
    204: {"description": "The candidates were taken"},
    **responses(
        *(BadRequest, NotFound, Gone, PreconditionFailed, TooLarge, UnsupportedMedia),
        *(PreconditionRequired, Unavailable),
    ),
}
END_RESPONSES: Final[Responses] = {200: {"description": "The session has ended"}, **responses(NotFound, Gone)}
