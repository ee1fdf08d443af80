"""STUN and TURN servers for those who cannot reach a relay directly, with credentials that run out.

The TURN server (coturn with ``use-auth-secret``) and this one share a secret, and nothing else: a user name
holds the time until which it is good, and the password is a signature of it. This is the convention of
draft-uberti-behave-turn-rest-00 §2.2. Nobody is registered anywhere, and nothing has to be taken back.
"""

import base64
import hashlib
import hmac
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from app.live.schemas import IceServer


@dataclass(frozen=True, slots=True)
class IceServers:
    """The servers this installation hands out; none unless its operator set some up."""

    urls: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    def for_person(self, person_id: uuid.UUID, until: datetime) -> list[IceServer]:
        """The servers as RTCPeerConnection takes them, good for this person until then.

        The person's id makes the TURN server's quota per user one per person, and names nobody in its log.
        """
        stun = [url for url in self.urls if url.lower().startswith("stun")]
        turn = [url for url in self.urls if url not in stun]
        servers = [IceServer(urls=stun)] if stun else []
        if turn:
            username = f"{math.ceil(until.timestamp())}:{person_id}"
            servers.append(
                IceServer(urls=turn, username=username, credential=credential(self.secret, username))
            )
        return servers


def credential(secret: str, username: str) -> str:
    """The password of a time-limited user name; HMAC-SHA1 is what the convention and coturn want."""
    return base64.b64encode(hmac.digest(secret.encode(), username.encode(), hashlib.sha1)).decode()


def link_headers(servers: Iterable[IceServer]) -> list[str]:
    """One ``Link`` header for each URL of the servers (RFC 9725 §4.6).

    Neither URLs, as the settings check them, nor user names nor base64 hold anything to be quoted.
    """
    return [f'<{url}>; rel="ice-server"{_parameters(server)}' for server in servers for url in server.urls]


def _parameters(server: IceServer) -> str:
    if server.username is None:
        return ""
    return f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
