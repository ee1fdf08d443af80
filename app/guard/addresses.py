"""Network addresses: who called, as far as proxies one trusts tell (RFC 7239, and what came before it)."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_HOPS: Final = 20
_PORT: Final = re.compile(r":\d{1,5}")
_ELEMENT: Final = re.compile(r'((?:[^",;]|"(?:[^"\\]|\\.)*")*(?:;(?:[^",;]|"(?:[^"\\]|\\.)*")*)*)(?:,|$)')
_PAIR: Final = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^";,\s]*))\s*(?:;|$)')


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy said of who called it."""

    address: Address | None
    """None: it is hidden or makes no sense."""
    scheme: str | None = None


def address(text: str) -> Address | None:
    """An address as it stands in such headers, with or without a port; IPv4 in IPv6's clothes counts as IPv4."""
    text = text.strip()
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        if port and not _PORT.fullmatch(port):
            return None
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        # A zone names a cable of the other machine.
        return None if found.scope_id else found.ipv4_mapped or found
    return found


def network_of(text: str) -> str:
    """What counts as one address: of IPv6 the network, for one subscriber has 2^64 addresses."""
    found = address(text)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return text if found is None else str(found)


def x_forwarded(addresses: str, scheme: str) -> list[Hop]:
    """The hops of `X-Forwarded-For` and `X-Forwarded-Proto`, the nearest one last.

    Proxies replace the scheme by that of the connection to themselves, so only the last one is of any use.
    """
    word = scheme.rpartition(",")[2].strip().lower() or None
    return [Hop(address(part), word) for part in addresses.split(",")[-MOST_HOPS:] if part.strip()]


def forwarded(field: str) -> list[Hop]:
    """The hops of `Forwarded` (RFC 7239 §4), the nearest one last; nothing when it is malformed."""
    hops: list[Hop] = []
    position = 0
    while position < len(field):
        element = _ELEMENT.match(field, position)
        if element is None:
            return []
        if element[1].strip():
            pairs = _pairs(element[1])
            if pairs is None:
                return []
            hops.append(Hop(address(pairs.get("for", "")), pairs.get("proto", "").lower() or None))
        position = element.end()
    return hops[-MOST_HOPS:]


def _pairs(element: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    position = 0
    while position < len(element):
        pair = _PAIR.match(element, position)
        if pair is None:
            return None
        quoted = re.sub(r"\\(.)", r"\1", pair[2]) if pair[2] is not None else pair[3]
        found[pair[1].lower()] = quoted
        position = pair.end()
    return found


def caller(peer: Address, hops: Sequence[Hop], trusted: Iterable[Network]) -> Hop:
    """Who called, as told by trusted proxies only; the scheme is None when none of them said it.

    From the right, each hop was written by the one after it, the last by the peer: as long as that one is trusted,
    what it wrote is believed. Everything to the left of the first stranger may be forged.
    """
    trusted = tuple(trusted)
    at, scheme = peer, None
    for hop in reversed(hops):
        if not any(at in network for network in trusted) or hop.address is None:
            break
        at, scheme = hop.address, hop.scheme
    return Hop(at, scheme if scheme in ("http", "https") else None)
