"""What an operator does to the accounts and the data of a server: ``python -m app admin …``."""

import sys

from app.accounts.lockouts import unlock
from app.database import make_engine, make_session_factory
from app.logs import configure_logging
from app.settings import Settings


def unlock_account(settings: Settings, login: str) -> None:
    """Let somebody sign in again at once who was locked out by wrong passwords."""
    configure_logging(settings.log_level, settings.log_format)
    engine = make_engine(settings.database_url)
    try:
        with make_session_factory(engine).begin() as session:
            unlock(session, login.strip().lower())
    finally:
        engine.dispose()
    sys.stdout.write(f"{login} may sign in again; a running server knows within seconds.\n")
