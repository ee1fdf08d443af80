"""What is kept how long, in one table: `docs/privacy.md` shows it, a test compares, and the chores do it."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of data and its end."""

    what: str
    until: str
    """In words; {name} is a setting."""
    by: str
    """The chore that ends it, or how else it ends."""

    def says(self, settings: Settings) -> str:
        """Until when, with the settings' values."""
        return self.until.format(**settings.model_dump())


KEPT: tuple[Kept, ...] = (
    Kept(
        "account: name, login, roles; a mail address if the owner or an admin gave one",
        "on request, or {keep_closed_accounts_months} months after it was closed",
        "`erase-closed-accounts`",
    ),
    Kept(
        "sign-in of a browser: its device's kind and address, last seen",
        "it runs out ({session_minutes} minutes; in a lesson up to four hours more), or it is signed out",
        "`forget-sessions`",
    ),
    Kept(
        "whatever else belongs to an account (tokens, second factors, identities, mailed links)",
        "its own end, or that of the account",
        "`erase-closed-accounts`",
    ),
    Kept(
        "pupil: display name, school, grade; guardian's name",
        "consent withdrawn (at once) or run out (within the hour)",
        "`erase-pupils`",
    ),
    Kept(
        "proof of a consent: form, purposes, days, no names",
        "{keep_consent_proof_months} months after the consent ended",
        "`forget-consents`",
    ),
    Kept(
        "trail of who did what: ids, network addresses, no names",
        "{keep_audit_months} months; never less than 6",
        "`cut-audit`",
    ),
    Kept(
        "notice: who was told what of a lesson; ids, no names",
        "{keep_notices_days} days, at most 500 for one person",
        "`forget-notices`",
    ),
    Kept(
        "answer to a request that had an idempotency key, without secrets and pupils' names",
        "a day, at most 5000 for one person",
        "`forget-keys`",
    ),
    Kept("how the links of a lesson are", "in memory: a few minutes after the lesson", "the server itself"),
    Kept(
        "lessons, pairings, timetables: an account's id at most",
        "for good; an erased person is a pseudonym there",
        "–",
    ),
    Kept("export of a person's data", "not kept at all: made while it is downloaded", "–"),
    Kept(
        "lines of the log: ids, no names, no network addresses",
        "as the service manager keeps them (journald: `MaxRetentionSec=`)",
        "the operator",
    ),
)


def rows(settings: Settings) -> Iterator[str]:
    """The table's lines, as the document shows them."""
    for each in KEPT:
        yield f"| {each.what} | {each.says(settings)} | {each.by} |"
