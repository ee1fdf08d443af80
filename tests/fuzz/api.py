"""Every operation of the OpenAPI document, asked by every role with what the document allows and what it does not.

What must never happen: a 5xx (but a documented 503), a status or a body that the document does not tell, an answer that
names anything of another county. ``python -m tests.fuzz.api --requests 50000`` is the long run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import hypothesis
import schemathesis
from fastapi import FastAPI
from httpx2 import InvalidURL, LocalProtocolError
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Person
from app.accounts.rules import Role
from app.database import Base
from app.lessons.models import Lesson
from app.logs import configure_logging
from app.main import create_app
from app.settings import Settings
from tests import consents, counties, factories
from tests.databases import SqliteDatabases
from tests.ports import free_port
from tests.roles import everybody

_CHECKS: Final[list[CheckFunction]] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
_MARKED: Final = ("people", "org_units", "rooms", "terms", "bell_schedules", "pupils", "pupil_groups")
OPERATIONS: Final = 80
"""About as many as the document has."""
GENEROUS: Final[dict[str, Any]] = dict.fromkeys(
    ("reads_per_second", "writes_per_second", "media_per_second")
    + ("account_reads_per_second", "account_writes_per_second"),
    1_000_000,
)
"""Settings under which one machine may ask as often as it likes: bounds are tried elsewhere."""
Ids = Mapping[str, list[str]]
"""What is there by the name of a parameter: at home, and abroad."""


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _as_text(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """The media doors take text."""
    return str(value).encode("utf-8", "replace")


@dataclass
class Scene:
    """Two counties whose names are marked, and everybody of both."""

    ids: Ids
    askers: list[tuple[dict[str, str], uuid.UUID | None]]
    """Their headers, and their county."""
    counties: list[uuid.UUID]


@dataclass
class Findings:
    """What went wrong, each kind once."""

    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, example: str) -> None:
        self.wrong.setdefault(kind, example)


def marker(county_id: uuid.UUID) -> str:
    """What every name of a county begins with."""
    return f"mark-{county_id.hex[:12]}"


def build(app: FastAPI) -> Scene:
    """Put both counties in."""
    with app.state.session_factory.begin() as session:
        first_day = counties.tomorrow()
        home = counties.county(session, first_day=first_day, weeks=2)
        cast = everybody(session, home)
        abroad = counties.county(session, first_day=first_day, weeks=2)
        ids: dict[str, list[str]] = {}
        for county in (home, abroad):
            for name, each in _ids(session, county).items():
                ids.setdefault(name, []).append(str(each))
        strangers = [
            factories.person(session, abroad.school, role) for role in Role if role.value != "bureau_admin"
        ]
        _mark(session)
        keys = app.state.keys
        askers: list[tuple[dict[str, str], uuid.UUID | None]] = [
            ({}, None),
            ({"Authorization": "Bearer x"}, None),
            # A room's screen and a guest have no account; their tokens are the short ones they have.
            *(
                (who.headers(keys), who.person.county_id)
                for who in cast
                if not isinstance(who.person, Person)
            ),
        ]
        people = [who.person for who in cast if isinstance(who.person, Person)]
        for person in (*people, abroad.bureau, *strangers):
            askers.append((factories.bearer(keys, person, minutes=600), person.county_id))
        # Most of the time somebody asks who may do something: else nearly every answer were a refusal.
        for admin in (home.bureau, abroad.bureau):
            askers += [(factories.bearer(keys, admin, minutes=600), admin.county_id)] * 8
        return Scene(ids, askers, sorted({county_id for _, county_id in askers if county_id}))


def _ids(session: Session, county: counties.County) -> dict[str, uuid.UUID]:
    plan = county.schedule(session, weekday=county.term.first_day.isoweekday())
    teacher = factories.person(session, county.school, Role.TEACHER)
    lesson = session.scalars(select(Lesson.id).where(Lesson.entry_id == plan.entry.id)).first()
    return {
        "person_id": teacher.id,
        "assignment_id": teacher.assignments[0].id,
        "teacher_id": county.teacher.id,
        "org_unit_id": county.school.id,
        "parent_id": county.county.id,
        "room_id": county.main_room.id,
        "main_room_id": county.main_room.id,
        "receiving_room_id": county.sites[0].room.id,
        "receiving_room_ids": county.sites[0].room.id,
        "pairing_id": county.sites[0].pairing.id,
        "term_id": county.term.id,
        "entry_id": plan.entry.id,
        "lesson_id": lesson or uuid.UUID(int=0),
        "pupil_id": consents.pupil(session, county.school, county.bureau).id,
        "subject_id": teacher.id,
    }


def _mark(session: Session) -> None:
    org_units = Base.metadata.tables["org_units"]
    rows = session.execute(select(org_units.c.id, org_units.c.county_id)).all()
    county_of = {row[0]: row[1] for row in rows}
    for name in _MARKED:
        table = Base.metadata.tables[name]
        owner = table.c.county_id if "county_id" in table.c else table.c.org_unit_id
        for row in session.execute(select(table.c.id, owner)).all():
            marked = f"{marker(county_of[row[1]])} {name}"
            if name in ("pupil_groups", "terms"):
                marked += f" {row[0].hex[:6]}"
            session.execute(update(table).where(table.c.id == row[0]).values(name=marked))


def run(app: FastAPI, client: TestClient, examples: int, seed: int) -> Findings:
    """So many requests to each operation, valid ones and others by turns."""
    scene, findings, rng = build(app), Findings(), Random(seed)
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in sorted(operations, key=lambda each: (each.method, each.path)):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)
            _ask(scene, client, cases, max(1, examples // 2), rng, findings)
    return findings


def _ask(
    scene: Scene,
    client: TestClient,
    cases: st.SearchStrategy[Case[Any]],
    examples: int,
    rng: Random,
    findings: Findings,
) -> None:
    @hypothesis.seed(rng.randrange(1 << 32))
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Case[Any]) -> None:
        case.path_parameters = _with_known(case.path_parameters, scene.ids, rng)
        case.query = _with_known(case.query, scene.ids, rng)
        case.body = _with_known(case.body, scene.ids, rng)
        _send(scene, client, case, rng.choice(scene.askers), findings)

    # Where there are no parameters, nothing can be sent that the document forbids.
    with suppress(Unsatisfiable):
        ask()


def _with_known(value: Any, ids: Ids, rng: Random) -> Any:
    """The same with ids of things that are there, at home or abroad, in most places where one belongs."""
    if not isinstance(value, dict):
        return value
    found = {}
    for name, inner in value.items():
        known = ids.get(name)
        if known and rng.randrange(4):
            picked: Any = rng.choice(known)
            found[name] = [picked] if isinstance(inner, list) else picked
        elif isinstance(inner, list):
            found[name] = [_with_known(each, ids, rng) for each in inner]
        else:
            found[name] = _with_known(inner, ids, rng)
    return found


def _send(
    scene: Scene,
    client: TestClient,
    case: Case[Any],
    asker: tuple[dict[str, str], uuid.UUID | None],
    findings: Findings,
) -> None:
    credentials, county_id = asker
    request = case.as_transport_kwargs()
    request.pop("cookies", None)
    request["headers"] = {**dict(request["headers"]), **credentials}
    try:
        answer = client.request(**request)
    except (UnicodeError, InvalidURL, LocalProtocolError):
        return  # no client can send this
    findings.requests += 1
    findings.statuses[answer.status_code] = findings.statuses.get(answer.status_code, 0) + 1
    label = f"{case.operation.label} {answer.status_code}"
    told = f"{case.formatted_path} {request.get('params')} {request.get('json')} -> {answer.text[:300]}"
    if answer.status_code >= 500 and answer.status_code != 503:
        findings.note(f"{label}: a mistake of the server", told)
    for other in scene.counties:
        if other != county_id and marker(other) in answer.text:
            findings.note(f"{label}: names another county", told)
    try:
        case.validate_response(answer, checks=_CHECKS)
    except (Failure, FailureGroup) as failure:
        reasons = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
        for reason in reasons:
            findings.note(f"{label}: {getattr(reason, 'title', reason)}", f"{reason}\n{told}")


def fuzzed(folder: Path, url: str, examples: int, seed: int) -> Findings:
    """A run on a fresh database, with a relay node."""
    app = create_app(Settings(data_dir=folder, database_url=url, media_port=free_port(), **GENEROUS))
    with TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        return run(app, client, examples, seed)


def main(arguments: list[str] | None = None) -> int:
    """The long run; ends with 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000, help="about so many (default 50000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    configure_logging("error", "console")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SqliteDatabases(folder).fresh(folder) as url:
            found = fuzzed(folder, url, max(2, options.requests // OPERATIONS), options.seed)
    for kind, example in sorted(found.wrong.items()):
        print(f"{kind}\n    {example}", flush=True)  # noqa: T201
    print(f"{found.requests} requests, {dict(sorted(found.statuses.items()))}, {len(found.wrong)} findings")  # noqa: T201
    return 1 if found.wrong or not found.requests else 0


if __name__ == "__main__":
    sys.exit(main())
