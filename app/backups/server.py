"""Making a backup beside a running server, and restoring one to an empty server."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Table, func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import app.main  # noqa: F401  (every table is known)
from app import __version__, migrate, serving
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act
from app.backups import archive, rows
from app.backups.archive import Manifest
from app.database import Base, make_engine, make_session_factory, read_only
from app.errors import StartupError
from app.keys import make_data_dir
from app.settings import Settings

_NOT_KEPT: Final = frozenset({"cache"})
"""Folders of the data folder that are made again by themselves."""
_CUT_TRIGGER: Final = "audit_cuts_insert"


def back_up(settings: Settings, target: Path) -> Manifest:
    """Write everything to a file, as it was at one moment; the server may be running. Raises `StartupError`."""
    engine = make_engine(settings.database_url)
    writer = _writer(target)
    try:
        if not migrate.is_up_to_date(engine):
            raise StartupError(
                "the database is not at this version's revision: run `python -m app migrate` first"
            )
        heads = _write_tables(engine, writer)
        for path, name in _files(settings):
            writer.add(f"files/{name}", _pieces(path))
        manifest = Manifest(
            version=__version__,
            revision=migrate.newest_revision() or "",
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            heads=heads,
            parts=writer.parts,
        )
        _note(engine, Act.SERVER_BACKED_UP, manifest)
        writer.finish(manifest)
    except SQLAlchemyError as error:
        raise StartupError(f"the database cannot be read: {_reason(error)}") from None
    except OSError as error:
        raise StartupError(f"{error.filename or target}: {error.strerror}") from None
    finally:
        writer.discard()
        engine.dispose()
    return manifest


def restore(settings: Settings, source: Path, *, replace: bool) -> Manifest:
    """Make this server what the backup says. Nothing is changed unless the file is whole. Raises `StartupError`.

    No server may be running. What is there already is only replaced when told so.
    """
    make_data_dir(settings.data_dir)
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=".restore-") as name:
        folder = Path(name)
        manifest = archive.unpack(source, folder)
        if manifest.revision != migrate.newest_revision():
            raise StartupError(
                f"{source}: made by version {manifest.version} with revision {manifest.revision}, this one has "
                f"{migrate.newest_revision()}: restore it with that version, then migrate"
            )
        serving.require_owner(settings.database_url)
        if not replace:
            _require_empty(settings)
        _bring_database_to_empty(settings, replace)
        engine = make_engine(settings.database_url)
        try:
            _read_tables(engine, folder, manifest)
            _put_files(settings, folder, manifest)
            _note(engine, Act.SERVER_RESTORED, manifest)
        except (SQLAlchemyError, ValueError, LookupError) as error:
            raise StartupError(f"{source}: cannot be restored: {_reason(error)}") from None
        finally:
            engine.dispose()
    return manifest


# --- the database ---


def _tables() -> list[Table]:
    return list(Base.metadata.sorted_tables)  # what is referred to comes first


def _write_tables(engine: Engine, writer: archive.Writer) -> dict[str, str]:
    """All tables as of one moment, and where the chains of the trail ended then."""
    with read_only(engine).connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        for table in _tables():
            names = tuple(column.name for column in table.columns)
            writer.add(f"tables/{table.name}.jsonl", rows.lines_of(connection, table), names)
        return _heads(connection)


def _heads(connection: Connection) -> dict[str, str]:
    with Session(bind=connection) as session:
        return {str(chain): f"{head.number}:{head.hash}" for chain, head in audit.heads(session).items()}


def _read_tables(engine: Engine, folder: Path, manifest: Manifest) -> None:
    """All rows in one transaction, which is taken back unless the trail is whole afterwards."""
    with engine.begin() as connection:
        with _cuts_as_they_were(connection):
            for table in _tables():
                part = manifest.parts[f"tables/{table.name}.jsonl"]
                with (folder / f"tables/{table.name}.jsonl").open("rb") as lines:
                    if rows.put(connection, table, part.columns, lines) != part.rows:
                        raise ValueError(f"{table.name} has not as many rows as its manifest says")
        if _heads(connection) != manifest.heads:
            raise ValueError("the trail does not end where its manifest says")
        with Session(bind=connection) as session:
            for report in audit.verify(session):
                if report.faults:
                    raise ValueError(f"the trail of {report.name} is broken: {report.faults[0].words}")


@contextmanager
def _cuts_as_they_were(connection: Connection) -> Iterator[None]:
    """Take cuts in whose last event is gone, as it is once a cut was made: a trigger asks for it when one is made.

    Whether each cut was made by a server is verified afterwards, in the same transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER TABLE audit_cuts DISABLE TRIGGER {_CUT_TRIGGER}"))
        yield
        connection.execute(text(f"ALTER TABLE audit_cuts ENABLE TRIGGER {_CUT_TRIGGER}"))
        return
    query = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    made_by = connection.execute(query, {"name": _CUT_TRIGGER}).scalar_one()
    connection.execute(text(f"DROP TRIGGER {_CUT_TRIGGER}"))
    yield
    connection.exec_driver_sql(made_by)


def _bring_database_to_empty(settings: Settings, replace: bool) -> None:
    migrate.upgrade(settings.database_url)
    if replace:
        # The trail's rows cannot be deleted, by design; its tables can.
        migrate.anew(settings.database_url)


def _require_empty(settings: Settings) -> None:
    hint = "to replace it, say --replace"
    files = [name for _, name in _files(settings)]
    if files:
        raise StartupError(
            f"the data folder {settings.data_dir} has files already, such as {files[0]}; {hint}"
        )
    migrate.upgrade(settings.database_url)
    engine = make_engine(settings.database_url)
    try:
        with read_only(engine).connect() as connection:
            for table in _tables():
                if connection.scalar(select(func.count()).select_from(table)):
                    raise StartupError(f"the database has data already ({table.name}); {hint}")
    finally:
        engine.dispose()


def _note(engine: Engine, act: Act, manifest: Manifest) -> None:
    with make_session_factory(engine).begin() as session:
        facts = {"made_at": manifest.made_at, "revision": manifest.revision}
        audit.note(session, act, SERVER_CHAIN, None, after=facts)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


# --- the data folder ---


def _files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """What is in the data folder besides the database, temporary files and what is made again by itself."""
    database = (
        make_url(settings.database_url).database if settings.database_url.startswith("sqlite") else None
    )
    for folder, folders, names in os.walk(settings.data_dir):
        folders[:] = sorted(each for each in folders if each not in _NOT_KEPT and not each.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            of_database = database is not None and str(path.resolve()).startswith(
                str(Path(database).resolve())
            )
            relative = path.relative_to(settings.data_dir).as_posix()
            if (
                path.is_file()
                and not path.is_symlink()
                and not of_database
                and archive.file_of(f"files/{relative}")
            ):
                yield path, relative


def _put_files(settings: Settings, folder: Path, manifest: Manifest) -> None:
    for path, _ in list(_files(settings)):
        path.unlink()
    for name in manifest.parts:
        relative = archive.file_of(name)
        if relative is not None:
            target = settings.data_dir / relative
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.move(folder / name, target)
            target.chmod(0o600)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _writer(target: Path) -> archive.Writer:
    if target.exists():
        raise StartupError(f"{target} is there already: name another file")
    try:
        return archive.Writer(target)
    except OSError as error:
        raise StartupError(f"{target}: {error.strerror}") from None
