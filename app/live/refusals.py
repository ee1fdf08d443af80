"""What the relay's refusals are called at the HTTP doors."""

from typing import Final

from app.errors import (
    AppError,
    BadRequest,
    Conflict,
    Gone,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unavailable,
)
from media_relay.api import OfferRefused, RelayError

_KINDS: Final[dict[str, tuple[type[AppError], str]]] = {
    "offer.malformed": (BadRequest, "Offer not understood"),
    "offer.no_media": (BadRequest, "No audio or video offered"),
    "offer.unsupported": (BadRequest, "Offer not supported"),
    "offer.no_common_codec": (NotAcceptable, "No common codec"),
    "offer.too_large": (TooLarge, "Offer too large"),
    "session.unknown": (NotFound, "Unknown media session"),
    "node.full": (Unavailable, "Media relay full"),
    "node.draining": (Unavailable, "Media relay about to restart"),
}
_OTHERWISE: Final = (BadRequest, "Offer refused")


def refusal_of(error: RelayError) -> AppError:
    """The answer a client gets for the relay's error."""
    if not isinstance(error, OfferRefused):
        return relay_down()
    kind, title = _KINDS.get(error.code, _OTHERWISE)
    headers = {"Retry-After": "5"} if kind is Unavailable else None
    return kind(error.code, title, error.detail, headers=headers)


REPLACED: Final = "session.replaced"
LESSON_OVER: Final = "lesson.over"
RIGHT_ENDED: Final = "right.ended"
_OVER: Final[dict[str, tuple[str, str]]] = {
    REPLACED: ("Taken over", "This stream is published from elsewhere since."),
    LESSON_OVER: ("Lesson over", "The lesson is over, and with it its sound and picture."),
    RIGHT_ENDED: (
        "Not in the lesson any more",
        "Your part in this lesson has ended; who planned it knows why.",
    ),
}


def over(why: str) -> Gone:
    """The answer to a client that comes back to a session which the server ended."""
    title, detail = _OVER[why]
    return Gone(why, title, detail)


def stream_taken(stream: str, *, mine: bool) -> AppError:
    """Somebody else publishes the stream; or who asks may take it over, and asked not to."""
    if mine:
        return PreconditionFailed(
            "stream.taken",
            "Stream taken",
            f"{stream} is published already; without If-None-Match you would take it over.",
        )
    return Conflict(
        "stream.taken",
        "Stream taken",
        f"Somebody else is publishing {stream}; it becomes free when they leave.",
    )


def relay_down() -> Unavailable:
    """No relay node takes offers at the moment."""
    return Unavailable(
        "relay.down",
        "Media relay not running",
        "The media relay is being restarted; try again in a second.",
        headers={"Retry-After": "1"},
    )
