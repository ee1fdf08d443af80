"""Where webhooks may lead: the public internet, and those networks that the operator names. Pure rules.

An administrator names the URL, the server opens it: without a bound they could reach what only the server can, such
as a database on its own machine or a cloud's metadata service. So it is the address that counts, the one that is
connected to, after the name was looked up, and every time.
"""

import ipaddress
from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL: Final = 500


class Place(StrEnum):
    """What kind of place an address is."""

    PUBLIC = "public"
    NAMED = "named"  # in a network that the operator allows
    CLOSED = "closed"


class BadUrl(ValueError):
    """Not a URL that a webhook can have; the text says why."""


def place_of(address: Address, named: Sequence[Network]) -> Place:
    """What kind of place an address is; an IPv4 address is the same in IPv6 clothes."""
    found = getattr(address, "ipv4_mapped", None) or address
    if any(found.version == network.version and found in network for network in named):
        return Place.NAMED
    return Place.PUBLIC if _is_public(found) else Place.CLOSED


def check_url(url: str) -> None:
    """Raise `BadUrl` for what no webhook can lead to, whatever its name stands for."""
    if len(url) > LONGEST_URL or any(ord(letter) <= 32 or ord(letter) > 126 for letter in url):
        raise BadUrl(f"has more than {LONGEST_URL} characters, or some that are not visible ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise BadUrl("is not like https://example.org/path") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise BadUrl("is not like https://example.org/path")
    if "@" in parts.netloc or parts.fragment:
        raise BadUrl("has a login or a fragment in it; leave them out, since what is sent is signed")


def literal(host: str) -> Address | None:
    """The address that a host is itself; None: a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo):
        return False  # a way to an IPv4 address that is not looked at; NAT64's prefix counts as reserved
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
