"""Bodies of the requests and answers about room terminals."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.accounts.models import RoomTerminal
from app.schemas import Input, Output, example

_TERMINAL = "0b8f2d4e-53c6-4a7b-9e21-6d0c7f3a1b52"
_ROOM = "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55"
_PLACE = {
    "id": _ROOM,
    "kind": "receiving",
    "name": "响洪甸教学点 Xianghongdian · 接收教室",
    "time_zone": "Asia/Shanghai",
}
_KEY = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4.4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"

Secret = Annotated[str, Field(min_length=43, max_length=43, pattern=r"^[A-Za-z0-9_-]+$")]


class NewTerminal(Input):
    """A device that would be a room's terminal."""

    public_key: str = Field(
        max_length=100, description="Of its P-256 key pair: x and y in base64url, a dot between"
    )

    model_config = example({"public_key": _KEY})


class TerminalCode(Output):
    """What the device shows and keeps."""

    code: str = Field(description="To be shown in big letters")
    secret: str = Field(description="Asks how it goes; nobody else should know it")
    approve_url: str = Field(description="Where an administrator lets it in")
    qr: str = Field(description="The same as a QR code: an image as a data URL")
    expires_at: datetime

    model_config = example(
        {
            "code": "K7M3QX",
            "secret": "nZ1c…",
            "approve_url": "https://lessons.example.org/terminals#code=K7M3QX",
            "qr": "data:image/svg+xml;charset=utf-8,…",
            "expires_at": "2026-11-22T01:10:00Z",
        }
    )


class TerminalQuestion(Input):
    """A device asks whether somebody has let it in."""

    secret: Secret

    model_config = example({"secret": "nZ1cXo0rA6yE8uT3bH5jK2mL4pQ7sV9wC1dF0gN6xYz"})


class TerminalWait(Output):
    """How it goes."""

    terminal_id: uuid.UUID | None = Field(description="Null while nobody has let it in")

    model_config = example({"terminal_id": None})


class Approval(Input):
    """Lets the device that shows a code in, as the terminal of a room."""

    code: str = Field(max_length=16, description="As the screen shows it; spaces and small letters are fine")
    room_id: uuid.UUID

    model_config = example({"code": "K7M 3QX", "room_id": _ROOM})


class TerminalOut(Output):
    """A room's terminal."""

    id: uuid.UUID
    room_id: uuid.UUID
    room: str = Field(description="School or site, and room")
    paired_at: datetime
    last_seen_at: datetime | None = Field(
        description="When it last proved itself; every ten minutes while on"
    )
    removed_at: datetime | None

    model_config = example(
        {
            "id": _TERMINAL,
            "room_id": _ROOM,
            "room": "响洪甸教学点 Xianghongdian · 接收教室",
            "paired_at": "2026-11-22T01:02:03Z",
            "last_seen_at": "2026-11-23T00:41:00Z",
            "removed_at": None,
        }
    )

    @classmethod
    def of(cls, terminal: RoomTerminal, room: str) -> "TerminalOut":
        return cls(
            id=terminal.id,
            room_id=terminal.room_id,
            room=room,
            paired_at=terminal.paired_at,
            last_seen_at=terminal.last_seen_at,
            removed_at=terminal.removed_at,
        )


class Challenge(Output):
    """What the device has to sign, good once and for a minute."""

    challenge: str

    model_config = example({"challenge": "eyJhbGciOi…"})


class Proof(Input):
    """The challenge, signed."""

    challenge: str = Field(max_length=2000)
    signature: str = Field(
        max_length=100,
        description="ECDSA with SHA-256 over the challenge's text: r and s, 64 bytes in base64url",
    )

    model_config = example({"challenge": "eyJhbGciOi…", "signature": "MEUCIQ…"})


class TerminalRoom(Output):
    """The room that a terminal belongs to: its kind says what the screen is there for."""

    id: uuid.UUID
    kind: str = Field(description="`main` or `receiving`")
    name: str = Field(description="School or site, and room")
    time_zone: str = Field(description="IANA name of the county's: the screen's own may be set to another")

    model_config = example(_PLACE)


class TerminalSession(Output):
    """A short bearer token."""

    access_token: str
    expires_at: datetime
    room: TerminalRoom

    model_config = example(
        {
            "access_token": "eyJhbGciOi…",
            "expires_at": "2026-11-23T00:56:00Z",
            "room": _PLACE,
        }
    )
