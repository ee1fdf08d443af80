"""Bodies of the requests and answers of sign-in by the provider."""

from datetime import datetime

from pydantic import Field

from app.schemas import Input, Output, example


class OwedCode(Input):
    """A code of the second factor, from somebody for whom the provider vouched a moment ago."""

    code: str = Field(min_length=1, max_length=64, description="Of the app, or a recovery code")

    model_config = example({"code": "493021"})


class IdentityOut(Output):
    """How one's account and the identity provider stand to each other."""

    offered: bool = Field(description="Whether there is an identity provider here at all")
    connected_at: datetime | None = Field(description="Since when one's account is connected with one of its")

    model_config = example({"offered": True, "connected_at": "2026-09-01T08:00:00Z"})


class ProviderAddress(Output):
    """Where a page sends its browser next."""

    url: str = Field(description="Of the provider; this browser only, within 15 minutes")

    model_config = example({"url": "https://login.example.org/authorize?client_id=tongtang&state=…"})
