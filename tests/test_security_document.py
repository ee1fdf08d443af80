"""The proofs that docs/security.md names are there."""

import re
from pathlib import Path


def test_every_test_that_the_document_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", Path("docs/security.md").read_text(encoding="utf-8")))
    there = {
        name
        for path in Path("tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 12
    assert named <= there
