"""The identity provider as this server knows it: where it is, what it is asked, and which of its words count.

OpenID Connect Core 1.0 with the authorization code and PKCE (RFC 7636). All it takes is bounded: whole exchanges by
`WHOLE_SECONDS`, answers by `transport`, exchanges at once by `MOST_AT_ONCE`.

    ProviderError
    ├── ProviderDown    no answer, or none that makes sense: nobody's fault who signs in
    └── TokenRefused    an answer that does not prove who somebody is; `why` in a word
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from app.oidc.attempts import Attempt
from app.oidc.rules import LONGEST_SUBJECT, claim_of
from app.oidc.transport import SECONDS, BoundedTransport

WHOLE_SECONDS: Final = 10.0
MOST_AT_ONCE: Final = 32
KEPT_SECONDS: Final = 3600.0
"""So long the provider's description and keys are not asked for again."""
KEYS_AGAIN_SECONDS: Final = 60.0
"""A token that names a key we do not know lets us ask again, but no more often than this."""
LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ."""
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures by a key pair only: with `none` or a shared secret others could sign, too (RFC 8725 §3.1)."""
_WORDS: Final = {"iss": "issuer", "aud": "audience", "azp": "audience", "nonce": "nonce", "sub": "subject"}
_OF_THE_SIGN_IN: Final = frozenset({"amr", "acr", "auth_time", "sid"})
"""Claims about how somebody signed in, which stand in ID tokens only."""

Clock = Callable[[], float]
Json = dict[str, Any]


class ProviderError(Exception):
    """The provider did not vouch for anybody."""


class ProviderDown(ProviderError):
    """The provider cannot be reached, or answers what makes no sense."""


class TokenRefused(ProviderError):
    """What came back does not prove who somebody is."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Registration:
    """What provider and server agreed on."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: str


@dataclass(frozen=True, slots=True)
class _Known:
    """The provider's description and its keys."""

    about: Json
    keys: KeySet
    at: float


class Provider:
    """One identity provider."""

    def __init__(self, registration: Registration, clock: Clock = time.monotonic) -> None:
        self._registration = registration
        self._clock = clock
        self._known: _Known | None = None
        self._busy = 0
        self._learning = asyncio.Lock()
        self._asked_again = -math.inf
        """When keys were last asked for because a token named one that is not known, whatever came of it."""

    @property
    def issuer(self) -> str:
        """What its tokens call it."""
        return self._registration.issuer

    async def address_for(self, attempt: Attempt) -> str:
        """Where to send a browser that wants to sign in."""
        async with self._exchange() as client:
            known = await self._learn(client)
            address, _state = client.create_authorization_url(
                known.about["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
            return str(address)

    async def claims_for(
        self, code: str, attempt: Attempt, now: datetime, needed: frozenset[str]
    ) -> Mapping[str, Any]:
        """What the provider says of whoever brought this code back.

        Those of the `needed` claims that the ID token leaves out are asked for with its access token.
        """
        async with self._exchange() as client:
            known = await self._learn(client)
            answer = await self._redeem(client, known, code, attempt)
            raw = answer.get("id_token")
            if not isinstance(raw, str):
                raise TokenRefused("missing")
            try:
                claims = self._read(raw, known, attempt, answer, now)
            except InvalidKeyIdError:
                known = await self._learn(client, not_before=self._clock() - KEYS_AGAIN_SECONDS)
                claims = self._read_again(raw, known, attempt, answer, now)
            if any(claim_of(claims, name) is None for name in needed):
                claims = await self._and_more(client, known, claims, answer)
            return claims

    async def signed_claims(self, raw: str) -> tuple[Json, Json]:
        """The claims and the header of a token that the provider signed; what they say is not looked at.

        Anybody may send one. So the provider is asked only where its keys are not known, and only while most of
        `MOST_AT_ONCE` are left to those who sign in.
        """
        if (token := self._decoded_by_known(raw)) is not None:
            return dict(token.claims), dict(token.header)
        if self._busy >= MOST_AT_ONCE // 4:
            raise ProviderDown("too many wait for keys")
        async with self._exchange() as client:
            known = await self._learn(client)
            try:
                try:
                    token = _decoded(raw, known)
                except InvalidKeyIdError:
                    known = await self._learn(client, not_before=self._clock() - KEYS_AGAIN_SECONDS)
                    token = _decoded(raw, known)
            except (JoseError, ValueError, TypeError):
                raise TokenRefused("signature") from None
            return dict(token.claims), dict(token.header)

    def _decoded_by_known(self, raw: str) -> jwt.Token | None:
        """A token by the keys that are known; None when they are too old, or do not have the one it names."""
        if self._known is None or self._known.at < self._clock() - KEPT_SECONDS:
            return None
        try:
            return _decoded(raw, self._known)
        except InvalidKeyIdError:
            if self._asked_again >= self._clock() - KEYS_AGAIN_SECONDS:  # a moment ago, and it was not there
                raise TokenRefused("signature") from None
            return None
        except (JoseError, ValueError, TypeError):
            raise TokenRefused("signature") from None

    @property
    def client_id(self) -> str:
        """What the provider calls this server."""
        return self._registration.client_id

    @asynccontextmanager
    async def _exchange(self) -> AsyncIterator[AsyncOAuth2Client]:
        if self._busy >= MOST_AT_ONCE:
            raise ProviderDown("too many sign in at once")
        self._busy += 1
        ours = self._registration
        try:
            async with (
                asyncio.timeout(WHOLE_SECONDS),
                AsyncOAuth2Client(
                    ours.client_id,
                    ours.client_secret or None,
                    redirect_uri=ours.redirect_uri,
                    scope=ours.scopes,
                    code_challenge_method="S256",
                    transport=BoundedTransport(),
                    timeout=SECONDS,
                    follow_redirects=False,
                ) as client,
            ):
                yield client
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise ProviderDown(type(error).__name__) from None
        finally:
            self._busy -= 1

    async def _learn(self, client: AsyncOAuth2Client, not_before: float | None = None) -> _Known:
        """The description and the keys, asked for unless they are known from `not_before` or later."""
        async with self._learning:  # whoever waits finds what the one before them learnt
            oldest = self._clock() - KEPT_SECONDS if not_before is None else not_before
            if self._known is not None and self._known.at >= oldest:
                return self._known
            if not_before is not None:
                if self._known is not None and self._asked_again >= not_before:
                    return self._known
                self._asked_again = self._clock()
            self._known = await self._ask(client)
            return self._known

    async def _ask(self, client: AsyncOAuth2Client) -> _Known:
        issuer = self._registration.issuer
        about = await _get_json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != issuer:  # OpenID Connect Discovery 1.0 §4.3
            raise ProviderDown("the provider calls itself otherwise than TONGTANG_OIDC_ISSUER does")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _require_address(about.get(name), issuer, name)
        try:
            keys = KeySet.import_key_set(cast(Any, await _get_json(client, about["jwks_uri"])))
        except (JoseError, ValueError, KeyError, TypeError):
            raise ProviderDown("the provider's keys cannot be read") from None
        return _Known(about, keys, self._clock())

    async def _redeem(self, client: AsyncOAuth2Client, known: _Known, code: str, attempt: Attempt) -> Json:
        methods = known.about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if client.client_secret and "client_secret_basic" not in methods:
            client.token_endpoint_auth_method = "client_secret_post"
        address = known.about["token_endpoint"]
        try:
            answer = await client.fetch_token(
                address, grant_type="authorization_code", code=code, code_verifier=attempt.verifier
            )
        except OAuthError as error:
            if error.error == "invalid_grant":
                raise TokenRefused("code") from None
            raise ProviderDown(f"the provider answers {str(error.error)[:40]!r} for a code") from None
        except ValueError:
            raise ProviderDown("the provider's answer for a code is no JSON") from None
        if not isinstance(answer, dict):
            raise ProviderDown("the provider's answer for a code is no object")
        return answer

    def _read_again(self, raw: str, known: _Known, attempt: Attempt, answer: Json, now: datetime) -> Json:
        try:
            return self._read(raw, known, attempt, answer, now)
        except InvalidKeyIdError:
            raise TokenRefused("signature") from None

    def _read(self, raw: str, known: _Known, attempt: Attempt, answer: Json, now: datetime) -> Json:
        """The claims of an ID token (OpenID Connect Core §3.1.3.7)."""
        ours = self._registration
        options = {
            "iss": {"essential": True, "value": ours.issuer},
            "aud": {"essential": True, "value": ours.client_id},
            "nonce": {"essential": True, "value": attempt.nonce},
        }
        about = {
            "nonce": attempt.nonce,
            "client_id": ours.client_id,
            "access_token": answer.get("access_token"),
        }
        try:
            token = _decoded(raw, known)
            claims = CodeIDToken(token.claims, token.header, options, about)
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except InvalidKeyIdError:
            raise
        except ExpiredTokenError:
            raise TokenRefused("expired") from None
        except ClaimError as error:
            raise TokenRefused(_WORDS.get(error.claim, "claims")) from None
        except (JoseError, ValueError, TypeError):
            raise TokenRefused("signature") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise TokenRefused("subject")
        return dict(claims)

    async def _and_more(self, client: AsyncOAuth2Client, known: _Known, claims: Json, answer: Json) -> Json:
        """The claims with those of the UserInfo endpoint, which never replace any (OpenID Connect Core §5.3)."""
        address, token = known.about.get("userinfo_endpoint"), answer.get("access_token")
        if address is None or not isinstance(token, str):
            return claims
        _require_address(address, self._registration.issuer, "userinfo_endpoint")
        more = await _get_json(client, address, {"Authorization": f"Bearer {token}"})
        if more.get("sub") != claims["sub"]:
            raise TokenRefused("subject")
        return {**{name: each for name, each in more.items() if name not in _OF_THE_SIGN_IN}, **claims}


def _decoded(raw: str, known: _Known) -> jwt.Token:
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    return jwt.decode(raw, known.keys, registry=registry)


async def _get_json(
    client: AsyncOAuth2Client, address: str, headers: Mapping[str, str] | None = None
) -> Json:
    answer = await client.request("GET", address, withhold_token=True, headers=headers)
    answer.raise_for_status()
    try:
        found = answer.json()
    except ValueError:
        raise ProviderDown("the provider's answer is no JSON") from None
    if answer.status_code != 200 or not isinstance(found, dict):
        raise ProviderDown("the provider's answer is no object")
    return found


def _require_address(address: object, issuer: str, name: str) -> None:
    """A provider that is asked over TLS does not send anybody elsewhere without."""
    scheme = issuer.partition("://")[0]
    if not isinstance(address, str) or not address.startswith(f"{scheme}://"):
        raise ProviderDown(f"the provider's {name} is no {scheme} address")
