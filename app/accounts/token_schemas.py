"""Bodies of the requests and answers about tokens."""

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from app.accounts.models import AccessToken
from app.accounts.scopes import is_scope
from app.schemas import Input, Moment, Output, example, line

_Text = Annotated[str, Field(max_length=1024)]


class TokenForm(BaseModel):
    """The form of an OAuth 2.0 token request (RFC 6749 §4.3.2 and §6); what else is in it counts for nothing."""

    grant_type: Annotated[str, Field(max_length=200, description="`password` or `refresh_token`")] = (
        "password"
    )
    username: _Text = ""
    password: _Text = ""
    code: Annotated[
        str,
        Field(max_length=64, description="Of the second factor, once the answer is `sign_in.code_needed`"),
    ] = ""
    refresh_token: _Text = ""

    model_config = example({"username": "wang", "password": "kota-ribu-semo-lagi"})


class Token(Output):
    """A bearer token and what follows it (RFC 6749 §5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the bearer token expires")
    refresh_token: str = Field(description="Good for one exchange: `grant_type=refresh_token`")
    refresh_expires_in: int = Field(description="Seconds until one has to sign in again")
    must_change_password: bool = Field(
        description="Whether the token is good for nothing but `POST /api/v1/me/password` as yet"
    )

    model_config = example(
        {
            "access_token": "eyJhbGciOi…",
            "token_type": "bearer",
            "expires_in": 900,
            "refresh_token": "tongtang_refresh_9Wd0…",
            "refresh_expires_in": 43200,
            "must_change_password": False,
        }
    )


def _known(word: str) -> str:
    if not is_scope(word):
        raise PydanticCustomError("scope", "is not read, all or an action that a script may do")
    return word


Scope = Annotated[str, Field(max_length=64), AfterValidator(_known)]
_MINTED = {
    "id": "5b0f6c1e-0b1f-4a76-9a55-0c2d8e7f9a10",
    "name": "Timetable sync",
    "scopes": ["entry.plan", "read"],
    "created_at": "2026-11-22T08:00:00Z",
    "expires_at": "2027-02-01T00:00:00Z",
    "last_used_at": None,
}


class NewAccessToken(Input):
    """A token to be made for a script."""

    name: Annotated[str, line(100)] = Field(description="What it is for, to tell it from others")
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=100,
        description="`read` (everything that changes nothing), `all`, or actions such as `entry.plan`",
    )
    expires_at: Moment = Field(description="At most 366 days from now")

    model_config = example({key: _MINTED[key] for key in ("name", "scopes", "expires_at")})


class AccessTokenOut(Output):
    """An access token without its secret."""

    id: uuid.UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To within ten minutes; null: never yet")

    model_config = example(_MINTED)

    @classmethod
    def of(cls, row: AccessToken) -> Self:
        """As its owner sees it."""
        return cls(
            id=row.id,
            name=row.name,
            scopes=row.scopes.split(),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class MintedToken(AccessTokenOut):
    """An access token that was just made."""

    token: str = Field(description="Shown this once")

    model_config = example(_MINTED | {"token": "tongtang_pat_vX3…"})
