"""Backups: what a server was, it is again; what is damaged is told in one line."""

import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.__main__ import main
from app.accounts.models import Person
from app.accounts.rules import Role
from app.backups import server
from app.backups.archive import MANIFEST
from app.database import Base, SessionFactory, make_engine, make_session_factory
from app.errors import StartupError
from app.keys import load_keys
from app.lessons.models import Lesson
from app.settings import Settings
from tests import counties, factories
from tests.databases import SqliteDatabases


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows but what backing up and restoring themselves leave in the trail."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Base.metadata.sorted_tables
            if not table.name.startswith("audit_")
        }
    engine.dispose()
    return found


@pytest.fixture
def full(settings: Settings, session: Session) -> Settings:
    """A server with a county, a plan, files and a trail."""
    load_keys(settings.data_dir)
    (settings.data_dir / "recordings").mkdir()
    (settings.data_dir / "recordings" / "lesson-1.webm").write_bytes(b"moving pictures" * 10_000)
    (settings.data_dir / "cache").mkdir()
    (settings.data_dir / "cache" / "drawn.bin").write_bytes(b"again")
    county = counties.county(session)
    county.schedule(session)
    session.commit()
    arguments = [
        "admin",
        "create-admin",
        county.county.code,
        "second",
        "--database-url",
        settings.database_url,
    ]
    assert main(arguments) == 0
    return settings


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Another server, on SQLite, that has never run."""
    return Settings(
        data_dir=tmp_path / "elsewhere", database_url=f"sqlite:///{tmp_path}/elsewhere/tongtang.db"
    )


def test_a_server_is_again_what_it_was(full: Settings, empty: Settings, tmp_path: Path) -> None:
    file = tmp_path / "monday.backup"
    where = ["--data-dir", str(full.data_dir), "--database-url", full.database_url]
    assert main(["admin", "backup", str(file), *where]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    before = everything(full.database_url)
    elsewhere = ["--data-dir", str(empty.data_dir), "--database-url", empty.database_url]
    assert main(["admin", "restore", str(file), *elsewhere]) == 0
    assert everything(empty.database_url) == before
    assert before["lessons"]
    for name in ("secret.key", "recordings/lesson-1.webm"):
        assert (empty.data_dir / name).read_bytes() == (full.data_dir / name).read_bytes()
    assert not (empty.data_dir / "cache").exists()
    assert main(["admin", "verify-audit", "--database-url", empty.database_url]) == 0
    # And back: to the server it came from, whichever database that has.
    with pytest.raises(StartupError, match="has files already, such as .*--replace"):
        server.restore(full, file, replace=False)
    (full.data_dir / "secret.key").write_bytes(b"x" * 32)
    server.restore(full, file, replace=True)
    assert everything(full.database_url) == before
    assert (full.data_dir / "secret.key").read_bytes() == (empty.data_dir / "secret.key").read_bytes()


def test_a_database_with_data_is_not_written_over(full: Settings, tmp_path: Path) -> None:
    file = tmp_path / "b"
    server.back_up(full, file)
    with pytest.raises(StartupError, match="is there already"):
        server.back_up(full, file)
    elsewhere = full.model_copy(update={"data_dir": tmp_path / "fresh"})
    with pytest.raises(StartupError, match=r"the database has data already \(audit_chains\)"):
        server.restore(elsewhere, file, replace=False)


def test_a_backup_is_of_one_moment_while_writes_go_on(
    full: Settings, empty: Settings, session_factory: SessionFactory, tmp_path: Path
) -> None:
    """Each transaction adds two people: a backup has both or neither."""
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        with session_factory.begin() as session:
            school = factories.school(session, factories.county(session))
        while not stop.is_set():
            with session_factory.begin() as session:
                for _ in range(2):
                    factories.person(session, school, Role.TEACHER)
            begun.set()

    with session_factory() as session:
        before = session.scalar(select(func.count()).select_from(Person)) or 0
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(60)
        server.back_up(full, tmp_path / "b")
    finally:
        stop.set()
        writer.join()
    server.restore(empty, tmp_path / "b", replace=False)
    engine = make_engine(empty.database_url)
    with make_session_factory(engine)() as session:
        count = session.scalar(select(func.count()).select_from(Person)) or 0
        assert session.scalar(select(func.count()).select_from(Lesson))
    engine.dispose()
    assert count > before
    assert (count - before) % 2 == 0


# --- damage ---


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("good")
    with sqlite_databases.fresh(folder) as url:
        settings = Settings(data_dir=folder / "data", database_url=url)
        load_keys(settings.data_dir)
        server.back_up(settings, folder / "good.backup")
    yield folder / "good.backup"


def rewritten(good: Path, target: Path, change: dict[str, bytes | None], more: tuple[str, ...] = ()) -> Path:
    """A backup with some members changed, or left out, or added."""
    with tarfile.open(good) as old, tarfile.open(target, "w:gz") as new:
        members = [(each.name, old.extractfile(each)) for each in old]
        for name, content in [*members, *((name, io.BytesIO(b"x")) for name in more)]:
            assert content is not None
            body = change.get(name, content.read())
            if body is not None:
                member = tarfile.TarInfo(name)
                member.size = len(body)
                new.addfile(member, io.BytesIO(body))
    return target


@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        ({"files/secret.key": b"x" * 32}, (), "files/secret.key was damaged or changed"),
        ({"files/secret.key": None}, (), "files/secret.key is missing"),
        ({MANIFEST: None}, (), "manifest is missing"),
        ({MANIFEST: b"{}"}, (), "the manifest is not understood"),
        ({}, ("files/new",), "files/new is not in its manifest"),
        ({}, ("files/../../evil",), "not a backup"),
        ({}, ("/etc/evil",), "not a backup"),
        ({}, ("files/.ssh/evil",), "not a backup"),
    ],
)
def test_a_damaged_backup_says_what_is_wrong_in_one_line(
    good: Path,
    empty: Settings,
    tmp_path: Path,
    change: dict[str, bytes | None],
    more: tuple[str, ...],
    words: str,
) -> None:
    bad = rewritten(good, tmp_path / "bad", change, more)
    with pytest.raises(StartupError, match=words) as refused:
        server.restore(empty, bad, replace=False)
    assert "\n" not in str(refused.value)
    assert not list(empty.data_dir.iterdir())


def test_half_a_backup_and_no_backup_are_told(
    good: Path, empty: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = good.read_bytes()
    where = ["--data-dir", str(empty.data_dir), "--database-url", empty.database_url]
    for number, content in enumerate((whole[: len(whole) // 2], b"", b"not an archive at all")):
        (tmp_path / str(number)).write_bytes(content)
        assert main(["admin", "restore", str(tmp_path / str(number)), *where]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["admin", "restore", str(tmp_path / "nowhere"), *where]) == 2
    assert "No such file" in capsys.readouterr().err
