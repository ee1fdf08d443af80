"""A small client of the REST API: signs in, sends JSON, and puts every failure into one line.

Exceptions:

* :exc:`ApiError`
    * :exc:`ApiRefused`: the server answered with an error
    * :exc:`ApiUnreachable`: the server did not answer
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)


class ApiError(Exception):
    """A call failed; the text is one line for a person."""


class ApiRefused(ApiError):
    """The server answered with an error; ``code`` is the problem's stable one, or empty."""

    def __init__(self, what: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"{what}: {status} {code} {detail}".replace("\n", " ").strip())
        self.status = status
        self.code = code
        self.detail = detail


class ApiUnreachable(ApiError):
    """The server did not answer."""


@dataclass(frozen=True, slots=True)
class Password:
    """Somebody's login and password."""

    login: str
    password: str


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file with a bearer token, read whenever one is needed, so that it can be renewed from outside."""

    path: Path


Credentials = Password | TokenFile


def new_http(url: str) -> httpx.AsyncClient:
    """An HTTP client for the server at ``url``; past any proxy, for servers here are usually local."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False)


class Api:
    """The API as one signed-in person. Signs in when first needed, and again when the token has expired."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials) -> None:
        self.http = http
        self._credentials = credentials
        self._token: str | None = None

    async def token(self) -> str:
        """A bearer token of the person."""
        if isinstance(self._credentials, TokenFile):
            try:
                return self._credentials.path.read_text().strip()
            except OSError as error:
                raise ApiError(f"the token file cannot be read: {error}") from error
        if self._token is None:
            form = {"username": self._credentials.login, "password": self._credentials.password}
            self._token = str((await self._call("POST", "/api/v1/token", data=form))["access_token"])
        return self._token

    def forget_token(self) -> None:
        """Sign in anew before the next call: the token was refused."""
        self._token = None

    async def get(self, path: str) -> dict[str, Any]:
        """GET a JSON object."""
        return await self._as_person("GET", path)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST a JSON object and return the answer's."""
        return await self._as_person("POST", path, json=body)

    async def _as_person(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            return await self._call(method, path, headers=await self._bearer(), **content)
        except ApiRefused as error:
            if error.status != 401 or self._token is None:
                raise
            self.forget_token()
            return await self._call(method, path, headers=await self._bearer(), **content)

    async def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token()}"}

    async def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        what = f"{method} {path}"
        try:
            response = await self.http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ApiUnreachable(
                f"no answer from {self.http.base_url}: {str(error) or type(error).__name__}"
            ) from error
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ApiRefused(what, response.status_code, "", "the answer is not a JSON object")
        if response.is_error:
            detail = str(body.get("detail") or body.get("title") or response.reason_phrase)
            raise ApiRefused(what, response.status_code, str(body.get("code", "")), detail)
        return body
