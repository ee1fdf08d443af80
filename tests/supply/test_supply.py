"""The bill of materials and the audit's judgement, without asking anybody."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.supply.audit import judge
from tests.supply.lockfile import read_pins
from tests.supply.sbom import LOCK, bill

NAMES = ["fastapi", "uvicorn"]
SOUND = {"name": "FastAPI", "version": "1", "vulns": []}
WEAK = {"name": "uvicorn", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "uvicorn", "skip_reason": "Dependency not found"}


def test_the_bill_names_everything_that_is_installed_with_its_hashes() -> None:
    document = bill(list(read_pins(LOCK)))
    assert document == bill(list(read_pins(LOCK)))
    assert json.loads(json.dumps(document))["bomFormat"] == "CycloneDX"
    components = {each["name"]: each for each in document["components"]}
    project = tomllib.loads((Path(LOCK).parent / "pyproject.toml").read_text())["project"]
    for wanted in project["dependencies"]:
        name = re.split(r"[\[<>=]", wanted)[0].lower()
        assert components[name]["hashes"], name
    assert len({each["bom-ref"] for each in components.values()}) == len(document["components"])
    assert all(re.fullmatch(r"pkg:pypi/[\w.-]+@\S+", each["purl"]) for each in components.values())


@pytest.mark.parametrize(
    ("report", "required", "code", "words"),
    [
        ({"dependencies": [SOUND, {**SOUND, "name": "uvicorn"}]}, True, 0, "2 packages audited"),
        ({"dependencies": [SOUND, WEAK]}, False, 1, "uvicorn 1: PYSEC-1, mended in 2"),
        ({"dependencies": [SOUND, SKIPPED]}, False, 0, "NOT AUDITED: 1 of 2 packages (uvicorn)"),
        ({"dependencies": [SOUND, SKIPPED]}, True, 2, "NOT AUDITED: 1 of 2"),
        ({"dependencies": [SOUND]}, True, 2, "NOT AUDITED: 1 of 2"),
        (None, False, 0, "NOT AUDITED: 2 of 2"),
        (None, True, 2, "NOT AUDITED: 2 of 2"),
    ],
)
def test_what_was_not_looked_at_is_never_called_sound(
    report: dict[str, Any] | None, required: bool, code: int, words: str
) -> None:
    lines, found = judge(NAMES, report, required=required)
    assert found == code
    assert words in "\n".join(lines)
