"""ICE servers with credentials that run out, as coturn's ``use-auth-secret`` wants them."""

import base64
import re
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.live.turn import IceServers, credential, link_headers

WANG = uuid.UUID("5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10")
BELL = datetime(2026, 11, 23, 10, tzinfo=UTC)
TURN = ("turn:turn.example.org:3478", "turns:turn.example.org:443")
STUN = ("stun:turn.example.org:3478",)

LINK = re.compile(
    r'<(?P<url>[^>]+)>; rel="ice-server"'
    r'(?:; username="(?P<username>[^"]+)"; credential="(?P<credential>[^"]+)"; credential-type="password")?'
)


def test_a_known_password() -> None:
    # printf '1795428000:wang' | openssl dgst -sha1 -hmac hush -binary | base64
    assert credential("hush", "1795428000:wang") == "GpXLZMAKUD/x5WX47AfLE72SgqQ="


def test_nothing_is_handed_out_where_nothing_is_set_up() -> None:
    assert IceServers().for_person(WANG, BELL) == []
    assert link_headers([]) == []


def test_turn_has_credentials_and_stun_has_none() -> None:
    stun, turn = IceServers((*TURN, *STUN), "hush").for_person(WANG, BELL)
    assert turn.urls == list(TURN)
    assert turn.username == f"1795428000:{WANG}"
    assert turn.credential == credential("hush", turn.username)
    # As JSON for RTCPeerConnection: a null would be taken for a user of that name.
    assert stun.model_dump(mode="json") == {"urls": list(STUN)}


def test_each_url_has_a_link_of_its_own() -> None:
    servers = IceServers((*TURN, *STUN), "hush").for_person(WANG, BELL)
    links = [LINK.fullmatch(header) for header in link_headers(servers)]
    assert all(links)
    found = [link.groupdict() for link in links if link]
    assert found[0] == {"url": STUN[0], "username": None, "credential": None}
    assert [link["url"] for link in found[1:]] == list(TURN)
    assert {link["username"] for link in found[1:]} == {servers[1].username}
    assert {link["credential"] for link in found[1:]} == {servers[1].credential}


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(IceServers(TURN, "hush"))


@given(
    secret=st.text(min_size=1),
    person=st.uuids(),
    until=st.integers(0, 10**11).map(lambda hundredths: BELL + timedelta(seconds=hundredths / 100)),
)
def test_a_user_name_says_how_long_it_is_good(secret: str, person: uuid.UUID, until: datetime) -> None:
    (server,) = IceServers(TURN, secret).for_person(person, until)
    assert server.username is not None
    assert server.credential is not None
    expiry, _, name = server.username.partition(":")
    assert until <= datetime.fromtimestamp(int(expiry), UTC) < until + timedelta(seconds=1)
    assert uuid.UUID(name) == person
    assert len(base64.b64decode(server.credential, validate=True)) == 20
    assert all(LINK.fullmatch(header) for header in link_headers([server]))


@given(secret=st.text(min_size=1), other=st.text(min_size=1), seconds=st.integers(1, 10**6))
def test_a_later_time_or_another_secret_needs_another_password(secret: str, other: str, seconds: int) -> None:
    (server,) = IceServers(TURN, secret).for_person(WANG, BELL)
    (later,) = IceServers(TURN, secret).for_person(WANG, BELL + timedelta(seconds=seconds))
    (foreign,) = IceServers(TURN, other).for_person(WANG, BELL)
    assert later.credential != server.credential
    # HMAC pads keys with zeroes (RFC 2104 §2), so only secrets that differ otherwise are different ones.
    if secret.rstrip("\0") != other.rstrip("\0"):
        assert foreign.credential != server.credential
