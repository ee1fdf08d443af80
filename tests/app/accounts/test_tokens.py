"""Tokens and grants: what is ours and in time is read back, everything else is refused with a reason."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.grants import Grant, issue_grant, read_grant
from app.accounts.rules import Holder, HolderKind
from app.accounts.tokens import TokenKind, read, sign, token_kind
from app.errors import Unauthenticated
from app.keyring import LONGEST_LIFE, Ring
from app.keys import Keys

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
KEYS = Keys(b"k" * 32, Ring.new(NOW))
KEY = KEYS.ring.newest()
GRANT_KEY = KEY.secret("grant")
HOUR = timedelta(hours=1)
SKEW = timedelta(seconds=30)
WANG = Holder(HolderKind.PERSON, uuid.UUID(int=2))


def grant(until: datetime = NOW + HOUR) -> str:
    return issue_grant(
        KEYS,
        lesson_id=uuid.UUID(int=1),
        stream="site-S1",
        direction="publish",
        holder=WANG,
        until=until,
        now=NOW,
    )


def refusal(token: str, kind: TokenKind = TokenKind.GRANT, now: datetime = NOW, keys: Keys = KEYS) -> str:
    with pytest.raises(Unauthenticated) as refused:
        read(keys, kind, token, now=now)
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
    return refused.value.code


def test_a_grant_is_read_back_whole() -> None:
    assert read_grant(KEYS, grant(), NOW) == Grant(
        uuid.UUID(int=1), "site-S1", "publish", WANG, NOW, NOW + HOUR
    )


def test_a_grant_ends_on_time() -> None:
    assert read(KEYS, TokenKind.GRANT, grant(), now=NOW + HOUR - timedelta(seconds=1))
    assert refusal(grant(), now=NOW + HOUR + SKEW) == "token.expired"


def test_clocks_may_differ_a_little_and_no_more() -> None:
    assert read(KEYS, TokenKind.GRANT, grant(), now=NOW - SKEW)
    assert read(KEYS, TokenKind.GRANT, grant(), now=NOW + HOUR + SKEW / 2)
    assert refusal(grant(), now=NOW - 2 * SKEW) == "token.not_yet"


def test_a_token_for_somebody_else_is_refused() -> None:
    key = KEYS.ring.newest()
    claims = {"aud": "another service", "iat": NOW.timestamp(), "exp": NOW.timestamp() + 3600}
    headers = {"kid": key.kid, "typ": "grant+jwt"}
    foreign = jwt.encode(claims, key.secret(TokenKind.GRANT), algorithm="HS256", headers=headers)
    assert refusal(foreign) == "token.invalid"


def test_a_grant_is_no_person_and_a_person_no_grant() -> None:
    person = sign(KEYS, TokenKind.PERSON, {"sub": "x"}, now=NOW, until=NOW + HOUR)
    assert refusal(grant(), TokenKind.PERSON) == "token.wrong_kind"
    assert refusal(person, TokenKind.GRANT) == "token.wrong_kind"
    assert token_kind(KEYS, grant(), now=NOW) is TokenKind.GRANT
    assert token_kind(KEYS, person, now=NOW) is TokenKind.PERSON


def test_a_token_of_another_server_is_refused() -> None:
    assert refusal(grant(), keys=Keys(b"k" * 32, Ring.new(NOW))) == "token.invalid"


def forged(
    *,
    kid: object = KEY.kid,
    typ: object = "grant+jwt",
    key: bytes | str = GRANT_KEY,
    algorithm: str = "HS256",
    **claims: object,
) -> str:
    """A token by somebody who has the key of grants."""
    payload = {"aud": "tongtang", "sub": "x", "iat": 0, "exp": NOW.timestamp() + 3600} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    headers = {name: value for name, value in (("kid", kid), ("typ", typ)) if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def test_what_is_forged_here_would_be_good_but_for_the_fault() -> None:
    assert read(KEYS, TokenKind.GRANT, forged(), now=NOW)["sub"] == "x"


@pytest.mark.parametrize(
    "fault",
    [
        {"typ": "person+jwt"},
        {"typ": "JWT"},
        {"typ": "grant"},
        {"typ": ""},
        {"typ": None},
        {"kid": "other"},
        {"kid": ""},
        {"kid": None},
        {"aud": "elsewhere"},
        {"aud": ["elsewhere"]},
        {"aud": None},
        {"iat": None},
        {"exp": None},
        {"algorithm": "HS512", "key": GRANT_KEY * 2},
        {"algorithm": "none", "key": ""},
        {"key": KEY.material},
        {"key": KEY.secret("person")},
    ],
)
def test_a_token_with_a_fault_is_refused(fault: dict[str, Any]) -> None:
    token = forged(**fault)
    assert refusal(token) == refusal(token, TokenKind.PERSON) == "token.invalid"


def test_no_token_outlives_its_key() -> None:
    token = grant(until=NOW + 52 * LONGEST_LIFE)
    assert read(KEYS, TokenKind.GRANT, token, now=NOW + LONGEST_LIFE - timedelta(seconds=1))
    assert refusal(token, now=NOW + LONGEST_LIFE + SKEW) == "token.expired"


def test_an_incomplete_grant_is_refused() -> None:
    token = sign(KEYS, TokenKind.GRANT, {"sub": "x"}, now=NOW, until=NOW + HOUR)
    with pytest.raises(Unauthenticated) as refused:
        read_grant(KEYS, token, NOW)
    assert refused.value.code == "token.invalid"


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_a_token(text: str) -> None:
    assert refusal(text) == "token.invalid"


@given(st.data())
def test_no_change_of_a_token_goes_unnoticed(data: st.DataObject) -> None:
    token = grant()
    # The last letter is left alone: some of its bits carry nothing.
    position = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.characters(codec="ascii").filter(lambda other: other != token[position]))
    assert refusal(token[:position] + letter + token[position + 1 :]) == "token.invalid"


def test_an_endless_token_is_refused_unread() -> None:
    assert refusal("a" * 100_000) == "token.invalid"
