"""Settings of the whole product; the only module that reads the environment.

Every setting is an environment variable with the prefix ``TONGTANG_``. Settings are read once, at start,
and never change afterwards.
"""

import ipaddress
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url

from app.database import WAIT_SECONDS
from app.errors import StartupError
from app.guard.options import GuardOptions
from app.oidc_options import OidcOptions

PREFIX = "TONGTANG_"


class SettingsError(StartupError):
    """A setting has a value that cannot be used; the message is one line and names the variable."""


def _default_database_url(values: dict[str, Any]) -> str:
    if (file := values.get("database_url_file")) is not None:
        return _read_secret(file)
    folder: Path = values.get("data_dir", Path("data"))
    return f"sqlite:///{folder / 'tongtang.db'}"


def _default_public_url(values: dict[str, Any]) -> str:
    scheme = "https" if values.get("tls_certificate") else "http"
    return f"{scheme}://localhost:{values.get('http_port', 8000)}"


def _with_driver(url: str) -> str:
    """Accept the spellings hosting providers use, and name the driver that is installed."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("must look like sqlite:///path/to/file or postgresql://user:password@host/name")
    if scheme in ("postgres", "postgresql"):
        scheme = "postgresql+psycopg"
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(f"{scheme} is not supported: use sqlite:/// or postgresql://")
    return f"{scheme}://{rest}"


Port = Annotated[int, Field(ge=1, le=65535)]
DatabaseUrl = Annotated[str, AfterValidator(_with_driver)]

_HOST = r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_ORIGIN = re.compile(r"https?://[^\s/?#]+")
MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
"""A mail address as browsers take it (WHATWG HTML): one, without a name, and with nothing that ends a header."""
_ICE_SERVER = re.compile(rf"(?i:stuns?:{_HOST}|turns?:{_HOST}(\?transport=(udp|tcp))?)")
"""STUN and TURN URLs (RFC 7064, RFC 7065): no slashes, and nobody's name or password in them."""


def _read_secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read ({getattr(error, 'strerror', 'no text')})") from None


class Settings(GuardOptions, OidcOptions, BaseSettings):
    """What an operator can change, with defaults that suit one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    data_dir: Path = Field(Path("data"), description="Folder of the database, the secrets and recordings")
    database_url_file: Path | None = Field(
        None, description="File with the database's URL, because that may hold a password"
    )
    database_url: DatabaseUrl = Field(
        default_factory=_default_database_url,
        repr=False,  # may hold a password
        description="SQLAlchemy URL; SQLite in the data folder unless set",
    )
    database_wait_seconds: float = Field(
        WAIT_SECONDS, gt=0, le=60, description="How long a request waits for one of the 40 connections to it"
    )
    http_host: str = Field("127.0.0.1", description="Address the web server listens on")
    http_port: Port = Field(8000, description="TCP port of pages, REST, WHIP and WHEP")
    media_port: Port = Field(
        8189, description="UDP and TCP port of the first relay node; the next nodes count up"
    )
    media_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated addresses announced to media clients; this machine's unless set"
    )
    relay_nodes: int = Field(1, ge=1, le=64, description="Relay processes, best one per core")
    readers: int = Field(
        2, ge=0, le=64, description="Processes that answer what is only read; 0: the web process"
    )
    relay_native: bool = Field(True, description="Forward by the native kernel, where it was built")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged")
    log_format: Literal["console", "json"] = Field("console", description="Lines for people or for machines")
    public_url: str = Field(
        default_factory=_default_public_url,
        description="Origin under which browsers reach the server, without a trailing slash",
    )
    token_minutes: int = Field(15, ge=1, le=7 * 24 * 60, description="Life of a person's bearer token")
    refresh_hours: int = Field(
        12, ge=1, le=90 * 24, description="Time after which a program has to sign in again, not just refresh"
    )
    admins_need_second_factor: bool = Field(
        False, description="Let admins do nothing before they have a second factor"
    )
    session_minutes: int = Field(
        12 * 60,
        ge=1,
        le=7 * 24 * 60,
        description="Life of a page's sign-in; closing the browser ends it, too",
    )
    grant_minutes: int = Field(15, ge=1, le=24 * 60, description="Life of a lesson grant beyond its lesson")
    signing_key_days: int = Field(
        30, ge=1, le=366, description="Days a key signs tokens before another one does by itself"
    )
    turn_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated turn:, turns: and stun: URLs, handed to media clients"
    )
    turn_secret_file: Path | None = Field(
        None, description="File with the secret shared with the TURN server, in its only line"
    )
    turn_secret: SecretStr = Field(
        SecretStr(""), description="The secret itself: coturn's static-auth-secret with use-auth-secret"
    )
    mail_host: str = Field("", description="SMTP server that takes our mail; no mail unless set")
    mail_port: Port = Field(587, description="Its TCP port")
    mail_security: Literal["tls", "starttls", "none"] = Field(
        "starttls", description="Encryption of mail: tls from the start (port 465), starttls, or none"
    )
    mail_sender: str = Field("", description="Address that mail comes from, such as tongtang@example.org")
    mail_login: str = Field("", description="Login at the mail server, if it asks for one")
    mail_password_file: Path | None = Field(None, description="File with the mail server's password")
    mail_password: SecretStr = Field(SecretStr(""), description="The mail server's password itself")
    webhook_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated networks beside the internet that webhooks may lead to: 10.20.0.0/16"
    )
    bell_skew_minutes: int = Field(
        10, ge=0, le=60, description="How much of a lesson may lie outside of a period of a site's own bells"
    )
    keep_closed_accounts_months: int = Field(
        12, ge=1, le=1200, description="Months after closing an account that its person is erased"
    )
    keep_audit_months: int = Field(
        36, ge=7, le=1200, description="Months that the trail of who did what is kept"
    )
    keep_consent_proof_months: int = Field(
        36, ge=0, le=1200, description="Months that an ended guardian's consent is kept, without names"
    )
    keep_notices_days: int = Field(90, ge=1, le=3660, description="Days that notices of changes are kept")
    demo: bool = Field(False, description="Seed the demo county and keep a synthetic lesson on air")

    @field_validator("media_addresses", "turn_urls", "webhook_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("media_addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # IPv6 in brackets too, as it stands in URLs; a zone means nothing to anybody else.
        found = [ipaddress.ip_address(a[1:-1] if a.startswith("[") and a.endswith("]") else a) for a in value]
        if any(address.is_unspecified or getattr(address, "scope_id", None) for address in found):
            raise ValueError("0.0.0.0, :: and addresses with a %zone lead nowhere: give reachable ones")
        return tuple(dict.fromkeys(str(address) for address in found))

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(each)) for each in value)

    @field_validator("turn_urls")
    @classmethod
    def _are_ice_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, url in enumerate(value, 1):
            if not _ICE_SERVER.fullmatch(url):
                raise ValueError(
                    f"number {number} is not like turn:host:3478, turn:host:3478?transport=tcp, turns:host:5349 "
                    "or stun:host:3478"
                )
        return value

    @field_validator("database_url_file", "turn_secret_file", "mail_password_file", "oidc_client_secret_file")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        if value is not None and not _read_secret(value):
            raise ValueError("the file is empty")
        return value

    @field_validator("database_url", mode="before")
    @classmethod
    def _is_here_or_in_a_file(cls, value: str, info: ValidationInfo) -> str:
        path = info.data.get("database_url_file")
        if path is not None and value != _read_secret(path):
            raise ValueError(f"is set, and so is {PREFIX}DATABASE_URL_FILE; keep one of them")
        return value

    @field_validator("turn_secret", "mail_password", "oidc_client_secret", mode="before")
    @classmethod
    def _may_be_in_a_file(cls, value: SecretStr | str, info: ValidationInfo) -> SecretStr | str:
        path = info.data.get(f"{info.field_name}_file")
        if path is None:
            return value
        if value not in ("", SecretStr("")):
            raise ValueError(
                f"is set, and so is {PREFIX}{str(info.field_name).upper()}_FILE; keep one of them"
            )
        return _read_secret(path)

    @field_validator("mail_sender")
    @classmethod
    def _is_an_address_if_needed(cls, value: str, info: ValidationInfo) -> str:
        if (value or info.data.get("mail_host")) and not MAIL_ADDRESS.fullmatch(value):
            raise ValueError("is not like tongtang@example.org, which mail comes from")
        return value

    @field_validator("turn_secret")
    @classmethod
    def _is_there_if_needed(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if not value and any(url.lower().startswith("turn") for url in info.data.get("turn_urls", ())):
            raise ValueError(
                f"{PREFIX}TURN_URLS names TURN servers, so their shared secret is needed, here or in "
                f"{PREFIX}TURN_SECRET_FILE"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        origin = value.rstrip("/")
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("is not like https://lessons.example.org, with http:// or https:// and no path")
        return origin

    @property
    def allowed_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The networks that webhooks may lead to, beside the internet."""
        return tuple(ipaddress.ip_network(each) for each in self.webhook_networks)

    @cached_property
    def announced_addresses(self) -> tuple[str, ...]:
        """Addresses for the relay's ICE candidates: those set, or the machine's and loopback."""
        if self.media_addresses:
            return self.media_addresses
        import ifaddr  # only needed where no address is set

        ips = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
        # Of IPv6 ifaddr gives address, flow and scope; a link-local address is good on its own cable only.
        found = {ipaddress.ip_address(ip if isinstance(ip, str) else ip[0]) for ip in ips}
        usable = [ip for ip in found if not ip.is_loopback and not ip.is_link_local]
        # Loopback last: from another machine it is a wrong address, and browsers prefer what comes first.
        return (*(str(ip) for ip in sorted(usable, key=lambda ip: (ip.version, int(ip)))), "127.0.0.1")


def load_settings(**given: object) -> Settings:
    """Read the environment; what is `given`, such as on the command line, goes before it.

    Raises `SettingsError` with one line that says which variable to change.
    """
    try:
        settings = Settings.model_validate(given) if given else Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"][:1]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        may_hold_a_password = name.endswith(("_URL", "_URLS", "_SECRET", "_PASSWORD"))
        shown = "" if may_hold_a_password else f" (it is set to {str(first['input'])!r})"
        raise SettingsError(f"{name}: {reason}{shown}") from None
    if not settings.demo:
        _refuse_default_secrets(settings)
    return settings


_DEFAULTS = frozenset(
    {"changeme", "default", "example", "password", "postgres", "secret", "tongtang", "turnsecret"}
)
"""What stands in examples, without signs and in small letters."""


def _refuse_default_secrets(settings: Settings) -> None:
    """Raise `SettingsError` for a secret that everybody knows."""
    secrets = {
        "DATABASE_URL": make_url(settings.database_url).password or "",
        **{
            name.upper(): value.get_secret_value()
            for name in type(settings).model_fields
            if isinstance(value := getattr(settings, name), SecretStr)
        },
    }
    for name, secret in secrets.items():
        if re.sub(r"[^a-z0-9]", "", secret.lower()) in _DEFAULTS:
            raise SettingsError(
                f"{PREFIX}{name}: the secret in it stands in examples, so everybody knows it; "
                "make another one, such as with: openssl rand -hex 32"
            )
