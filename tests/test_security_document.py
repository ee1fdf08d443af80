"""The proofs that documents name are there, every decision stands in the index, and bounds are as they are told."""

import re
from pathlib import Path

from app import database, mail
from app.accounts import access_tokens, appointing, families, passwords
from app.feeds import service as feeds
from app.guard import watch
from app.idempotency import rules as idempotency
from app.notices import retrying, webhooks
from app.oidc import provider
from app.transfer import desk


def test_every_test_that_the_documents_name_exists() -> None:
    documents = (
        Path("docs", name).read_text(encoding="utf-8") for name in ("security.md", "asvs.md", "bad-input.md")
    )
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


def test_the_bounds_in_the_document_are_those_of_the_code() -> None:
    rows = dict(
        re.findall(r"(?m)^\| ([^|]+?) \| ([^|]+?) \|$", Path("docs/operations.md").read_text("utf-8"))
    )
    told = {
        name: [int(number) for number in re.findall(r"\d+", words.replace(",", ""))]
        for name, words in rows.items()
    }
    assert told["access tokens of one account"] == [access_tokens.MOST, access_tokens.LONGEST.days]
    assert told["sign-ins of one account by programs"] == [families.MOST]
    assert told["roles one account may have had"] == [appointing.MOST]
    assert told["calendar feeds of one account"] == [feeds.MOST_FEEDS]
    assert told["webhooks of one county"] == [webhooks.MOST_WEBHOOKS]
    kept = told["answers kept of one account for `Idempotency-Key`"]
    assert kept == [idempotency.MOST_KEYS, idempotency.MOST_BODY // 1024]
    assert told["letters that wait for the mail server"] == [mail.MOST_WAITING]
    assert told["passwords that wait to be checked"][:1] == [passwords.MOST_WAITING]
    assert told["files worked on, and waiting"][:2] == [desk.AT_ONCE, desk.MOST_WAITING]
    assert told["exchanges with the identity provider at once"] == [provider.MOST_AT_ONCE]
    reading = [database.READERS_AT_ONCE, database.WRITERS_AT_ONCE]
    assert told["requests that read, and write, at once"] == reading
    assert told["refusals and lockouts that wait for the trail"] == [watch.MOST_UNWRITTEN]
    assert (retrying.MOST_ATTEMPTS, database.WAIT_SECONDS, provider.WHOLE_SECONDS) == (10, 10, 10)
