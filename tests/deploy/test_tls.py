"""TLS, by the server itself and by the nginx of deploy/nginx.conf before it."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as day_time
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from sqlalchemy import select
from websockets.sync.client import ClientConnection, connect

from app.accounts.rules import Role
from app.accounts.service import issue_person_token
from app.audit.models import AuditEvent
from app.database import make_engine, make_session_factory
from app.errors import StartupError
from app.guard.tls import Certificate
from app.keys import load_keys
from app.lessons.models import Lesson
from app.settings import Settings, SettingsError, load_settings
from app.timetables.rules import Bell
from tests import counties, factories
from tests.databases import SqliteDatabases
from tests.patience import PATIENCE, patient
from tests.ports import free_port, free_ports
from tests.scenarios.server import ServerProcess
from tests.serving import Served, serving

ROOT = Path(__file__).parents[2]
NAME = "localhost"


@dataclass(frozen=True)
class Pair:
    """A self-signed certificate and its key."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str = "tls") -> "Pair":
        pair = cls(folder / f"{name}.pem", folder / f"{name}.key")
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        )
        subprocess.run(
            [*command.split(), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", str(pair.key), "-out", str(pair.certificate)],
            check=True,
            capture_output=True,
        )
        return pair

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def pair(folder: Path) -> Pair:
    return Pair.make(folder)


def settings_of(folder: Path, url: str, **more: object) -> Settings:
    return Settings(data_dir=folder, database_url=url, media_port=free_port(), **more)  # type: ignore[arg-type]


def serial_at(port: int) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_the_server_speaks_tls_itself_and_takes_up_a_new_certificate(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    pair = Pair.make(tmp_path)
    with sqlite_databases.fresh(tmp_path) as url:
        settings = settings_of(
            tmp_path / "data",
            url,
            tls_certificate=pair.certificate,
            tls_key=pair.key,
            head_seconds=patient(1.0),
        )
        assert settings.public_url == "https://localhost:8000"
        with serving(settings) as served, httpx.Client(verify=pair.client(), timeout=PATIENCE) as client:
            silent = socket.create_connection(("127.0.0.1", served.port))  # begins no handshake
            address = f"https://localhost:{served.port}/healthz"
            answer = client.get(address)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            before = serial_at(served.port)
            renewed = Pair.make(tmp_path, "renewed")
            shutil.copyfile(renewed.key, pair.key)
            assert served.server.certificate is not None
            served.server.certificate.reload()  # half of a pair: the old one stays
            assert serial_at(served.port) == before
            shutil.copyfile(renewed.certificate, pair.certificate)
            served.server.certificate.reload()
            assert serial_at(served.port) != before
            assert client.get(address).status_code == 200  # on the connection that was open
            silent.settimeout(PATIENCE)
            assert silent.recv(1) == b""
            silent.close()


def test_a_running_server_takes_up_a_new_certificate_on_sighup_and_lessons_go_on(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    pair, renewed, data = Pair.make(tmp_path), Pair.make(tmp_path, "renewed"), tmp_path / "data"
    with sqlite_databases.fresh(tmp_path) as url:
        token, lesson_id = a_teacher_and_a_lesson(url, data)
        options = ["--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key)]
        server = ServerProcess(data, url, *options, "--idle-seconds", "3000")
        server.url, server.verify = f"https://localhost:{server.http_port}", pair.client()
        path = f"wss://localhost:{server.http_port}/api/v1/lessons/{lesson_id}/channel"
        try:
            server.wait_ready()
            before = serial_at(server.http_port)
            # Both trust the old certificate only: a connection made anew would fail.
            with (
                httpx.Client(verify=pair.client(), trust_env=False) as program,
                connect(path, ssl=pair.client(), proxy=None, ping_interval=None) as page,
            ):
                page.send(json.dumps({"type": "hello", "token": token}))
                assert heard(page, "welcome")["streams"]
                assert program.get(f"{server.url}/healthz").status_code == 200
                shutil.copyfile(renewed.key, pair.key)
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "the old one stays" in server.output())
                assert serial_at(server.http_port) == before
                shutil.copyfile(renewed.certificate, pair.certificate)
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: serial_at(server.http_port) != before)
                fresh = httpx.get(f"{server.url}/healthz", verify=renewed.client(), trust_env=False)
                assert fresh.status_code == 200
                page.send(json.dumps({"type": "ping"}))
                assert heard(page, "pong")
                assert program.get(f"{server.url}/healthz").status_code == 200
        finally:
            assert server.stop()[0] == 0, server.output()


def a_teacher_and_a_lesson(url: str, data: Path) -> tuple[str, uuid.UUID]:
    """A token of tomorrow's teacher, and the lesson."""
    engine = make_engine(url)
    with make_session_factory(engine).begin() as session:
        first_day = counties.tomorrow()
        county = counties.county(session, first_day=first_day, weeks=1)
        plan = county.schedule(session, weekday=first_day.isoweekday())
        lesson_id = session.scalars(select(Lesson.id).where(Lesson.entry_id == plan.entry.id)).one()
        token = issue_person_token(load_keys(data), county.teacher, 60)
    engine.dispose()
    return token, lesson_id


def heard(page: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while True:
        message: dict[str, Any] = json.loads(page.recv(PATIENCE))
        if message["type"] == kind:
            return message


def wait_until(came: Callable[[], bool]) -> None:
    """Another process: nothing of it can be awaited."""
    deadline = time.monotonic() + PATIENCE
    while not came():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_older_versions_than_tls_1_2_are_not_spoken(pair: Pair) -> None:
    outcomes = {}
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        asking = pair.client()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this is about
            asking.minimum_version = asking.maximum_version = version
        asking.set_ciphers("ALL:@SECLEVEL=0")  # else it would not even ask
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = asking.wrap_bio(back, there, server_hostname=NAME)
        server = Certificate(pair.certificate, pair.key).context.wrap_bio(there, back, server_side=True)
        outcomes[version] = shake_hands(client, server)
    assert outcomes == {
        ssl.TLSVersion.TLSv1_1: "UNSUPPORTED_PROTOCOL",
        ssl.TLSVersion.TLSv1_2: "TLSv1.2",
        ssl.TLSVersion.TLSv1_3: "TLSv1.3",
    }


def shake_hands(client: ssl.SSLObject, server: ssl.SSLObject) -> str | None:
    """What both speak in the end, or why the server will not."""
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error.reason
    return server.version()


def test_a_certificate_that_is_of_no_use_is_one_line(tmp_path: Path, pair: Pair) -> None:
    other = Pair.make(tmp_path)
    for key in (other.key, tmp_path / "nowhere", pair.certificate):
        with pytest.raises(StartupError, match=r"^TONGTANG_TLS_CERTIFICATE, .*PEM files") as refused:
            Certificate(pair.certificate, key)
        assert "\n" not in str(refused.value)
    with pytest.raises(SettingsError, match=r"^TONGTANG_TLS_KEY: a key and a certificate go together"):
        load_settings(tls_certificate=str(pair.certificate))


# --- nginx ---


@dataclass(frozen=True)
class Behind:
    """A server behind nginx."""

    served: Served
    https: int
    http: int
    client: httpx.Client
    tls: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.https}"


@pytest.fixture(scope="module")
def nginx(folder: Path, pair: Pair, sqlite_databases: SqliteDatabases) -> Iterator[Behind]:
    """nginx as deploy/nginx.conf says, but for names, ports and files."""
    https = free_ports(2)
    with sqlite_databases.fresh(folder) as url:
        settings = settings_of(folder / "data", url, public_url=f"https://localhost:{https}")
        with serving(settings) as served:
            site = (ROOT / "deploy/nginx.conf").read_text()
            for given, here in (
                ("lessons.example.org;", "localhost;"),
                ("listen 443 ssl", f"listen 127.0.0.1:{https} ssl"),
                ("listen 80", f"listen 127.0.0.1:{https + 1}"),
                ("127.0.0.1:8000", f"127.0.0.1:{served.port}"),
                ("/etc/tongtang/fullchain.pem", str(pair.certificate)),
                ("/etc/tongtang/privkey.pem", str(pair.key)),
            ):
                assert given in site
                site = site.replace(given, here)
            process = start_nginx(folder, site)
            try:
                wait_for(https)
                with httpx.Client(
                    verify=pair.client(), base_url=f"https://localhost:{https}", timeout=PATIENCE
                ) as client:
                    yield Behind(served, https, https + 1, client, pair.client())
            finally:
                process.terminate()
                process.wait(PATIENCE)


def start_nginx(folder: Path, site: str) -> subprocess.Popen[bytes]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx is missing: apt install nginx-light"
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    events = "worker_processes 1; daemon off; events { worker_connections 256; }"
    http = f"http {{ access_log off; {temporary}\n{site} }}"
    (folder / "nginx.conf").write_text(
        f"{events}\npid {folder}/nginx.pid; error_log {folder}/nginx.log;\n{http}"
    )
    return subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("nginx did not come up")


def test_pages_and_answers_come_through(nginx: Behind) -> None:
    page = nginx.client.get("/teach")
    assert page.status_code == 200
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "server" not in page.headers or page.headers["server"] == "nginx"
    plain = httpx.get(f"http://localhost:{nginx.http}/teach?x=1", timeout=PATIENCE)
    assert (plain.status_code, plain.headers["location"]) == (308, "https://localhost/teach?x=1")
    assert nginx.client.get("/metrics").status_code == 404


def test_a_program_that_speaks_in_the_clear_is_told_and_old_ciphers_are_refused(nginx: Behind) -> None:
    for path in ("/api/v1/me", "/whip/x/main", "/whep/x/main", "/calendars/x.ics"):
        assert httpx.get(f"http://localhost:{nginx.http}{path}").status_code == 403
    for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        with socket.create_connection(("127.0.0.1", nginx.https)) as plain:
            if cipher.endswith("-SHA"):
                with pytest.raises(ssl.SSLError, match="(?i)handshake failure"):
                    context.wrap_socket(plain)
            else:
                context.wrap_socket(plain).close()


def test_a_sign_in_is_secure_and_the_trail_has_the_client_s_address(nginx: Behind) -> None:
    factory = nginx.served.app.state.session_factory
    with factory.begin() as session:
        school = factories.school(session, factories.county(session))
        factories.person(session, school, Role.TEACHER, login="wang")
    answer = nginx.client.post(
        "/api/v1/session",
        json={"login": "wang", "password": factories.PASSWORD},
        headers={"Origin": nginx.origin, "X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"},
    )
    assert answer.status_code in (200, 201)
    assert answer.headers["set-cookie"].startswith("__Host-")
    assert "Secure" in answer.headers["set-cookie"]
    with factory() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.at.desc()).limit(1)).one()
    assert event.address == "127.0.0.1"  # nginx's client, not what it wrote


def test_whip_comes_through_with_its_location(nginx: Behind) -> None:
    now = datetime.now(UTC)
    all_day = {
        n + 1: Bell(day_time(2 * n), day_time(2 * n + 2) if n < 11 else day_time(0)) for n in range(12)
    }
    with nginx.served.app.state.session_factory.begin() as session:
        county = counties.county(session, first_day=now.date(), weeks=2, periods=all_day, time_zone="UTC")
        plan = county.schedule(session, now, weekday=now.isoweekday(), period=now.hour // 2 + 1)
        lesson = session.scalars(
            select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at).limit(1)
        ).one()
        headers = factories.bearer(nginx.served.app.state.keys, county.teacher)
    offer = (ROOT / "tests/fuzz/corpus/offer/obs_publish").read_bytes()
    headers |= {"Content-Type": "application/sdp"}
    answer = nginx.client.post(f"/whip/{lesson}/main", content=offer, headers=headers)
    assert answer.status_code == 201, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"/whip/{lesson}/main/")
    assert nginx.client.delete(location).status_code == 200


def test_the_channel_comes_through(nginx: Behind) -> None:
    path = "/api/v1/lessons/00000000-0000-0000-0000-000000000000/channel"
    with connect(f"wss://localhost:{nginx.https}{path}", ssl=nginx.tls) as socket:
        socket.send('{"type": "hello", "token": "nonsense"}')
        assert '"type":"error"' in str(socket.recv(PATIENCE)).replace(" ", "")


def test_large_uploads_end_at_the_proxy_and_tables_come_through(nginx: Behind) -> None:
    with nginx.served.app.state.session_factory.begin() as session:
        bureau = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    header = factories.bearer(nginx.served.app.state.keys, bureau) | {"Content-Type": "text/csv"}
    assert nginx.client.post("/api/v1/people", content=b"x" * 1_200_000).status_code == 413
    table = b"code,name\n" + b"\n".join(b"S%05d,%s" % (n, b"x" * 190) for n in range(8000))  # 1.6 MB
    answer = nginx.client.post(
        "/api/v1/imports?kind=org-units", content=table, headers=header, timeout=PATIENCE
    )
    assert answer.status_code == 200, answer.text  # the server read it, and says what is wrong with it
    assert answer.json()["errors"]
    too_large = b"x" * (18 << 20)
    assert (
        nginx.client.post("/api/v1/imports?kind=rooms", content=too_large, headers=header).status_code == 413
    )
