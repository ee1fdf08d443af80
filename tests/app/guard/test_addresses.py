"""Who called, as far as trusted proxies tell."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard.addresses import Hop, address, caller, forwarded, network_of, x_forwarded

PROXIES = [ipaddress.ip_network(each) for each in ("10.0.0.0/24", "2001:db8:1::/48")]
PROXY = ipaddress.ip_address("10.0.0.1")


def called(field: str, proto: str = "", peer: str = "10.0.0.1") -> tuple[str, str | None]:
    found = caller(ipaddress.ip_address(peer), x_forwarded(field, proto), PROXIES)
    return str(found.address), found.scheme


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),  # what the client wrote itself is to the left
        ("6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
        ("6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_the_first_stranger_from_the_right_called(field: str, wanted: str) -> None:
    assert called(field)[0] == wanted


def test_strangers_are_not_believed() -> None:
    assert called("6.6.6.6", "https", peer="203.0.113.9") == ("203.0.113.9", None)


def test_the_nearest_proxy_tells_the_scheme() -> None:
    assert called("203.0.113.7", "https") == ("203.0.113.7", "https")
    assert called("203.0.113.7", "http, https") == ("203.0.113.7", "https")
    assert called("203.0.113.7", "gopher") == ("203.0.113.7", None)


@pytest.mark.parametrize(
    ("field", "hops"),
    [
        ('for="[2001:db8:cafe::17]:4711";proto=https', [Hop(address("2001:db8:cafe::17"), "https")]),
        ("for=192.0.2.60; proto=http; by=203.0.113.43", [Hop(address("192.0.2.60"), "http")]),
        ("For=192.0.2.43, FOR=198.51.100.17", [Hop(address("192.0.2.43")), Hop(address("198.51.100.17"))]),
        ('for="_gazonk"', [Hop(None)]),
        ('for="a,b;c\\"d", for=192.0.2.43', [Hop(None), Hop(address("192.0.2.43"))]),
        ('for="192.0.2.43', []),
        ("for=192.0.2.43 proto=http", []),
    ],
)
def test_the_standard_header_is_read_as_rfc_7239_says(field: str, hops: list[Hop]) -> None:
    assert forwarded(field) == hops


@given(st.text(alphabet=string.printable, max_size=200))
def test_no_header_breaks_the_readers(field: str) -> None:
    for hops in (x_forwarded(field, field), forwarded(field)):
        caller(PROXY, hops, PROXIES)


@given(st.text(alphabet="0123456789.:, afx[]", max_size=80))
def test_a_client_cannot_say_who_it_is(forged: str) -> None:
    assert called(f"{forged},203.0.113.7")[0] == "203.0.113.7"


def test_a_subscriber_s_network_counts_as_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") == "2001:db8::/64"
    assert network_of("203.0.113.7") == "203.0.113.7"
    assert network_of("testclient") == "testclient"
