"""Tokens and grants: what is ours and in time is read back, everything else is refused with a reason."""

import uuid
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.grants import Grant, issue_grant, read_grant
from app.accounts.tokens import TokenKind, read, sign, token_kind
from app.errors import Unauthenticated
from app.keys import Keys

KEYS = Keys(signing=b"k" * 32)
NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def grant(until: datetime = NOW + HOUR) -> str:
    return issue_grant(
        KEYS,
        lesson_id=uuid.UUID(int=1),
        stream="site-S1",
        direction="publish",
        person_id=uuid.UUID(int=2),
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
        uuid.UUID(int=1), "site-S1", "publish", uuid.UUID(int=2), NOW + HOUR
    )


def test_a_grant_ends_on_time() -> None:
    assert read(KEYS, TokenKind.GRANT, grant(), now=NOW + HOUR - timedelta(seconds=1))
    assert refusal(grant(), now=NOW + HOUR) == "token.expired"


def test_a_grant_is_no_person_and_a_person_no_grant() -> None:
    person = sign(KEYS, TokenKind.PERSON, {"sub": "x"}, now=NOW, until=NOW + HOUR)
    assert refusal(grant(), TokenKind.PERSON) == "token.wrong_kind"
    assert refusal(person, TokenKind.GRANT) == "token.wrong_kind"
    assert token_kind(KEYS, grant()) is TokenKind.GRANT
    assert token_kind(KEYS, person) is TokenKind.PERSON


def test_a_token_of_another_server_is_refused() -> None:
    assert refusal(grant(), keys=Keys(signing=b"o" * 32)) == "token.invalid"


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_only_the_one_algorithm_is_accepted(algorithm: str) -> None:
    claims = {"aud": "tongtang", "typ": "grant", "exp": NOW.timestamp() + 3600}
    key = "" if algorithm == "none" else b"k" * 64
    assert refusal(jwt.encode(claims, key, algorithm=algorithm), keys=Keys(b"k" * 64)) == "token.invalid"


@pytest.mark.parametrize("missing", ["aud", "typ", "exp"])
def test_a_token_lacking_a_claim_is_refused(missing: str) -> None:
    claims = {"aud": "tongtang", "typ": "grant", "exp": NOW.timestamp() + 3600}
    del claims[missing]
    assert refusal(jwt.encode(claims, KEYS.signing, algorithm="HS256")) == "token.invalid"


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
