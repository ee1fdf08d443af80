"""Who serves at PostgreSQL: an account that need not own the tables, its rights, and its machine's clock.

The tables know who serves: whoever but their owner may add to the trail. So a migration lets the same accounts have
what it made; and a server without the rights it needs, or whose clock would let it add nothing, does not start.
"""

import time
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.database import make_engine, read_only
from app.errors import StartupError

_log = structlog.stdlib.get_logger(__name__)

# What the account that serves has of each table beyond reading it; of all others, everything but the table itself.
_OF_THE_TRAIL: Final = {
    "audit_events": "INSERT",
    "audit_chains": "INSERT, UPDATE",  # whose numbers only grow
    "audit_cuts": "",  # `audit_cut` cuts
    "alembic_version": "",
}
_OF_OTHERS: Final = "INSERT, UPDATE, DELETE"
_RIGHTS: Final = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
_CUT: Final = "audit_cut(uuid, integer, text, timestamptz)"
_OWNER: Final = "(SELECT relowner FROM pg_class WHERE oid = to_regclass('audit_events'))"
_THERE: Final = text("SELECT to_regclass('audit_events')")
_SERVING: Final = text(
    "SELECT DISTINCT pg_get_userbyid(given.grantee) FROM pg_class, aclexplode(relacl) AS given "
    "WHERE pg_class.oid = to_regclass('audit_events') AND given.privilege_type = 'INSERT' "
    "AND given.grantee NOT IN (0, relowner) ORDER BY 1"
)
_WITHOUT: Final = text(
    "SELECT relname, wanted FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted "
    f"WHERE relkind = 'r' AND relowner = {_OWNER} "
    "AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('audit_events')) "
    "AND NOT has_table_privilege(:who, pg_class.oid, wanted) ORDER BY relname"
)
_MOST_APART: Final = timedelta(hours=1)
"""The trigger `audit_events_of_now` takes no event that is further from the database's clock, but from the owner."""


def serve_as(url: str, account: str) -> None:
    """Let an account of PostgreSQL serve, and no more: it changes no table, and nothing that the trail says.

    Run by the owner of the tables. Raises `StartupError` when the account cannot be used so.
    """
    engine = make_engine(url)
    try:
        if engine.dialect.name != "postgresql":
            raise StartupError("only PostgreSQL has accounts: SQLite's file belongs to who runs the server")
        with engine.begin() as connection:
            _require_lesser(connection, account)
            _grant(connection, engine.dialect.identifier_preparer.quote(account))
            _require_no_more(connection, account)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StartupError(f"{account} cannot be let serve: {reason}") from None
    finally:
        engine.dispose()


def accounts_of(url: str) -> list[str]:
    """The accounts besides the owner that serve, or served until the last migration."""
    engine = make_engine(url)
    try:
        with read_only(engine).connect() as connection:
            return _accounts(connection)
    finally:
        engine.dispose()


def check(url: str) -> None:
    """Whether this account may serve what is there; run by the tables' owner, let those serve that served before.

    Raises `StartupError` with what to do.
    """
    engine = make_engine(url)
    try:
        if engine.dialect.name != "postgresql":
            return
        with engine.begin() as connection:
            if connection.scalar(_THERE) is None:
                return  # an old revision
            who = connection.scalar(text("SELECT current_user")) or ""
            served = _accounts(connection) if _is_owner(connection) else []
            wanting = [account for account in served if _missing(connection, account)]
            if not _is_owner(connection) and (missing := _missing(connection, who)):
                more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
                raise StartupError(
                    f"{who} may not use {missing[0]}{more}: "
                    f"run python -m app migrate --serve-as {who} with the URL of the tables' owner"
                )
            _check_clock(connection)
    finally:
        engine.dispose()
    for account in wanting:
        serve_as(url, account)
        _log.info("may serve what the migration made", account=account)


def require_owner(url: str) -> None:
    """Raise `StartupError` unless this account may make and drop the tables that are there."""
    engine = make_engine(url)
    try:
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                if connection.scalar(_THERE) is not None and not _is_owner(connection):
                    raise StartupError(
                        "this account serves and owns no table: name the URL of the tables' owner"
                    )
    finally:
        engine.dispose()


def clocks_agree(engine: Engine) -> bool:
    """Whether the database takes events at the time that this machine's clock shows."""
    if engine.dialect.name != "postgresql":
        return True
    with read_only(engine).connect() as connection:
        return abs(_ahead(connection)) < _MOST_APART or _is_owner(connection)


def _check_clock(connection: Connection) -> None:
    ahead = _ahead(connection)
    if abs(ahead) < _MOST_APART:
        return
    words = f"this machine's clock is {abs(ahead)} {'ahead of' if ahead > timedelta(0) else 'behind'} the database's"
    if not _is_owner(connection):
        raise StartupError(f"{words}, so nothing could be noted in the trail: set both clocks, best by NTP")
    _log.warning("clocks are apart", why=f"{words}: set both clocks, best by NTP")


def _ahead(connection: Connection) -> timedelta:
    """How far this machine's clock is ahead of the database's, to the second."""
    there = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
    return timedelta(seconds=round(time.time() - float(there or 0)))


def _is_owner(connection: Connection) -> bool:
    return bool(connection.scalar(text(f"SELECT pg_has_role({_OWNER}, 'MEMBER')")))


def _accounts(connection: Connection) -> list[str]:
    return list(connection.scalars(_SERVING)) if connection.dialect.name == "postgresql" else []


def _missing(connection: Connection, account: str) -> list[str]:
    """What an account that serves has to use and cannot."""
    found = [
        table
        for table, right in connection.execute(_WITHOUT, {"who": account})
        if right == "SELECT" or right in _OF_THE_TRAIL.get(table, _OF_OTHERS).split(", ")
    ]
    query = text(f"SELECT has_function_privilege(:who, to_regprocedure('{_CUT}'), 'EXECUTE')")
    if connection.scalar(query, {"who": account}) is False:
        found.append(_CUT)
    return list(dict.fromkeys(found))


def _require_lesser(connection: Connection, account: str) -> None:
    """Whoever owns the tables, or may act as who does, cannot be kept from anything."""
    query = text(
        "SELECT rolsuper OR rolcreaterole OR "
        f"pg_has_role(oid, {_OWNER}, 'MEMBER') FROM pg_roles WHERE rolname = :who"
    )
    owns = connection.scalar(query, {"who": account})
    if owns is None:
        raise StartupError(f"the database has no account {account}: CREATE ROLE {account} LOGIN PASSWORD …")
    if owns:
        raise StartupError(f"{account} owns the tables, or may do everything: name another account")


def _require_no_more(connection: Connection, account: str) -> None:
    """What it was not given here it may have from a group, PUBLIC or a role like `pg_write_all_data`."""
    if connection.scalar(
        text("SELECT has_schema_privilege(:who, current_schema(), 'CREATE')"), {"who": account}
    ):
        raise StartupError(f"{account} may still make tables: it has a right to that from somewhere else")
    beyond = text(
        "SELECT has_table_privilege(:who, :trail, :right) OR CASE WHEN :right IN ('INSERT', 'UPDATE') "
        "THEN has_any_column_privilege(:who, :trail, :right) ELSE false END"
    )
    # A role that it may become without inheriting from it counts as well.
    roles = text(
        "SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE pg_has_role(:who, oid, 'MEMBER')"
    )
    for role, may_all in connection.execute(roles, {"who": account}).all():
        if may_all:
            raise StartupError(f"{account} may become {role}, which may give itself every right")
        for table, given in _OF_THE_TRAIL.items():
            for right in _RIGHTS:
                if right not in given.split(", ") and connection.scalar(
                    beyond, {"who": role, "trail": table, "right": right}
                ):
                    raise StartupError(
                        f"{account} may still {right} {table}: it has a right to that from {role}"
                    )


def _grant(connection: Connection, account: str) -> None:
    """`account` is a quoted name."""
    schema = connection.dialect.identifier_preparer.quote(
        connection.scalar(text("SELECT current_schema()")) or ""
    )
    said = [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {account}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {account}",
        f"GRANT USAGE ON SCHEMA {schema} TO {account}",
        f"GRANT SELECT, {_OF_OTHERS} ON ALL TABLES IN SCHEMA {schema} TO {account}",
        f"GRANT EXECUTE ON FUNCTION {_CUT} TO {account}",
    ]
    for table, more in _OF_THE_TRAIL.items():
        said.append(f"REVOKE ALL ON {table} FROM {account}")
        said.append(f"GRANT SELECT{', ' * bool(more)}{more} ON {table} TO {account}")
    for each in said:
        connection.exec_driver_sql(each)
