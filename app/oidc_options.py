"""Settings of sign-in by an identity provider (OpenID Connect)."""

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

_ISSUER: Final = re.compile(r"https://[^\s?#]+|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?")
_SCOPES: Final = re.compile(r"openid( [!#-\[\]-~]+)*")


class OidcOptions(BaseModel):
    """Who vouches for people besides their passwords, and what that is worth here."""

    oidc_issuer: str = Field(
        "", description="Address of the identity provider, as its tokens name it; none unless set"
    )
    oidc_client_id: str = Field("", max_length=255, description="What the provider calls this server")
    oidc_client_secret_file: Path | None = Field(None, description="File with the secret shared with it")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="The secret itself; a provider of public clients asks for none"
    )
    oidc_mapping_file: Path | None = Field(
        None, description="JSON file that says which claims give which role where"
    )
    oidc_scopes: str = Field(
        "openid profile", max_length=500, description="What the provider is asked for; begins with openid"
    )
    oidc_second_factor: Annotated[tuple[str, ...], NoDecode] = Field(
        ("mfa",),
        description="Comma-separated words of `amr` or `acr` by which the provider says that it asked for a second "
        "factor; none believes no such word",
    )
    oidc_role_days: int = Field(
        90, ge=1, le=366, description="Days without a sign-in after which roles from the provider end"
    )

    @field_validator("oidc_second_factor", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        if isinstance(value, str):
            words = tuple(part.strip() for part in value.split(",") if part.strip())
            return () if words == ("none",) else words
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_an_issuer(cls, value: str) -> str:
        if value and not _ISSUER.fullmatch(value):
            raise ValueError("is not like https://login.example.org/realms/county")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _is_known_there(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("oidc_issuer"):
            raise ValueError("TONGTANG_OIDC_ISSUER is set, so the provider's name for this server is needed")
        return value

    @field_validator("oidc_mapping_file")
    @classmethod
    def _says_who_is_what(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("oidc_issuer"):
            raise ValueError("TONGTANG_OIDC_ISSUER is set, so a file is needed that says who is what here")
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _are_scopes(cls, value: str) -> str:
        if not _SCOPES.fullmatch(value):
            raise ValueError("is not like: openid profile groups")
        return value
