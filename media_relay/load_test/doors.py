"""Where offers go: over a control link to a node of ours, or over HTTP to any WHIP and WHEP server."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urljoin

from media_relay.api import ControlLink, RelayError

if TYPE_CHECKING:
    import httpx

_SDP: Final = {"Content-Type": "application/sdp"}
_MAX_REDIRECTS: Final = 4


class LoadTestError(Exception):
    """The load test cannot go on; the text is one line for a person."""


class Door(Protocol):
    """Answers offers. Both methods raise :class:`LoadTestError`."""

    async def publish(self, offer: str) -> str:
        """The answer to a publisher's offer."""

    async def subscribe(self, offer: str) -> str:
        """The answer to a subscriber's offer."""

    async def close(self) -> None:
        """End every session."""


class LinkDoor:
    """A relay node of ours, without HTTP."""

    def __init__(self, link: ControlLink, lesson: str = "load-test", stream: str = "main") -> None:
        self._link = link
        self._lesson = lesson
        self._stream = stream
        self._numbers = itertools.count(1)

    async def publish(self, offer: str) -> str:
        """The node's answer to a publisher's offer."""
        try:
            session = f"{self._lesson}-{self._stream}-publisher-{next(self._numbers)}"
            return (await self._link.publish(session, self._lesson, self._stream, offer)).sdp
        except RelayError as error:
            raise LoadTestError(str(error)) from error

    async def subscribe(self, offer: str) -> str:
        """The node's answer to a subscriber's offer."""
        try:
            session = f"{self._lesson}-{self._stream}-subscriber-{next(self._numbers)}"
            return (await self._link.subscribe(session, self._lesson, self._stream, offer)).sdp
        except RelayError as error:
            raise LoadTestError(str(error)) from error

    async def close(self) -> None:
        """The clients' close_notify ends the sessions."""


class HttpDoor:
    """A WHIP endpoint to publish at (RFC 9725) and a WHEP endpoint to play from (draft-ietf-wish-whep)."""

    def __init__(
        self, http: httpx.AsyncClient, whip: str | None, whep: str | None, whip_token: str, whep_token: str
    ) -> None:
        self._http = http
        self._whip = whip
        self._whep = whep
        self._whip_token = whip_token
        self._whep_token = whep_token
        self._sessions: list[tuple[str, str]] = []

    async def publish(self, offer: str) -> str:
        """Post a publisher's offer."""
        return await self._post(self._whip, self._whip_token, offer)

    async def subscribe(self, offer: str) -> str:
        """Post a subscriber's offer."""
        return await self._post(self._whep, self._whep_token, offer)

    async def close(self) -> None:
        """Delete every session; a server that is gone has nothing left to end."""
        import httpx

        for url, token in self._sessions:
            try:
                await self._http.delete(url, headers=_bearer(token))
            except httpx.HTTPError:
                continue
        self._sessions.clear()

    async def _post(self, url: str | None, token: str, offer: str) -> str:
        import httpx

        if url is None:
            raise LoadTestError("no URL to post the offer to")
        try:
            response = await self._http.post(url, content=offer, headers=_SDP | _bearer(token))
            for _ in range(_MAX_REDIRECTS):
                # RFC 9725 section 4.5: load balancing by 307 keeps method and body, and the token goes along.
                if response.status_code not in (307, 308):
                    break
                url = urljoin(url, response.headers.get("Location", ""))
                response = await self._http.post(url, content=offer, headers=_SDP | _bearer(token))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LoadTestError(f"POST {url}: {str(error) or type(error).__name__}") from error
        if response.status_code != 201:
            reason = " ".join(response.text.split())[:200]
            raise LoadTestError(
                f"POST {url}: {response.status_code} {response.reason_phrase} {reason}".rstrip()
            )
        if location := response.headers.get("Location"):
            self._sessions.append((urljoin(str(response.url), location), token))
        return response.text


def _reason(response: httpx.Response) -> str:
    """The detail of a problem document (RFC 9457), or the beginning of whatever else the server says."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return " ".join(response.text.split())[:200] or response.reason_phrase


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
