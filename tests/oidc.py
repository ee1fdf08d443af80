"""Identity providers for tests: a real one, and one that lies."""

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
from flask import Flask, g
from joserfc import jwt
from joserfc.jwk import RSAKey

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it uses a part of authlib that is about to move
    from oidc_provider_mock import run_server_in_thread

CLIENT_ID = "tongtang"


@dataclass(frozen=True)
class RealProvider:
    """An OpenID provider with people of our choice."""

    issuer: str
    key: RSAKey
    """What it signs with."""

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token of its own, for what it does not say by itself."""
        return jwt.encode({"alg": "RS256", **header}, claims, self.key)

    def knows(self, subject: str, **claims: object) -> None:
        """Somebody has an account there, with these claims from now on."""
        httpx2.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def signs_in(self, address: str, subject: str) -> str:
        """Where the provider sends a browser back to in which somebody signs in there."""
        answer = httpx2.post(address, data={"sub": subject}, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


@contextmanager
def real_provider() -> Iterator[RealProvider]:
    """One on a free port, in a thread."""
    with run_server_in_thread() as server:
        yield RealProvider(f"http://localhost:{server.server_port}", _key_of(cast(Flask, server.app)))


def _key_of(app: Flask) -> RSAKey:
    with app.test_request_context("/"):
        app.preprocess_request()
        return RSAKey.import_key(g.oidc_provider_mock_storage.jwk.as_dict(is_private=True))


@dataclass
class LyingProvider:
    """A provider that answers whatever a test wants."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    about: dict[str, Any] = field(default_factory=dict)
    """Laid over its description."""
    token: Callable[[dict[str, Any]], str] = field(default=lambda claims: "")
    """Makes the ID token of good claims."""
    more: dict[str, Any] = field(default_factory=dict)
    """Its UserInfo answer."""
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    special: Callable[[BaseHTTPRequestHandler], bool] = field(default=lambda request: False)
    """Answers a request by itself."""
    nonce: str = ""

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token that is as it should be, but for what the claims say."""
        return jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, self.key)

    def answer(self, path: str) -> Any:
        """What it says at an address."""
        if path == "/.well-known/openid-configuration":
            places = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
            return {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in places}, **self.about}
        if path == "/jwks_uri":
            return {"keys": [self.key.as_dict(private=False), {"kty": "of tomorrow", "kid": "two"}]}
        if path == "/userinfo_endpoint":
            return self.more
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "wang", "nonce": self.nonce}
        token = self.token({**claims, "iat": now, "exp": now + 300})
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """One on a free port, in a thread."""
    provider = LyingProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.asked.append(path)
            if provider.special(self):
                return
            body = json.dumps(provider.answer(path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            provider.forms.append(parse_qs(self.rfile.read(length).decode()))
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
