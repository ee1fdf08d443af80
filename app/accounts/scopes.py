"""What access tokens for scripts may be made for: pure rules."""

from collections.abc import Collection
from typing import Final

from app.accounts.permissions import IN_PERSON, Action

ACCESS_TOKEN: Final = "tongtang_pat_"
"""How every access token begins, so that scanners of published code find one that was left in it."""
READ: Final = "read"
ALL: Final = "all"
_SHOWING: Final = frozenset({"show", "list", "quality"})

FOR_SCRIPTS: Final = frozenset(Action) - IN_PERSON
READING: Final = frozenset(
    action
    for action in FOR_SCRIPTS
    if action.partition(".")[2] in _SHOWING and action is not Action.AUDIT_SHOW
)
"""What `read` stands for: everything that changes nothing, but for the trail, which has to be named."""


def is_scope(word: str) -> bool:
    """Whether this is a word a token can be made for: `read`, `all`, or an action of the table."""
    return word in (READ, ALL) or word in {action.value for action in FOR_SCRIPTS}


def actions_of_scopes(words: Collection[str]) -> frozenset[Action]:
    """The actions that these words stand for; a word of an older version stands for none."""
    if ALL in words:
        return FOR_SCRIPTS
    named = frozenset(action for action in FOR_SCRIPTS if action.value in words)
    return named | READING if READ in words else named
