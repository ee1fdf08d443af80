"""How many sign in a second, and what it costs to check a token."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import migrate
from app.accounts.permissions import Action
from app.accounts.reach import require_somewhere
from app.accounts.rules import Duty, Principal, Role
from app.accounts.scopes import actions_of_scopes
from app.accounts.sign_in import sign_in
from app.accounts.tokens import TokenKind, read, sign
from app.keys import Keys, load_keys
from app.main import create_app
from app.settings import Settings
from tests import factories
from tests.benchmarks.figures import Figure, Selection

_SIGN_INS = 60
_AT_ONCE = 12
_CHECKS = 5_000


async def account_figures(wanted: Selection) -> AsyncIterator[Figure]:
    """The figures of accounts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wanted.takes_any(["account.sign_ins_per_second", "account.sign_in_cpu_ms"]):
            per_second, cpu_ms = await _sign_ins(folder)
            yield Figure("account.sign_ins_per_second", per_second, "1/s")
            yield Figure("account.sign_in_cpu_ms", cpu_ms, "ms")
        if wanted.takes("account.token_check_us"):
            yield Figure("account.token_check_us", measure_token_check(load_keys(folder), _CHECKS), "µs")


def measure_token_check(keys: Keys, checks: int) -> float:
    """Microseconds of the processor to read a signed token and to look an action up in the scopes and the table."""
    now = datetime.now(UTC)
    county = uuid.uuid4()
    token = sign(keys, TokenKind.PERSON, {"sub": str(county)}, now=now, until=now + timedelta(minutes=15))
    duty = Duty(Role.BUREAU_ADMIN, county)
    actions = actions_of_scopes(["read"])
    begun = time.process_time()
    for _ in range(checks):
        read(keys, TokenKind.PERSON, token, now=now)
        require_somewhere(
            Principal(county, "Wang", county, (duty,), now.date(), actions=actions), Action.PERSON_LIST
        )
    return round((time.process_time() - begun) / checks * 1e6, 1)


async def _sign_ins(folder: Path) -> tuple[float, float]:
    """Sign-ins a second through the whole door, trail included, by people at addresses of their own; and the
    milliseconds of the processor that each takes, which others on the machine change little."""
    settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder}/x.db")
    migrate.upgrade(settings.database_url)
    api = create_app(settings)
    door = api.state.door
    with door.factory.begin() as session:
        county = factories.county(session)
        logins = [factories.person(session, county, Role.BUREAU_ADMIN).login for _ in range(_SIGN_INS)]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, login: str) -> None:
        async with turns:
            await sign_in(door, login, factories.PASSWORD, f"10.0.0.{number}")

    begun, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(number, login) for number, login in enumerate(logins)))
    spent, worked = time.perf_counter() - begun, time.process_time() - worked
    door.desk.close()
    api.state.engine.dispose()
    return round(_SIGN_INS / spent, 1), round(worked / _SIGN_INS * 1e3, 1)
