"""Every problem is documented, and the pages have words for problems that there are."""

from pathlib import Path

import pytest

from app.problems import collect, describe
from app.web.language import Language, texts


def test_the_document_names_every_problem() -> None:
    shown = Path("docs/problems.md").read_text(encoding="utf-8")
    assert shown == describe(), "run `python -m app problems > docs/problems.md`"


def test_the_pages_explain_problems_that_there_are() -> None:
    codes = {each.code for each in collect()}
    explained = {key.removeprefix("fault.") for key in texts(Language.ENGLISH) if key.startswith("fault.")}
    assert {code for code in explained if "." in code} <= codes


@pytest.mark.parametrize(
    "made",
    ['Conflict(f"lesson.{why}", "No", "Not so; do otherwise.")', 'Invalid("lesson.odd", "Odd", said)'],
)
def test_what_cannot_be_read_off_the_source_has_to_be_told(tmp_path: Path, made: str) -> None:
    (tmp_path / "odd.py").write_text(f"raise {made}\n")
    with pytest.raises(LookupError):
        collect(tmp_path)
