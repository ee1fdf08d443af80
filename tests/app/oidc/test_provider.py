"""What an identity provider may answer, and what of it counts. It is a real server, and it lies."""

import asyncio
import hmac
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from app.oidc import provider as providers
from app.oidc.attempts import Attempt
from app.oidc.provider import Provider, ProviderDown, Registration, TokenRefused
from tests.oidc import CLIENT_ID, LyingProvider, lying_provider

ATTEMPT = Attempt.new()
NONE: frozenset[str] = frozenset()
Claims = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[LyingProvider]:
    with lying_provider() as server:
        yield server


@pytest.fixture
def liar(server: LyingProvider) -> Iterator[LyingProvider]:
    good = replace(server)
    server.nonce, server.token = ATTEMPT.nonce, server.signed
    yield server
    server.__dict__.update(good.__dict__, asked=[], forms=[], about={}, more={})


def asked(server: LyingProvider, needed: frozenset[str] = NONE) -> Claims:
    provider = Provider(Registration(server.issuer, CLIENT_ID, "hush", "http://here/back", "openid"))
    return dict(asyncio.run(provider.claims_for("code", ATTEMPT, datetime.now(UTC), needed)))


def test_a_good_token_counts_and_the_code_is_redeemed_with_its_verifier(liar: LyingProvider) -> None:
    assert asked(liar)["sub"] == "wang"
    (form,) = liar.forms
    assert form["code_verifier"] == [ATTEMPT.verifier] and form["redirect_uri"] == ["http://here/back"]
    liar.token = lambda claims: liar.signed({**claims, "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID})
    assert asked(liar)["sub"] == "wang"


def by_hand(claims: Claims, algorithm: str, secret: bytes) -> str:
    """A token as no library makes it."""

    def packed(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode().rstrip("=")

    body = ".".join(packed(json.dumps(each).encode()) for each in ({"alg": algorithm, "kid": "one"}, claims))
    return f"{body}.{packed(hmac.digest(secret, body.encode(), 'sha256') if secret else b'')}"


def changed(**changes: object) -> Callable[[LyingProvider, Claims], str]:
    def token(liar: LyingProvider, claims: Claims) -> str:
        return liar.signed({k: v for k, v in {**claims, **changes}.items() if v is not None})

    return token


STRANGER = RSAKey.generate_key(2048, {"kid": "one"})
LIES: list[tuple[str, str, Callable[[LyingProvider, Claims], str]]] = [
    ("wrong issuer", "issuer", changed(iss="https://evil.example")),
    ("wrong audience", "audience", changed(aud="another")),
    ("several audiences, for another party", "audience", changed(aud=[CLIENT_ID, "other"], azp="other")),
    ("wrong nonce", "nonce", changed(nonce="another")),
    ("no nonce", "nonce", changed(nonce=None)),
    ("expired", "expired", changed(exp=int(time.time()) - 3600)),
    ("no end", "claims", changed(exp=None)),
    ("of the future", "claims", changed(iat=int(time.time()) + 3600)),
    ("no subject", "subject", changed(sub=None)),
    ("a subject that is none", "subject", changed(sub=["wang"])),
    ("a subject without end", "subject", changed(sub="w" * 256)),
    ("for another access token", "claims", changed(at_hash="AAAA")),
    ("no signature", "signature", lambda liar, claims: by_hand(claims, "none", b"")),
    (
        "a stranger's key",
        "signature",
        lambda liar, claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, STRANGER),
    ),
    ("an unknown key", "signature", lambda liar, claims: liar.signed(claims, kid="nobody's")),
    (
        "signed with what everybody knows",
        "signature",
        lambda liar, claims: by_hand(claims, "HS256", liar.key.as_pem(private=False)),
    ),
    ("no token", "signature", lambda liar, claims: "a.b.c"),
]


@pytest.mark.parametrize(("why", "lie"), [each[1:] for each in LIES], ids=[each[0] for each in LIES])
def test_a_token_that_proves_nothing_is_refused(
    liar: LyingProvider, why: str, lie: Callable[[LyingProvider, Claims], str]
) -> None:
    liar.token = lambda claims: lie(liar, claims)
    with pytest.raises(TokenRefused) as refused:
        asked(liar)
    assert refused.value.why == why


def test_claims_that_are_missing_are_asked_for_of_the_same_person(liar: LyingProvider) -> None:
    liar.more = {"sub": "wang", "groups": ["bureau"], "iss": "https://evil.example"}
    claims = asked(liar, frozenset({"groups"}))
    assert (claims["groups"], claims["iss"]) == (["bureau"], liar.issuer)
    liar.more = {"sub": "somebody else", "groups": ["bureau"]}
    with pytest.raises(TokenRefused):
        asked(liar, frozenset({"groups"}))


def respond(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    def answer(request: BaseHTTPRequestHandler) -> bool:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            pass  # whoever asks had enough
        return True

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        respond(500, b"{}"),
        respond(200, b"<html>"),
        respond(200, b"[]"),
        respond(200, b'{"x": "' + b"x" * 400_000),
        respond(200, b"\x1f\x8b", Content_Encoding="gzip"),
        respond(302, b"", Location="/.well-known/other"),
    ],
)
def test_an_answer_that_makes_no_sense_is_none(
    liar: LyingProvider, answer: Callable[[BaseHTTPRequestHandler], bool]
) -> None:
    liar.special = answer
    with pytest.raises(ProviderDown):
        asked(liar)
    liar.special = lambda request: request.command == "POST" and answer(request)  # the code's, this time
    with pytest.raises(ProviderDown):
        asked(liar)
    assert "/.well-known/other" not in liar.asked


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "ftp://here"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_describes_itself_as_another_is_none(liar: LyingProvider, about: Claims) -> None:
    liar.about = about
    with pytest.raises(ProviderDown):
        asked(liar)


def test_a_provider_that_does_not_answer_is_waited_for_only_so_long(
    liar: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "WHOLE_SECONDS", 0.2)

    def never(request: BaseHTTPRequestHandler) -> bool:
        request.rfile.read(1)  # nothing more comes before the other side goes
        return True

    liar.special = never
    with pytest.raises(ProviderDown, match="TimeoutError"):
        asked(liar)


def test_what_is_known_is_asked_once_and_new_keys_are_found(liar: LyingProvider) -> None:
    now = [1000.0]
    provider = Provider(
        Registration(liar.issuer, CLIENT_ID, "", "http://here/back", "openid"), clock=lambda: now[0]
    )

    def ask() -> None:
        asyncio.run(provider.claims_for("code", ATTEMPT, datetime.now(UTC), NONE))

    ask()
    ask()
    assert liar.asked.count("/jwks_uri") == 1
    liar.key = RSAKey.generate_key(2048, {"kid": "three"})
    liar.token = lambda claims: liar.signed(claims, kid="three")
    with pytest.raises(TokenRefused):
        ask()  # they were asked for a moment ago
    now[0] += providers.KEYS_AGAIN_SECONDS + 1
    ask()
    assert liar.asked.count("/jwks_uri") == 2
    address = asyncio.run(provider.address_for(ATTEMPT))
    assert re.search(r"code_challenge=[\w-]{43}&code_challenge_method=S256", address)
    assert ATTEMPT.verifier not in address


def test_many_at_once_and_keys_that_nobody_has_ask_the_provider_once(liar: LyingProvider) -> None:
    now = [1000.0]
    provider = Provider(
        Registration(liar.issuer, CLIENT_ID, "", "http://here/back", "openid"), clock=lambda: now[0]
    )

    async def many() -> None:
        await asyncio.gather(*(provider.address_for(ATTEMPT) for _ in range(5)))

    asyncio.run(many())
    assert liar.asked.count("/jwks_uri") == 1
    now[0] += providers.KEYS_AGAIN_SECONDS + 1
    liar.special = respond(500, b"")
    junk = liar.signed({}, kid="nobody's")
    with pytest.raises(ProviderDown):
        asyncio.run(provider.signed_claims(junk))
    before = len(liar.asked)
    with pytest.raises(TokenRefused):
        asyncio.run(provider.signed_claims(junk))
    assert len(liar.asked) == before
