"""Every error leaves as problem details with a stable code."""

from typing import Annotated, Literal

import pytest
from fastapi import Body, FastAPI
from starlette.testclient import TestClient

from app import errors
from app.bounds import BodyBound
from app.errors import AppError, install_error_handlers, responses
from app.idempotency.middleware import OnlyOnce
from app.schools.rules import OrgUnitKind


@pytest.fixture
def plain() -> TestClient:
    api = FastAPI()
    install_error_handlers(api)
    api.add_middleware(OnlyOnce)
    api.add_middleware(BodyBound, limit=100)

    @api.get("/conflict")
    def conflict() -> None:
        raise errors.Conflict("lesson.clash", "Clash", "Room 1 is taken.", clashes=[{"name": "Room 1"}])

    @api.get("/nobody")
    def nobody() -> None:
        raise errors.Unauthenticated("token.missing", "Not signed in", "Sign in.")

    @api.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    @api.post("/body")
    def body(value: dict[str, int]) -> int:
        return len(value)

    @api.post("/few")
    def few(
        kind: Annotated[Literal[OrgUnitKind.SCHOOL, OrgUnitKind.TEACHING_SITE], Body()],
    ) -> str:
        return kind

    return TestClient(api, raise_server_exceptions=False)


def test_a_domain_error_brings_its_extra_members(plain: TestClient) -> None:
    answer = plain.get("/conflict")
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Clash",
        "status": 409,
        "detail": "Room 1 is taken.",
        "code": "lesson.clash",
        "clashes": [{"name": "Room 1"}],
    }


def test_a_401_names_the_scheme(plain: TestClient) -> None:
    assert plain.get("/nobody").headers["WWW-Authenticate"] == "Bearer"


def test_an_unexpected_error_tells_nothing_of_the_inside(plain: TestClient) -> None:
    answer = plain.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "route.not_found"), ("GET", "/body", 405, "route.method_not_allowed")],
)
def test_the_router_answers_in_the_same_form(
    plain: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = plain.request(method, path)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)


def test_a_wrong_method_learns_the_right_one(plain: TestClient) -> None:
    answer = plain.get("/body")
    assert answer.headers["Allow"] == "POST"
    assert answer.json()["detail"] == "This address answers POST only."


def test_broken_json_is_a_bad_request(plain: TestClient) -> None:
    answer = plain.post("/body", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")


def test_words_that_are_taken_are_told_as_one_sends_them(plain: TestClient) -> None:
    told = plain.post("/few", json="county").json()["errors"]
    assert told[0]["detail"] == "Input should be 'school' or 'teaching_site'"


def test_a_body_over_the_bound_is_not_read(plain: TestClient) -> None:
    assert plain.post("/body", json={"a": 1}).json() == 1
    answer = plain.post("/body", json={"a" * 200: 1})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


def test_a_body_that_hides_its_length_is_cut_off(plain: TestClient) -> None:
    for fields in ({}, {"Idempotency-Key": "a"}):  # with one, a middleware reads the body
        answer = plain.post("/body", content=iter([b'{"', b"a" * 60, b"a" * 60, b'": 1}']), headers=fields)
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


def test_every_kind_of_error_documents_itself() -> None:
    kinds = AppError.__subclasses__()
    documented = responses(*kinds)
    assert len(documented) == len(kinds) == len({kind.status for kind in kinds})
    for kind in kinds:
        assert documented[kind.status]["description"] == kind.summary
        assert f"{kind.__name__} " in (errors.__doc__ or "")
