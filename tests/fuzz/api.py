"""Every operation of the OpenAPI document, asked by every role: with what the document allows, with what it does not,
and with what is meant, changed a little and with ids of another county in it.

What must never happen: a 5xx (but a documented 503), a status or a body that the document does not tell, an answer that
names anything of another county, or somebody the asker has nothing to do with. ``python -m tests.fuzz.api --requests
50000`` is the long run; ``--part 2/5`` is a fifth of it, and ``--postgresql`` puts it on that database.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl

import hypothesis
import schemathesis
from fastapi import FastAPI
from httpx2 import InvalidURL, LocalProtocolError
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks
from starlette.testclient import TestClient

from app.logs import configure_logging
from app.main import create_app
from app.settings import Settings
from tests.app.asks import Ask
from tests.databases import PostgresDatabases, SqliteDatabases, postgres_server
from tests.fuzz.api_scene import Asker, Scene, build
from tests.ports import free_port

_CHECKS: Final[list[CheckFunction]] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
_METHODS: Final = ("get", "put", "patch", "post", "delete")
"""In this order: what is taken away cannot be asked for any more."""
_SPOILT: Final[tuple[Any, ...]] = (
    *(None, "", 0, -1, 2**63, True, [], {}, "\u0000", "x" * 5000, "' OR 1=1 --", "\r\nSet-Cookie: a=b"),
    *("../../etc/passwd", "０", "ѕсһооl", "2026-02-30", "9999-12-31", "0001-01-01T00:00:00Z"),
)
_EXTRA: Final = ("id", "county_id", "role", "active", "version", "password_hash", "is_admin")
"""Members that somebody might try to set besides those of a body."""
GENEROUS: Final[dict[str, Any]] = dict.fromkeys(
    ("reads_per_second", "writes_per_second", "media_per_second")
    + ("account_reads_per_second", "account_writes_per_second"),
    1_000_000,
)
"""Settings under which one machine may ask as often as it likes: bounds are tried elsewhere."""


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _as_text(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """The media doors take text."""
    return str(value).encode("utf-8", "replace")


@dataclass
class Findings:
    """What was asked, and what went wrong, each kind once."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    by_role: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def count(self, asker: Asker, status: int) -> None:
        """One more answer."""
        self.requests += 1
        self.statuses[status] += 1
        self.by_role.setdefault(asker.name, Counter())[status // 100] += 1

    def note(self, kind: str, example: str) -> None:
        """Something is wrong: said at once, for a long run may be cut short."""
        if kind not in self.wrong:
            self.wrong[kind] = example
            _tell(f"{kind}\n    {example}")


@dataclass
class Run:
    """One application that is asked."""

    app: FastAPI
    client: TestClient
    rng: Random
    scene: Scene
    findings: Findings = field(default_factory=Findings)

    def generated(
        self, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, count: int
    ) -> None:
        """So many requests that the document allows, or does not."""

        @hypothesis.seed(self.rng.randrange(1 << 32))
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            case.path_parameters = self._with_known(case.path_parameters)
            case.query = self._with_known(case.query)
            if mode is GenerationMode.POSITIVE and self.rng.randrange(2):
                case.query = {name: case.query[name] for name in case.query if self.rng.randrange(3) == 0}
            case.body = self._with_known(case.body)
            self._send(case, self.rng.choice(self.scene.askers))

        # Where there are no parameters, or any text will do, nothing can be sent that the document forbids.
        with suppress(Unsatisfiable):
            ask()

    def meant(self, operation: APIOperation[Any, Any, Any, Any], count: int) -> None:
        """So many requests as the walk over all permissions makes them, most of them changed in one place."""
        key = (operation.method.upper(), operation.path)
        known = [each[key] for each in self.scene.asks if key in each and each[key].file is None]
        for _ in range(count):
            ask = self.rng.choice(known or [Ask()])
            self._send(self._case(operation, ask), self.rng.choice(self.scene.askers))

    def _case(self, operation: APIOperation[Any, Any, Any, Any], ask: Ask) -> Case[Any]:
        rng, body = self.rng, json.loads(json.dumps(ask.body))
        query: dict[str, Any] = dict(parse_qsl(ask.query))
        if isinstance(body, dict) and rng.randrange(3):
            body = _spoilt(body, rng) if rng.randrange(2) else self._with_known(body)
        if query and rng.randrange(4) == 0:
            query = self._with_known(query)
        path = {
            each.name: rng.choice(self.scene.ids.get(each.name, ["x"]))
            for each in operation.path_parameters.items
        }
        given = {"body": body, "media_type": "application/json"} if body is not None else {}
        return operation.Case(path_parameters=path, query=query, **given)

    def _with_known(self, value: Any) -> Any:
        """The same with ids of things that are there, at home or abroad, in most places where one belongs."""
        if not isinstance(value, dict):
            return value
        found = {}
        for name, inner in value.items():
            known = self.scene.ids.get(name)
            if known and self.rng.randrange(4):
                picked: Any = self.rng.choice(known)
                found[name] = [picked] if isinstance(inner, list) else picked
            elif isinstance(inner, list):
                found[name] = [self._with_known(each) for each in inner]
            else:
                found[name] = self._with_known(inner)
        return found

    def _send(self, case: Case[Any], asker: Asker) -> None:
        request = case.as_transport_kwargs()
        request.pop("cookies", None)
        request["headers"] = {**dict(request["headers"]), **asker.sign(self.app.state.keys)}
        try:
            answer = self.client.request(**request)
        except (UnicodeError, InvalidURL, LocalProtocolError):
            return  # no client can send this
        self.findings.count(asker, answer.status_code)
        label = f"{case.operation.label} {answer.status_code}"
        asked = f"{case.formatted_path} {request.get('params')} {request.get('json')} {request.get('data')}"
        told = f"{asker.name}: {asked[:1500]} -> {answer.text[:300]}"
        if answer.status_code >= 500 and answer.status_code != 503:
            self.findings.note(f"{label}: a mistake of the server", told)
        for leak in self.scene.leaks(asker, asked, answer.text):
            self.findings.note(f"{label}: tells {leak}", f"{told}\n{answer.text[:3000]}")
        try:
            case.validate_response(answer, checks=_CHECKS)
        except (Failure, FailureGroup) as failure:
            reasons = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            for reason in reasons:
                self.findings.note(f"{label}: {getattr(reason, 'title', reason)}", f"{reason}\n{told}")


def _spoilt(body: dict[str, Any], rng: Random) -> dict[str, Any]:
    """A body with one member changed, left out, or added that is not ours to set."""
    name = rng.choice([*body, *_EXTRA])
    if name in body and rng.randrange(5) == 0:
        return {each: body[each] for each in body if each != name}
    return body | {name: rng.choice(_SPOILT)}


def run(
    app: FastAPI,
    client: TestClient,
    per_operation: Callable[[int], int],
    seed: int,
    *,
    part: tuple[int, int] = (1, 1),
    anew: int = 1000,
) -> Findings:
    """So many requests to each operation of a part, given how many there are; a new scene for so many of them."""
    rng = Random(seed)
    schema = schemathesis.openapi.from_dict(app.openapi())
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    found.sort(key=lambda each: (_METHODS.index(each.method), each.path))
    asked = Run(app, client, rng, build(app))
    for number, operation in enumerate(found[part[0] - 1 :: part[1]], 1):
        count, before = per_operation(len(found)), asked.findings.requests
        asked.generated(operation, GenerationMode.POSITIVE, max(1, count // 4))
        asked.generated(operation, GenerationMode.NEGATIVE, max(1, count // 4))
        # Of some, few can be generated: the rest is asked as it is meant.
        asked.meant(operation, count - (asked.findings.requests - before))
        if number % anew == 0:
            _tell(f"{asked.findings.requests} requests to {number} operations so far")
            asked.scene = build(app)
    return asked.findings


def fuzzed(folder: Path, url: str, per_operation: Callable[[int], int], seed: int, **how: Any) -> Findings:
    """A run on a fresh database, with a relay node."""
    app = create_app(Settings(data_dir=folder, database_url=url, media_port=free_port(), **GENEROUS))
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        return run(app, client, per_operation, seed, **how)


@contextmanager
def _fresh_database(folder: Path, postgresql: bool) -> Iterator[str]:
    if not postgresql:
        with SqliteDatabases(folder).fresh(folder) as url:
            yield url
        return
    with postgres_server() as server, PostgresDatabases(server).fresh(folder) as url:
        yield url


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not 1 <= int(number) <= int(of):
        raise argparse.ArgumentTypeError(f"{text} is not like 2/5")
    return int(number), int(of)


def main(arguments: list[str] | None = None) -> int:
    """The long run; ends with 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000, help="about so many (default 50000)")
    parser.add_argument("--seed", type=int, help="repeat a run (default: a new one)")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="N/OF", help="a part of the operations")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "big")
    configure_logging("error", "console")
    print(f"seed {seed}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _fresh_database(folder, options.postgresql) as url:
            found = fuzzed(
                folder, url, lambda there: max(4, -(-options.requests // there)), seed,
                part=options.part, anew=15,
            )  # fmt: skip
    for kind, example in sorted(found.wrong.items()):
        print(f"{kind}\n    {example}", flush=True)  # noqa: T201
    for role, answers in sorted(found.by_role.items()):
        spread = ", ".join(f"{status}xx {count}" for status, count in sorted(answers.items()))
        print(f"{answers.total():6} by {role}: {spread}")  # noqa: T201
    print(  # noqa: T201
        f"{found.requests} requests, {dict(sorted(found.statuses.items()))}, {len(found.wrong)} findings, seed {seed}"
    )
    return 1 if found.wrong or not found.requests else 0


if __name__ == "__main__":
    sys.exit(main())
