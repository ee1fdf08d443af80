"""The chores of this server, and the command that does one at once.

A domain adds its own with a line in `chores_of`; what the work needs beyond the database comes from the settings.
"""

import sys
from datetime import UTC, datetime, timedelta

from app.accounts import browsers
from app.chores import Chore
from app.database import SessionFactory, make_engine, make_session_factory
from app.errors import StartupError
from app.logs import configure_logging
from app.pupils import service as pupils
from app.settings import Settings


def chores_of(settings: Settings) -> tuple[Chore, ...]:
    """Everything this server does on schedule."""
    return (
        Chore(
            "forget-sessions",
            timedelta(hours=1),
            _forget_sessions,
            "delete the sign-ins of browsers that ran out",
        ),
        Chore(
            "erase-pupils",
            timedelta(hours=1),
            _erase_pupils,
            "erase pupils whose guardian's consent ran out",
        ),
    )


def describe_chores(settings: Settings) -> str:
    """The chores for an operator, one a line."""
    return "".join(
        f"{chore.name:<24} every {str(chore.every):<16} {chore.summary}\n" for chore in chores_of(settings)
    )


def run_chore(settings: Settings, name: str) -> None:
    """Do one chore now, beside a server that may be running; raises `StartupError` for an unknown name."""
    configure_logging(settings.log_level, settings.log_format)
    chores = {chore.name: chore for chore in chores_of(settings)}
    if name not in chores:
        raise StartupError(f"there is no chore {name}; `python -m app admin chores --list` shows them")
    engine = make_engine(settings.database_url)
    try:
        things = chores[name].work(make_session_factory(engine), datetime.now(UTC))
    finally:
        engine.dispose()
    sys.stdout.write(f"{name}: {things} done\n")


def _forget_sessions(factory: SessionFactory, now: datetime) -> int:
    with factory.begin() as session:
        return browsers.forget_expired(session, now)


def _erase_pupils(factory: SessionFactory, now: datetime) -> int:
    with factory.begin() as session:
        return pupils.erase_run_out(session, now)
