"""Starting, failing to start, and ending: what an operator sees on the terminal."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.__main__ import main
from tests.patience import PATIENCE, patient
from tests.ports import free_port
from tests.scenarios import server as server_module
from tests.scenarios.server import command, environment, is_alive, running_server


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line a command that cannot work says; here, so that not each takes seconds to load."""
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def run_options(folder: Path, **changes: str) -> list[str]:
    options = {
        "data-dir": str(folder / "data"),
        "http-port": str(free_port()),
        "media-port": str(free_port()),
    }
    options |= {name.replace("_", "-"): value for name, value in changes.items()}
    return ["run", *(word for name, value in options.items() for word in (f"--{name}", value))]


def test_a_taken_http_port_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An option goes before its variable: it is the option's port that is taken.
    monkeypatch.setattr(server_module, "environment", lambda: environment() | {"TONGTANG_HTTP_PORT": "1"})
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = command(*run_options(tmp_path, http_port=str(port)))
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert f"TCP port {port}" in line
    assert "TONGTANG_HTTP_PORT" in line


@pytest.mark.parametrize(("name", "kind"), [("UDP", socket.SOCK_DGRAM), ("TCP", socket.SOCK_STREAM)])
def test_a_taken_media_port_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("0.0.0.0", free_port()))
        port = other.getsockname()[1]
        if kind is socket.SOCK_STREAM:
            other.listen()
        line = refusal(capsys, *run_options(tmp_path, media_port=str(port)))
    assert f"{name} port {port}" in line
    assert "TONGTANG_MEDIA_PORT" in line


def test_an_unreachable_database_is_named_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    line = refusal(
        capsys, *run_options(tmp_path, database_url=f"postgresql://me:s3cret@127.0.0.1:{port}/lessons")
    )
    assert f"127.0.0.1:{port}" in line
    assert "TONGTANG_DATABASE_URL" in line
    assert "s3cret" not in line


def test_a_data_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    line = refusal(capsys, *run_options(tmp_path, data_dir=str(tmp_path / "file" / "data")))
    assert str(tmp_path / "file" / "data") in line
    assert "TONGTANG_DATA_DIR" in line


@pytest.mark.parametrize(
    ("option", "value", "variable"),
    [
        ("http_port", "eighty", "TONGTANG_HTTP_PORT"),
        ("http_port", "70000", "TONGTANG_HTTP_PORT"),
        ("media_addresses", "over there", "TONGTANG_MEDIA_ADDRESSES"),
        ("database_url", "mysql://localhost/x", "TONGTANG_DATABASE_URL"),
        ("relay_nodes", "0", "TONGTANG_RELAY_NODES"),
        ("log_level", "shouting", "TONGTANG_LOG_LEVEL"),
        ("turn_urls", "turn.example.org", "TONGTANG_TURN_URLS"),
        ("turn_urls", "turn:turn.example.org", "TONGTANG_TURN_SECRET"),
    ],
)
def test_a_bad_setting_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, variable: str
) -> None:
    assert main(run_options(tmp_path, **{option: value})) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tongtang: {variable}: ")


def test_the_help_names_every_setting_with_its_variable() -> None:
    done = command("run", "--help")
    assert done.returncode == 0
    for variable in ("DATA_DIR", "DATABASE_URL", "HTTP_PORT", "MEDIA_PORT", "MEDIA_ADDRESSES", "RELAY_NODES"):
        assert f"TONGTANG_{variable}" in done.stdout
    # Whatever is on a command line, everybody on the machine can read.
    assert "--turn-urls" in done.stdout
    assert "--turn-secret " not in done.stdout


@pytest.mark.parametrize(
    "name", ["run", "migrate", "seed", "demo", "create-county", "permissions", "synthetic-teacher"]
)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m app {name}" in capsys.readouterr().out


def _gone(pids: list[int]) -> float:
    """Wait until all these processes have ended; the seconds it took."""
    began = time.monotonic()
    _until(lambda: not any(is_alive(pid) for pid in pids))
    return time.monotonic() - began


def test_ctrl_c_ends_everything_within_three_seconds(tmp_path: Path) -> None:
    with running_server(tmp_path, f"sqlite:///{tmp_path / 'db'}", "--relay-nodes", "2") as server:
        # A browser that keeps its connection open must not hold the server up.
        with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as browser:
            assert browser.get("/healthz").is_success
            nodes = server.relay_pids()
            assert len(nodes) == 2
            code, seconds = server.stop(signal.SIGINT)
        assert code == 0
        assert seconds < patient(3)
        assert _gone(nodes) < patient(0.5)


def _until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # another process: nothing of it can be awaited


@pytest.mark.slow
def test_the_second_start_of_the_demo_is_quick_and_keeps_its_secrets_and_a_kill_leaves_no_child(
    tmp_path: Path,
) -> None:
    database = f"sqlite:///{tmp_path / 'db'}"
    secrets = [tmp_path / name for name in ("secret.key", "demo.json")]
    kept: list[list[bytes]] = []
    printed: list[list[str]] = []
    cpu_seconds: list[float] = []
    for start in (1, 2):
        with running_server(tmp_path, database, "--demo") as server:
            _until(lambda said=server.output: "Ctrl-C" in said())  # type: ignore[misc]
            # Of the processor, and beside the first start: the wall's depends on what else the machine does.
            cpu_seconds.append(server.cpu_seconds())
            links = re.findall(rf"http://localhost:{server.http_port}/demo/\w+", server.output())
            places = [
                httpx.get(link, timeout=PATIENCE).headers["location"].partition("#as=")[0] for link in links
            ]
            assert places == ["/site", "/site", "/site", "/teach"]
            printed.append(links)
            if start == 1:
                code, seconds = server.stop(signal.SIGTERM)  # what service managers send
                assert code == 0 and seconds < patient(3)
            else:
                _until(lambda started=server.child_pids: len(started()) == 3)  # type: ignore[misc]
                pids = [*server.child_pids(), *server.reader_pids()]
                server.stop(signal.SIGKILL)
                _gone(pids)
        kept.append([path.read_bytes() for path in secrets])
    assert kept[0] == kept[1]
    assert [link[-8:] for link in printed[0]] == [link[-8:] for link in printed[1]]
    assert [oct(os.stat(path).st_mode)[-3:] for path in secrets] == ["600", "600"]
    assert cpu_seconds[1] < 0.8 * cpu_seconds[0]
