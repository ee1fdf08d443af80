"""What the server does on schedule: it is done again and again, whatever happens, and ends cleanly."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.__main__ import main
from app.accounts.browsers import open_session
from app.accounts.models import BrowserSession
from app.accounts.rules import Role
from app.chores import Chore, Chores
from app.database import SessionFactory, make_engine, make_session_factory
from app.housekeeping import chores_of
from app.settings import Settings
from tests import factories
from tests.patience import PATIENCE

OFTEN = timedelta(milliseconds=2)


def factory() -> SessionFactory:
    return make_session_factory(make_engine("sqlite://"))


def keep_until(works: dict[str, Callable[[], int]], enough: threading.Event) -> str:
    """Keep the chores until there is enough; the figures afterwards."""
    registry = CollectorRegistry()
    chores = [
        Chore(name, OFTEN, lambda _factory, _now, do=do: do(), name)  # type: ignore[misc]
        for name, do in works.items()
    ]

    async def scenario() -> None:
        keeping = asyncio.create_task(Chores(chores, factory(), registry).keep())
        assert await asyncio.to_thread(enough.wait, PATIENCE)
        keeping.cancel()
        await asyncio.wait((keeping,))
        assert keeping.cancelled()

    asyncio.run(scenario())
    return generate_latest(registry).decode()


def count(figures: str, name: str) -> float:
    (line,) = (line for line in figures.splitlines() if line.startswith(f"{name} "))
    return float(line.rpartition(" ")[2])


def test_a_chore_is_done_off_the_loop_again_and_again_and_its_things_are_counted() -> None:
    enough, threads = threading.Event(), list[int]()

    def work() -> int:
        threads.append(threading.get_ident())
        if len(threads) >= 3:
            enough.set()
        return 2

    figures = keep_until({"sweep": work}, enough)
    assert threading.get_ident() not in threads
    done = count(figures, 'tongtang_chores_total{chore="sweep",result="done"}')
    assert done >= len(threads) - 1  # what was being done at the end went well, but was not waited for
    assert count(figures, 'tongtang_chore_things_total{chore="sweep"}') == 2 * done


def test_what_fails_is_tried_again_and_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    enough, others = threading.Event(), threading.Event()
    failures = 0

    def broken() -> int:
        nonlocal failures
        failures += 1
        if failures >= 2 and others.is_set():
            enough.set()
        raise RuntimeError("no secret of 王芳 in the log")

    def fine() -> int:
        others.set()
        return 0

    figures = keep_until({"broken": broken, "fine": fine}, enough)
    assert count(figures, 'tongtang_chores_total{chore="broken",result="failed"}') >= failures - 1
    assert count(figures, 'tongtang_chores_total{chore="fine",result="failed"}') == 0
    assert "王芳" not in "".join(record.getMessage() for record in caplog.records if record.levelno > 10)


def test_one_that_takes_longer_than_its_interval_is_never_done_twice_at_once_and_comes_to_its_end() -> None:
    enough, lock = threading.Event(), threading.Lock()
    begun, ended, overlaps = [0], [0], [0]

    def slow() -> int:
        if not lock.acquire(blocking=False):
            overlaps[0] += 1
            return 0
        begun[0] += 1
        if begun[0] == 2:
            enough.set()
        threading.Event().wait(0.05)
        ended[0] += 1
        lock.release()
        return 0

    keep_until({"slow": slow}, enough)
    assert overlaps == [0]
    assert begun == ended


def test_two_of_a_name_are_refused() -> None:
    chore = Chore("one", OFTEN, lambda _factory, _now: 0, "")
    with pytest.raises(ValueError, match="same name"):
        Chores([chore, chore], factory(), CollectorRegistry())


def test_sign_ins_that_ran_out_are_forgotten(
    session: Session, session_factory: SessionFactory, settings: Settings
) -> None:
    person = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    now = datetime.now(UTC)
    open_session(session, person.id, timedelta(minutes=1), now)
    open_session(session, person.id, timedelta(days=1), now)
    session.commit()
    (chore,) = (each for each in chores_of(settings) if each.name == "forget-sessions")
    assert [chore.work(session_factory, now + timedelta(hours=1)) for _ in range(2)] == [1, 0]
    assert session.scalar(select(func.count()).select_from(BrowserSession)) == 1


def test_an_operator_lists_and_does_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--database-url", f"sqlite:///{tmp_path / 'tongtang.db'}", "--data-dir", str(tmp_path)]
    assert main(["migrate", *options]) == 0
    assert main(["admin", "chores", "--list", *options]) == 0
    assert "forget-sessions" in capsys.readouterr().out
    assert main(["admin", "chores", "--run", "forget-sessions", *options]) == 0
    assert capsys.readouterr().out == "forget-sessions: 0 done\n"
    assert main(["admin", "chores", "--run", "sweep-the-yard", *options]) == 2
