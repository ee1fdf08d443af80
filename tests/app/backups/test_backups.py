"""Backups: what a server was, it is again; what is damaged is told in one line."""

import io
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.__main__ import main
from app.accounts.models import Person
from app.accounts.rules import Role
from app.audit import queries
from app.audit import service as audit
from app.audit.rules import SERVER_CHAIN, Act, Event, seal
from app.backups import server
from app.backups.archive import MANIFEST
from app.database import Base, SessionFactory, make_engine, make_session_factory
from app.errors import StartupError
from app.idempotency.models import IdempotencyKey
from app.keys import load_keys
from app.lessons.models import Lesson
from app.notices.models import NoticeLetter
from app.notices.retrying import DeliveryState
from app.settings import Settings
from app.timetables.models import CurriculumRequirement
from tests import factories
from tests.app.test_permissions import made_scene
from tests.counties import County
from tests.databases import SqliteDatabases
from tests.patience import PATIENCE


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows but what backing up and restoring themselves leave in the trail."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in ("audit_events", "audit_chains")
        }
    engine.dispose()
    return found


@pytest.fixture
def full(settings: Settings, session: Session) -> Settings:
    """A server with one of everything, files, and a trail that was cut."""
    load_keys(settings.data_dir)
    (settings.data_dir / "recordings").mkdir()
    (settings.data_dir / "recordings" / "lesson-1.webm").write_bytes(b"moving pictures" * 10_000)
    (settings.data_dir / "cache").mkdir()
    (settings.data_dir / "cache" / "drawn.bin").write_bytes(b"again")
    county = made_scene(session).county
    _add_what_waits(session, county)
    session.commit()
    cut_trail(session)
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


LATELY_ADDED = ["lesson_changes", "notices", "notice_letters", "webhook_deliveries", "idempotency_keys"]
LATELY_ADDED += ["curriculum_requirements", "headcounts", "calendar_feeds", "audit_cuts"]


def _add_what_waits(session: Session, county: County) -> None:
    """What a server has that is in the middle of its work: letters, answers kept for a while, requirements."""
    now = datetime.now(UTC)
    notice = factories.notice(session, county.teacher)
    session.add_all(
        (
            NoticeLetter(
                notice_id=notice.id, person_id=county.teacher.id, state=DeliveryState.WAITING, attempts=1,
                created_at=now, next_at=now,
            ),
            IdempotencyKey(
                person_id=county.bureau.id, key_hash="k", request_hash="r", created_at=now, status=201,
                headers={"Location": "/x"}, body='{"名": 1}',
            ),
            CurriculumRequirement(
                term_id=county.term.id, org_unit_id=county.county.id, county_id=county.county.id, grade=3,
                subject="English", periods_per_week=2.5,
            ),
        )
    )  # fmt: skip


def cut_trail(session: Session) -> None:
    """Let the trail's first event be an old one, and gone."""
    now = datetime.now(UTC)
    head = queries.lock_head(session, SERVER_CHAIN)
    old = seal(Event(Act.KEYS_ROTATED, SERVER_CHAIN), head, now - timedelta(days=400))
    queries.append(session, [old])
    session.commit()
    assert audit.cut_old(session, SERVER_CHAIN, now - timedelta(days=300), now) == 1
    session.commit()


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
    assert not [name for name in ("lessons", *LATELY_ADDED) if not before[name]]
    for name in ("secret.key", "recordings/lesson-1.webm"):
        assert (empty.data_dir / name).read_bytes() == (full.data_dir / name).read_bytes()
    assert not (empty.data_dir / "cache").exists()
    assert main(["admin", "verify-audit", "--database-url", empty.database_url]) == 0
    forge_a_cut(empty.database_url)
    # And back: to the server it came from, whichever database that has.
    with pytest.raises(StartupError, match="has files already, such as .*--replace"):
        server.restore(full, file, replace=False)
    (full.data_dir / "secret.key").write_bytes(b"x" * 32)
    server.restore(full, file, replace=True)
    assert everything(full.database_url) == before
    assert (full.data_dir / "secret.key").read_bytes() == (empty.data_dir / "secret.key").read_bytes()


def forge_a_cut(url: str) -> None:
    """What a restore lets pass is refused again afterwards."""
    engine = make_engine(url)
    forged = text(
        "INSERT INTO audit_cuts SELECT county_id, number, hash, at FROM audit_events WHERE number > 1"
    )
    with engine.begin() as connection, pytest.raises(DBAPIError, match="audit_is_append_only"):
        connection.execute(forged)
    engine.dispose()


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
        assert begun.wait(PATIENCE)
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
