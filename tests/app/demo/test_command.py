"""``python -m app demo`` as a person runs it: progress on stderr, one JSON line at the end, an honest exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE, patient
from tests.scenarios.server import REPOSITORY, command, environment


def _last_line(output: str) -> dict[str, Any]:
    line = json.loads(output.splitlines()[-1])
    assert isinstance(line, dict)
    return line


@pytest.mark.slow
def test_the_main_job_is_proved_from_nothing() -> None:
    done = command("demo", "--seconds", "3")
    result = _last_line(done.stdout)
    assert result["ok"] is True, (result, done.stderr)
    assert done.returncode == 0
    assert len(result["sites"]) == 3
    for site in [*result["sites"], result["answer"]]:
        assert site["frames"] >= 30
        assert 0 < site["first_frame_ms"] < patient(5_000)
        assert 0 < site["latency_p50_ms"] <= site["latency_p99_ms"]
        assert site["lost_packets"] >= 0
    assert result["relay_us_per_packet"] > 0
    assert "demo: scheduled over REST" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("whatever")
    done = command("demo", "--url", "http://127.0.0.1:9", "--password-file", str(tmp_path / "password"))
    assert done.returncode == 1
    result = _last_line(done.stdout)
    assert result["ok"] is False
    assert "no answer from http://127.0.0.1:9" in result["reason"]
    assert "Traceback" not in done.stderr


def test_a_missing_password_is_a_reason() -> None:
    done = command("demo", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "--password-file" in _last_line(done.stdout)["reason"]


def test_ctrl_c_ends_it_with_a_reason_and_leaves_nothing_running() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "demo"],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "starting a server" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert _last_line(output) == {"ok": False, "reason": "interrupted"}
    assert "Traceback" not in errors
