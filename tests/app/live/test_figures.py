"""What operators see of the relay nodes."""

import re
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.patience import PATIENCE


def test_the_stress_of_every_node_is_shown_and_every_figure_is_documented(
    app: FastAPI, live: TestClient
) -> None:
    assert live.portal is not None
    live.portal.call(app.state.coordinator.wait_ready, PATIENCE)
    figures = TestClient(app, client=("127.0.0.1", 50_000)).get("/metrics").text
    stress = re.search(r'^tongtang_relay_stress\{node="0"\} (\S+)$', figures, re.MULTILINE)
    assert stress is not None
    assert 0.0 <= float(stress[1]) <= 1.0
    documented = Path("docs/operations.md").read_text("utf-8").replace("`…_", "`tongtang_relay_")
    shown = re.findall(r"^# TYPE (tongtang_(?:relay|media)\w+?)(?:_total)? ", figures, re.MULTILINE)
    assert shown and [name for name in shown if f"`{name}" not in documented] == []
