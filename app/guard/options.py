"""Settings of what stands before the application."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from app.guard.addresses import Network
from app.uploads import check_scanner

_HOST_NAME: Final = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_CONTACT: Final = re.compile(r"(?:mailto:[^@\s]+@[^@\s]+|tel:\+?[0-9-]+|https://[^\s/]+[^\s]*)")
_PerSecond = Annotated[float, Field(gt=0, le=1_000_000)]
_Seconds = Annotated[float, Field(gt=0, le=3600)]


class GuardOptions(BaseModel):
    """Proxies, hosts, TLS, and how much of everything one caller may have."""

    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128")),
        description="Comma-separated addresses and networks of proxies that are believed about who calls; "
        "none believes nobody",
    )
    proxy_header: Literal["x-forwarded", "forwarded"] = Field(
        "x-forwarded",
        description="What those proxies write: X-Forwarded-For and -Proto, or Forwarded (RFC 7239)",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Comma-separated further host names of this server, such as old.example.org, *.example.org",
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the certificate with its chain: the server speaks TLS itself"
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's key")
    hsts_seconds: int = Field(
        31_536_000, ge=0, description="How long browsers that came over TLS come by TLS only; 0: not told"
    )
    reads_per_second: _PerSecond = Field(
        200.0, description="Reads a second from one network address, 60 times as many at once"
    )
    writes_per_second: _PerSecond = Field(50.0, description="Writes a second from one address, likewise")
    sockets_per_second: _PerSecond = Field(
        20.0, description="Classroom channels opened a second from one address, likewise"
    )
    media_per_second: _PerSecond = Field(
        40.0, description="WHIP and WHEP requests a second from one address, likewise; half for one lesson"
    )
    account_reads_per_second: _PerSecond = Field(50.0, description="Reads a second of one account, likewise")
    account_writes_per_second: _PerSecond = Field(
        20.0,
        description="Writes a second of one account, likewise; channels and media sessions a tenth of it",
    )
    connections: int = Field(4000, ge=10, description="Connections at once")
    connections_per_address: int = Field(
        1500, ge=1, description="Connections at once from one address; trusted proxies are not counted"
    )
    head_seconds: _Seconds = Field(10.0, description="Time for the head of a request")
    body_seconds: _Seconds = Field(20.0, description="Time for a body, and a second more for each 8 KiB")
    idle_seconds: _Seconds = Field(30.0, description="How long a connection is kept between requests")
    write_seconds: _Seconds = Field(30.0, description="How long a client may take nothing of its answer")

    upload_scanner: Annotated[str, AfterValidator(check_scanner)] = Field(
        "",
        description="Command that is given each uploaded file, or clamd://host:port, or clamd:/path/of/socket",
    )
    upload_scan_seconds: _Seconds = Field(30.0, description="How long a scan may take; a late one is refused")
    security_contact: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated mailto:, tel: and https: addresses for security.txt (RFC 9116)"
    )
    security_policy: str = Field("", description="https: address of the policy named in security.txt")

    @field_validator("security_contact", mode="before")
    @classmethod
    def _split_contacts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("security_contact")
    @classmethod
    def _are_contacts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_CONTACT.fullmatch(each) for each in value):
            raise ValueError("is not like mailto:security@example.org or https://example.org/security")
        return value

    @field_validator("security_policy")
    @classmethod
    def _is_a_policy(cls, value: str) -> str:
        if value and not (_CONTACT.fullmatch(value) and value.startswith("https://")):
            raise ValueError("is not like https://example.org/security-policy")
        return value

    @field_validator("trusted_proxies", "allowed_hosts", mode="before")
    @classmethod
    def _split_lists(cls, value: object) -> object:
        if isinstance(value, str):
            parts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
            return () if parts == ("none",) else parts
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError("names hosts like lessons.example.org or *.example.org, without a port")
        return value

    @field_validator("tls_key")
    @classmethod
    def _key_and_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if (value is None) != (info.data.get("tls_certificate") is None):
            raise ValueError(
                "a key and a certificate go together: set TONGTANG_TLS_CERTIFICATE and TONGTANG_TLS_KEY"
            )
        return value
