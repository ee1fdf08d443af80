"""Signing in by the provider, from the button to the open door. No transaction is open while the provider is asked."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.accounts.digests import digest
from app.accounts.factors import is_asked_for
from app.accounts.passwords import unknowable_hash
from app.accounts.sign_in import Door
from app.database import CALLER_ADDRESS
from app.guard.traffic import Limit
from app.oidc import service
from app.oidc.attempts import Attempt
from app.oidc.logout import NotALogout, logout_of
from app.oidc.mapping import read_mapping
from app.oidc.provider import Provider, ProviderDown, Registration, TokenRefused
from app.oidc.rules import Outcome, RoleMapping, proves_second_factor, sid_of
from app.oidc.service import Arrival, Vouched
from app.settings import Settings

_log = structlog.stdlib.get_logger(__name__)
BACK: Final = "/sign-in/provider/back"
SIGN_OUT: Final = "/sign-in/provider/sign-out"
"""Where the provider itself says that somebody signed out there."""
T = TypeVar("T")


class Answer(NamedTuple):
    """What a browser brings back from the provider."""

    state: str
    code: str
    error: str
    issuer: str


class Welcome(NamedTuple):
    """How it ended."""

    arrival: Arrival
    second_factor: bool = False
    """Whether the provider asked for one."""
    sid: str | None = None
    """What the provider calls its session."""


@dataclass(frozen=True)
class ProviderDesk:
    """What signing in by the provider needs."""

    provider: Provider
    mapping: RoleMapping
    second_factor_words: tuple[str, ...]
    door: Door
    registry: CollectorRegistry
    ended: Counter = field(init=False)
    logouts: Counter = field(init=False)

    def __post_init__(self) -> None:
        words = "Sign-ins by the identity provider, by how they ended"
        counter = Counter("tongtang_provider_sign_ins", words, ["result"], registry=self.registry)
        object.__setattr__(self, "ended", counter)
        words = "Times the identity provider said that somebody signed out there"
        counter = Counter("tongtang_provider_logouts", words, ["result"], registry=self.registry)
        object.__setattr__(self, "logouts", counter)

    async def address_for(self, attempt: Attempt) -> str | None:
        """Where to send the browser; None when the provider cannot be reached."""
        try:
            return await self.provider.address_for(attempt)
        except ProviderDown as error:
            self._is_down(error)
            return None

    async def welcome(self, attempt: Attempt | None, answer: Answer, address: str, now: datetime) -> Welcome:
        """Let in whoever brings an answer of the provider to an attempt of the same browser."""
        limits = self.door.limits
        if refusal := limits.attempt_from(address):
            self.door.traffic.refused(refusal.limit, address, address=address)
            return self._ended(Welcome(Arrival(Outcome.LIMITED)))
        if attempt is None or not attempt.is_answered_by(answer.state):
            return await self._refused("state", address)
        used = partial(service.use_state, state_hash=digest(answer.state), now=now)
        if not await self._in_transaction(address, used):
            return await self._refused("replayed", address)
        if answer.issuer and answer.issuer != self.provider.issuer:  # RFC 9207 §2.4
            return await self._refused("issuer", address)
        if not answer.code:
            cancelled = answer.error == "access_denied"
            return self._ended(Welcome(Arrival(Outcome.CANCELLED if cancelled else Outcome.UNAVAILABLE)))
        try:
            claims = await self.provider.claims_for(answer.code, attempt, now, self.mapping.claims)
        except TokenRefused as error:
            return await self._refused(error.why, address)
        except ProviderDown as error:
            self._is_down(error)
            return Welcome(Arrival(Outcome.UNAVAILABLE))
        hashed = await run_in_threadpool(unknowable_hash)
        vouched = Vouched(self.provider.issuer, claims["sub"], claims, hashed)
        proven = proves_second_factor(claims, self.second_factor_words)
        arrive = partial(self._arrive, person_id=attempt.person_id, vouched=vouched, proven=proven, now=now)
        arrival = await self._in_transaction(address, arrive)
        return self._ended(Welcome(arrival, proven, sid_of(claims)))

    def _arrive(
        self, session: Session, person_id: uuid.UUID | None, vouched: Vouched, proven: bool, now: datetime
    ) -> Arrival:
        if person_id is not None:
            return service.connect(session, person_id, vouched, now)
        arrival = service.arrive(session, vouched, self.mapping, now)
        if arrival.outcome is Outcome.ACCEPTED and arrival.person_id is not None:
            if not proven and is_asked_for(session, arrival.person_id):
                return Arrival(Outcome.CODE_NEEDED, arrival.person_id)
            service.note_entry(session, arrival.person_id)
        return arrival

    async def sign_out(self, raw: str, address: str, now: datetime) -> None:
        """End the sign-ins that the provider says are over.

        Raises `NotALogout` or `TokenRefused` for a token that does not say so, `TooManyRequests` for too many of them
        from one address, and `ProviderDown` without the provider's keys. What the provider signed always counts:
        strangers who share its address keep nobody signed in.
        """
        try:
            claims, header = await self.provider.signed_claims(raw)
            wanted = logout_of(
                claims, header, issuer=self.provider.issuer, client_id=self.provider.client_id, now=now
            )
            done = partial(service.sign_out, issuer=self.provider.issuer, wanted=wanted, now=now)
            ended = await self._in_transaction(address, done)
        except (NotALogout, TokenRefused) as refused:
            self.logouts.labels("refused").inc()
            if refused.why != "replayed":  # which the provider itself does when it missed our answer
                self.door.traffic.require_of_address(Limit.PROVIDER_LOGOUTS, address)
            raise
        self.logouts.labels("done").inc()
        _log.info("signed out by the provider", sessions=ended)

    async def turn_away(self, why: str, address: str) -> None:
        """Note that nobody was let in after all."""
        await self._in_transaction(address, partial(service.note_refusal, why=why))
        self.ended.labels(Outcome.REFUSED).inc()

    def still_in_there(
        self, person_id: uuid.UUID, sid: str | None, since: datetime
    ) -> Callable[[Session], None]:
        """What `let_in` asks first: whether somebody has not signed out at the provider since it vouched for them."""
        issuer = self.provider.issuer
        return partial(
            service.require_signed_in_there, issuer=issuer, person_id=person_id, sid=sid, since=since
        )

    async def _in_transaction(self, address: str, work: Callable[[Session], T]) -> T:
        def done() -> T:
            with self.door.factory.begin() as session:
                session.info[CALLER_ADDRESS] = address
                return work(session)

        return await run_in_threadpool(done)

    async def _refused(self, why: str, address: str) -> Welcome:
        self.door.limits.refused_from(address)
        await self._in_transaction(address, partial(service.note_refusal, why=why))
        return self._ended(Welcome(Arrival(Outcome.REFUSED)))

    def _ended(self, welcome: Welcome) -> Welcome:
        self.ended.labels(welcome.arrival.outcome).inc()
        return welcome

    def _is_down(self, error: ProviderDown) -> None:
        _log.warning("the identity provider does not vouch for anybody", reason=str(error))
        self.ended.labels(Outcome.UNAVAILABLE).inc()


def desk_of(settings: Settings, door: Door, registry: CollectorRegistry) -> ProviderDesk | None:
    """The desk for the provider that the settings name; None when they name none.

    Raises `StartupError` when the mapping cannot be used.
    """
    if not settings.oidc_issuer or settings.oidc_mapping_file is None:
        return None
    registration = Registration(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        settings.public_url + BACK,
        settings.oidc_scopes,
    )
    mapping = read_mapping(settings.oidc_mapping_file)
    return ProviderDesk(Provider(registration), mapping, settings.oidc_second_factor, door, registry)
