"""The chores of this server, and the command that does one at once.

A domain adds its own to one of the kinds in `chores_of`; what the work needs beyond the database are settings.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.orm import Session

from app.accounts import access_tokens, browsers, erasing
from app.audit import service as audit
from app.chores import Chore, Work
from app.database import SessionFactory, make_engine, make_session_factory, measure_tables, reading
from app.errors import StartupError
from app.idempotency import attempts
from app.key_rotation import rotate_if_due
from app.keyring import RingFile
from app.logs import configure_logging
from app.notices import delivering
from app.notices import service as notices
from app.oidc import service as oidc
from app.pupils import service as pupils
from app.settings import Settings

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MONTH: Final = 30 * _DAY
_log = structlog.stdlib.get_logger(__name__)


def chores_of(settings: Settings) -> tuple[Chore, ...]:
    """Everything this server does on schedule."""
    return (*_forgetting(settings), *_ending(settings), *_keeping_up(settings))


def _forgetting(settings: Settings) -> Iterator[Chore]:
    """What nobody can use, or has a reason to read, any more."""
    yield Chore(
        "forget-sessions",
        _HOUR,
        _at_once(browsers.forget_expired),
        "delete the sign-ins of browsers that ran out",
    )
    yield Chore(
        "forget-tokens",
        _HOUR,
        _at_once(access_tokens.forget_expired),
        "delete the refresh and access tokens and the mailed links that ran out",
    )
    yield Chore(
        "forget-keys",
        _HOUR,
        _at_once(attempts.forget_expired),
        "delete the answers kept for requests with an Idempotency-Key a day ago",
    )
    yield Chore(
        "forget-attempts",
        _HOUR,
        _at_once(oidc.forget_states),
        "delete what sign-ins by the identity provider left behind",
    )
    yield Chore(
        "forget-consents",
        _DAY,
        _at_once(partial(_forget_consents, kept=_MONTH * settings.keep_consent_proof_months)),
        "delete what is left of guardians' consents that ended long ago",
    )
    yield Chore(
        "forget-notices",
        6 * _HOUR,
        _at_once(partial(_forget_notices, kept=_DAY * settings.keep_notices_days)),
        "delete old notices, those beyond the newest of a person, and old deliveries to webhooks",
    )


def _ending(settings: Settings) -> Iterator[Chore]:
    """Roles and people whose time is over."""
    yield Chore(
        "end-unseen-roles",
        6 * _HOUR,
        _at_once(partial(oidc.end_unseen, kept=_DAY * settings.oidc_role_days)),
        "end roles from the identity provider of people who have not come by it for long",
    )
    yield Chore(
        "erase-pupils", _HOUR, _at_once(pupils.erase_run_out), "erase pupils whose guardian's consent ran out"
    )
    yield Chore(
        "erase-closed-accounts",
        6 * _HOUR,
        _at_once(partial(erasing.erase_closed, kept=_MONTH * settings.keep_closed_accounts_months)),
        "erase people whose accounts were closed long ago",
    )


def _keeping_up(settings: Settings) -> Iterator[Chore]:
    """The server's own keys, tables and trail."""
    yield Chore(
        "rotate-keys",
        timedelta(minutes=10),
        partial(_rotate_keys, settings.data_dir, settings.signing_key_days),
        "let another key sign tokens once the newest has done so for long enough",
    )
    yield Chore(
        "measure-tables",
        6 * _HOUR,
        _measure_tables,
        "let SQLite know how its rows are spread, so that it finds them the shortest way",
    )
    yield Chore(
        "tell-anchors",
        _DAY,
        _tell_anchors,
        "write to the log where the trail ends, for `verify-audit --anchor`",
    )
    yield Chore(
        "cut-audit",
        6 * _HOUR,
        partial(_cut_audit, _MONTH * settings.keep_audit_months),
        "cut the trail where it has been kept long enough",
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


def _at_once(work: Callable[[Session, datetime], int]) -> Work:
    """A chore that is done in one transaction."""

    def run(factory: SessionFactory, now: datetime) -> int:
        with factory.begin() as session:
            return work(session, now)

    return run


def _forget_consents(session: Session, now: datetime, kept: timedelta) -> int:
    return pupils.forget_proofs(session, now - kept)


def _forget_notices(session: Session, now: datetime, kept: timedelta) -> int:
    return notices.forget(session, now - kept) + delivering.forget(session, now, kept)


def _rotate_keys(data_dir: Path, days: int, factory: SessionFactory, now: datetime) -> int:
    return 0 if rotate_if_due(factory, RingFile(data_dir), days, now) is None else 1


def _measure_tables(factory: SessionFactory, _now: datetime) -> int:
    measure_tables(factory.engine)
    return 0


def _tell_anchors(factory: SessionFactory, _now: datetime) -> int:
    """Whoever sends the log elsewhere keeps what even the owner of the database cannot rewrite."""
    with reading(factory) as session:
        for anchor in audit.anchors(session):
            _log.info("the trail ends here", anchor=anchor)
    return 0


def _cut_audit(kept: timedelta, factory: SessionFactory, now: datetime) -> int:
    with reading(factory) as session:
        chains = audit.chains(session)
    count = 0
    for county_id in chains:
        with factory.begin() as session:
            count += audit.cut_old(session, county_id, now - kept, now)
    return count
