"""Connectivity checks: answered when authentic, and nothing else ever raises."""

from __future__ import annotations

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from media_relay.ice import Check, answer_check, asked_ufrag, new_credentials, read_check

PASSWORD = "p" * 32
_FINGERPRINT = 8


def check(password: str = PASSWORD, username: str = "local:remote", *, nominate: bool = True) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["ICE-CONTROLLING"] = 1
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def read(datagram: bytes) -> Check:
    found = read_check(datagram)
    assert found is not None
    return found


@pytest.mark.parametrize("source", [("192.0.2.7", 4_321), ("2001:db8::7", 4_321)])
def test_an_authentic_check_is_answered_with_its_own_address(source: tuple[str, int]) -> None:
    found = read(check())
    assert (found.local_ufrag, found.remote_ufrag, found.nominated) == ("local", "remote", True)
    answer = answer_check(found, PASSWORD, source)
    assert answer is not None
    message = stun.parse_message(answer)
    assert message.message_class == stun.Class.RESPONSE
    assert message.transaction_id == found.message.transaction_id
    assert message.attributes["XOR-MAPPED-ADDRESS"] == source
    assert message.check_message_integrity(PASSWORD.encode())


def test_a_check_without_nomination_is_told_apart() -> None:
    assert not read(check(nominate=False)).nominated


def test_a_wrong_password_is_not_answered() -> None:
    assert answer_check(read(check("other")), PASSWORD, ("192.0.2.7", 1)) is None


def test_what_is_no_check_is_none() -> None:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    assert read_check(bytes(request)) is None, "no username"
    request.attributes["USERNAME"] = "local:remote"
    assert read_check(bytes(request)) is None, "no integrity"
    answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    answer.attributes["USERNAME"] = "local:remote"
    answer.add_message_integrity(b"x")
    assert read_check(bytes(answer)) is None, "a response"
    allocate = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    allocate.attributes["USERNAME"] = "local:remote"
    allocate.add_message_integrity(b"x")
    assert read_check(bytes(allocate)) is None
    assert read_check(check(username="nocolon")) is None
    whole = check()
    assert read_check(whole[:4] + b"\0\0\0\0" + whole[8:]) is None, "no magic cookie"


@given(st.integers(0, 200))
def test_truncations_are_none(cut: int) -> None:
    whole = check()
    if cut < len(whole):
        assert read_check(whole[:cut]) is None


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutations_are_none_or_not_authentic(changes: list[tuple[int, int]]) -> None:
    whole = check()
    mutated = bytearray(whole)
    for at, value in changes:
        # What follows the integrity attribute, the fingerprint, is not covered by it.
        mutated[at % (len(whole) - _FINGERPRINT)] = value
    found = read_check(bytes(mutated))
    if found is not None and bytes(mutated) != whole:
        assert answer_check(found, PASSWORD, ("192.0.2.7", 1)) is None


@given(st.binary(max_size=120))
def test_attributes_of_any_content_never_raise(body: bytes) -> None:
    body = body[: len(body) // 4 * 4]
    datagram = b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body
    found = read_check(datagram)
    if found is not None:
        assert answer_check(found, PASSWORD, ("192.0.2.7", 1)) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([a[0] for a in stun.ATTRIBUTES]) | st.integers(0, 65_535), st.binary(max_size=24)
        ),
        max_size=4,
    )
)
def test_known_attributes_of_any_content_never_raise(attributes: list[tuple[int, bytes]]) -> None:
    body = b""
    for kind, value in attributes:
        body += kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
    read_check(b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body)


def test_credentials_are_long_random_and_legal() -> None:
    many = {new_credentials() for _ in range(100)}
    assert len({c.ufrag for c in many}) == 100
    assert all(len(c.ufrag) >= 4 and len(c.password) >= 22 for c in many)
    assert all((c.ufrag + c.password).isalnum() for c in many)


@given(st.binary(max_size=200))
def test_a_glance_never_raises_and_agrees_with_a_careful_reading(noise: bytes) -> None:
    for datagram in (noise, check()[:20] + noise, check() + noise):
        asked_ufrag(datagram)
        careful = read_check(datagram)
        assert careful is None or careful.local_ufrag == asked_ufrag(datagram)
    assert asked_ufrag(check(username="ours:theirs")) == "ours"
