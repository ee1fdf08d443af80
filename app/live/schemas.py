"""What somebody is told who joins a lesson."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.lessons.rules import ParticipantRole
from app.lessons.schemas import LessonOut
from app.schemas import Output, TimeZoneName

Stream = Annotated[str, Field(description="main, board, or site-<code>", examples=["main"])]
GrantToken = Annotated[str, Field(description="Bearer token for this stream only", examples=["eyJhbGciOi…"])]


class PublishOffer(Output):
    """A stream the person may publish: POST an SDP offer to the URL with the token (WHIP, RFC 9725)."""

    stream: Stream
    url: str = Field(
        description="WHIP endpoint, relative to this server",
        examples=["/whip/5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10/main"],
    )
    token: GrantToken
    expires_at: datetime


class WatchOffer(Output):
    """A stream the person may watch: POST an SDP offer to the URL with the token (WHEP)."""

    stream: Stream
    name: str = Field(description="Who is seen: the teacher or the teaching site")
    url: str = Field(
        description="WHEP endpoint, relative to this server",
        examples=["/whep/5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10/main"],
    )
    token: GrantToken
    expires_at: datetime
    publishing: bool = Field(description="Whether media arrive at the moment")


def _is_none(value: object) -> bool:
    return value is None


class IceServer(Output):
    """A STUN or TURN server, as RTCPeerConnection takes it."""

    urls: list[str] = Field(examples=[["turn:turn.example.org:3478", "turns:turn.example.org:443"]])
    # Left out of a STUN server: browsers would take null for a user of that name.
    username: str | None = Field(None, exclude_if=_is_none, description="Holds when it runs out; TURN only")
    credential: str | None = Field(None, exclude_if=_is_none, description="A secret; TURN only")


class Join(Output):
    """All a page or a media client needs to take part in a lesson."""

    lesson: LessonOut
    role: ParticipantRole
    publish: list[PublishOffer] = Field(description="Empty outside the lesson's time")
    watch: list[WatchOffer] = Field(description="Empty outside the lesson's time")
    ice_servers: list[IceServer] = Field(
        description="Ways around a firewall, good as long as the grants; often empty: the relay is reached directly"
    )
    viewer: str = Field(
        description="Names this page or program: all that its grants open shares one link. "
        "Say it in the channel's hello",
        examples=["Jx0mT5lZq0H2nV4c"],
    )
    channel: str = Field(
        description="WebSocket of the classroom channel, relative to this server",
        examples=["/api/v1/lessons/5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10/channel"],
    )
    server_time: datetime
    time_zone: TimeZoneName = Field(
        description="Where the lesson's school is: what a room's clock shows, whatever the screen believes"
    )
