"""What claims of an identity provider are worth here: roles, a login, a name, a second factor. Pure rules."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from app.accounts.browsers import LONGEST_SID
from app.accounts.rules import LOGIN, Role

MOST_VALUES: Final = 1000
"""Values of one claim that are looked at: somebody is in so many groups at most."""
MOST_ROLES: Final = 20
LONGEST_CODE: Final = 32
LONGEST_NAME: Final = 200
LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core §2."""
_ANY: Final = "*"


class Outcome(StrEnum):
    """How a sign-in by the provider ended. The words stand in figures and in addresses of the sign-in page."""

    ACCEPTED = "accepted"
    CODE_NEEDED = "code"
    """The provider did not say that it asked for a second factor, and the person has one here."""
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    UNMAPPED = "unmapped"
    """The provider vouches for somebody who has no role here."""
    KNOWN = "known"
    """A local account has the login already; its owner connects the two."""
    CLOSED = "closed"
    TAKEN = "taken"
    """The provider's account is connected with somebody else's here."""
    LIMITED = "limited"


class Wanted(NamedTuple):
    """A role on the org unit of this code."""

    role: Role
    code: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Who has this value in this claim has the role there. One `*` in both stands for the org unit's code."""

    claim: str
    value: str
    role: Role
    org_unit: str

    def __post_init__(self) -> None:
        if self.value.count(_ANY) > 1 or (_ANY in self.org_unit and self.org_unit != _ANY):
            raise ValueError("one * stands for the whole code of an org unit")
        if (_ANY in self.value) != (self.org_unit == _ANY):
            raise ValueError("a * in value goes with the org_unit *, which it stands for")

    def code_for(self, value: str) -> str | None:
        """The code of the org unit that the value gives the role on; None when it gives none."""
        if self.org_unit != _ANY:
            return self.org_unit if value == self.value else None
        before, _, after = self.value.partition(_ANY)
        long_enough = len(value) > len(before) + len(after)
        if not (long_enough and value.startswith(before) and value.endswith(after)):
            return None
        code = value[len(before) : len(value) - len(after)]
        return code if len(code) <= LONGEST_CODE else None


@dataclass(frozen=True, slots=True)
class RoleMapping:
    """The county whose people the provider knows, and what makes them what there."""

    county: str
    rules: tuple[Rule, ...]

    @property
    def claims(self) -> frozenset[str]:
        """The claims that matter, with what an account is called."""
        return frozenset(rule.claim for rule in self.rules) | {"preferred_username"}

    def wanted(self, claims: Mapping[str, Any]) -> tuple[Wanted, ...]:
        """The roles that somebody with these claims has, the first ones of the rules first."""
        found: dict[Wanted, None] = {}
        for rule in self.rules:
            for value in values_of(claims, rule.claim):
                code = rule.code_for(value)
                if code is not None:
                    found[Wanted(rule.role, code)] = None
        return tuple(found)[:MOST_ROLES]


def values_of(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """The values of a claim: a word or a list of words; other things are no values."""
    found = claim_of(claims, name)
    values = found if isinstance(found, list) else [found]
    for value in values[:MOST_VALUES]:
        if isinstance(value, str):
            yield value


def claim_of(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of this name, or one inside another ("realm_access.roles"); None when there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def proves_second_factor(claims: Mapping[str, Any], words: Collection[str]) -> bool:
    """Whether the provider says, in one of these words, that it asked for a second factor (RFC 8176)."""
    said = {*values_of(claims, "amr"), *values_of(claims, "acr")}
    return not said.isdisjoint(words)


def sid_of(claims: Mapping[str, Any]) -> str | None:
    """What the provider calls the session somebody signed in to there; None when it does not say."""
    sid = claims.get("sid")
    return sid if isinstance(sid, str) and 0 < len(sid) <= LONGEST_SID else None


def login_of(claims: Mapping[str, Any]) -> str | None:
    """The login somebody would have here; None when the provider names none that could be one."""
    given = claims.get("preferred_username")
    login = given.strip() if isinstance(given, str) else ""
    # Only what is ASCII by itself: lower() makes a k of the Kelvin sign.
    return login.lower() if LOGIN.fullmatch(login) else None


def name_of(claims: Mapping[str, Any], otherwise: str) -> str:
    """What somebody is called."""
    given = claims.get("name")
    name = " ".join(given.split()) if isinstance(given, str) else ""
    return name[:LONGEST_NAME] if name and name.isprintable() else otherwise
