"""The proofs that docs/security.md and docs/asvs.md name are there, and every decision stands in the index."""

import re
from pathlib import Path


def test_every_test_that_the_documents_name_exists() -> None:
    documents = (Path("docs", name).read_text(encoding="utf-8") for name in ("security.md", "asvs.md"))
    named = {name for document in documents for name in re.findall(r"`(test_\w+)`", document)}
    there = {
        name
        for path in Path("tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 12
    assert named <= there


def test_every_decision_stands_in_the_index_by_its_number() -> None:
    folder = Path("docs/decisions")
    index = re.findall(r"(?m)^\| \[(\d{4})\]\((.+?)\) \| .", folder.joinpath("README.md").read_text("utf-8"))
    assert index == [(path.name[:4], path.name) for path in sorted(folder.glob("0*.md"))]
