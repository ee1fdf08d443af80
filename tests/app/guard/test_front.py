"""What every request passes first, and what every answer carries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.main import create_app
from app.settings import Settings

CLIENT = "203.0.113.7"


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Builds the application with some settings; these tests do not get as far as its database."""

    def build(**options: object) -> FastAPI:
        return create_app(Settings(data_dir=tmp_path, **options))  # type: ignore[arg-type]

    return build


def ask(app: FastAPI, path: str = "/healthz", peer: str = "127.0.0.1", **headers: str) -> Any:
    client = TestClient(app, client=(peer, 50000), raise_server_exceptions=False)
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


# --- proxies ---


def is_near(app: FastAPI, peer: str = "127.0.0.1", **headers: str) -> bool:
    """/metrics answers callers in the neighbourhood only, so it tells who we are taken for."""
    status = ask(app, "/metrics", peer, **headers).status_code
    assert status in (200, 403)
    return bool(status == 200)


def test_a_proxy_on_this_machine_is_believed_and_strangers_are_not(make: Any) -> None:
    app = make()
    assert is_near(app)
    assert not is_near(app, x_forwarded_for="8.8.8.8")
    assert not is_near(app, x_forwarded_for="10.0.0.9, 8.8.8.8")
    assert not is_near(app, "8.8.8.8", x_forwarded_for="10.0.0.9")
    assert is_near(
        app, forwarded="for=8.8.8.8"
    )  # this proxy does not write it, so it does not replace it either


def test_which_proxies_and_which_header_are_settings(make: Any) -> None:
    app = make(trusted_proxies="8.8.8.8, 2001:db8::/32", proxy_header="forwarded")
    assert is_near(app, "8.8.8.8", forwarded="for=10.0.0.9")
    assert not is_near(app, "8.8.8.8", x_forwarded_for="10.0.0.9")
    assert is_near(make(trusted_proxies="none"), x_forwarded_for="8.8.8.8")


# --- names ---


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("lessons.example.org", 200),
        ("LESSONS.example.org:8443", 200),
        ("a.example.net", 200),
        ("localhost:8000", 200),
        ("10.0.0.5", 200),
        ("[2001:db8::1]:8000", 200),
        ("tongtang:8000", 200),
        ("evil.example.com", 421),
        ("example.net", 421),
        ("lessons.example.org.evil.com", 421),
        ("lessons.example.org@evil.com", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_it_answers_under_its_own_names_only(make: Any, host: str, status: int) -> None:
    app = make(public_url="https://lessons.example.org", allowed_hosts="*.example.net")
    answer = ask(app, host=host)
    assert answer.status_code == status
    if status == 421:
        assert answer.json()["code"] == "host.unknown"


def test_a_channel_under_another_name_is_not_opened(make: Any) -> None:
    client = TestClient(make())
    path = "/api/v1/lessons/x/channel"
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(path, headers={"host": "evil.example.com"}),
    ):
        pass


# --- the size of the head ---


def test_long_addresses_and_many_headers_are_refused(make: Any) -> None:
    app = make()
    assert ask(app, "/healthz?" + "x" * 4080).status_code == 200
    assert ask(app, "/healthz?" + "x" * 5000).json()["code"] == "request.url_too_long"
    assert ask(app, x="y" * 17_000).json()["code"] == "request.head_too_large"
    assert ask(app, **{f"x{number}": "y" for number in range(101)}).status_code == 431


@pytest.mark.parametrize("path", ["/healthz?name=%00", "/api/v1/lessons?subject=a%00b"])
def test_no_query_has_a_nul_in_it(make: Any, path: str) -> None:
    answer = ask(make(), path)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


# --- answers ---


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/api/v1/me", "/whip/a/b", "/openapi.json"])
def test_every_answer_tells_browsers_what_to_leave_alone(make: Any, path: str) -> None:
    headers = ask(make(), path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "geolocation=()" in headers["permissions-policy"]
    assert "no-" in headers["cache-control"]
    assert "strict-transport-security" not in headers


def test_an_answer_to_what_went_wrong_tells_them_too(make: Any) -> None:
    app = make()

    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    app.add_api_route("/broken", broken)
    answer = ask(app, "/broken", x_forwarded_for=CLIENT, x_forwarded_proto="https")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_only_pages_may_use_camera_and_microphone(make: Any) -> None:
    app = make()
    assert "camera=(self), microphone=(self)" in ask(app, "/teach").headers["permissions-policy"]
    assert "camera=(), microphone=()" in ask(app, "/api/v1/me").headers["permissions-policy"]


def test_hsts_is_told_over_tls_only(make: Any) -> None:
    name = "strict-transport-security"
    assert ask(make(), x_forwarded_for=CLIENT, x_forwarded_proto="https").headers[name] == "max-age=31536000"
    assert name not in ask(make(), x_forwarded_for=CLIENT, x_forwarded_proto="http").headers
    assert name not in ask(make(), peer=CLIENT, x_forwarded_proto="https").headers
    assert name not in ask(make(hsts_seconds=0), x_forwarded_for=CLIENT, x_forwarded_proto="https").headers


# --- security.txt ---


def test_security_txt_is_there_when_somebody_is_to_be_told(make: Any) -> None:
    path = "/.well-known/security.txt"
    assert ask(make(), path).status_code == 404
    app = make(security_contact="mailto:security@example.org", public_url="https://lessons.example.org")
    answer = ask(app, path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@example.org"
    assert fields["Canonical"] == "https://lessons.example.org/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=170) < left < timedelta(days=181)
