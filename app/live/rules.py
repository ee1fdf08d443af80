"""Pure rules of media sessions: entity tags, how many sessions are sensible, and how often one may ask."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_BODY_BYTES: Final = 64 * 1024
"""Longest SDP or SDP fragment that is read."""


class Direction(StrEnum):
    """Which way a media session's media flows."""

    PUBLISH = "publish"
    WATCH = "watch"


# --- entity tags ---


def new_entity_tag() -> str:
    """A fresh strong entity tag: it names one ICE session (RFC 9725 §4.3.1)."""
    return f'"{secrets.token_hex(8)}"'


_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def matches(if_match: str, current: str) -> bool:
    """Whether an ``If-Match`` field selects the current entity tag, by strong comparison (RFC 9110 §13.1.1).

    RFC 9725 prints the wildcard in quotes in its examples (``If-Match: "*"``), and clients copied that.
    """
    if if_match.strip() in ("*", '"*"'):
        return True
    return any(not weak and tag == current for weak, tag in _TAG.findall(if_match))


# --- bounds ---


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on sessions; generous for a county-wide event, finite for a client gone mad."""

    per_person_and_stream: int = 32
    """A room with a bad link leaves dead sessions behind until consent expires; they must not lock it out."""
    per_lesson: int = 2_000
    in_all: int = 10_000


# --- placement and patience ---


SESSION_STRESS: Final = 0.003
"""What one session adds to a node's stress: 300 packets a second at 10 µs (see `media_relay.core.stress`)."""
STRESS_STEP: Final = 0.05


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """What is known of a node when a lesson looks for one."""

    sessions: int
    """Now, those included that have only just been brought there."""
    measured: int = 0
    """Sessions when the stress was measured, up to five seconds ago."""
    stress: float = 0.0

    @property
    def expected(self) -> float:
        """The stress there will be, once those who came since are at work."""
        return self.stress + SESSION_STRESS * (self.sessions - self.measured)


def least_loaded(loads: Mapping[int, NodeLoad]) -> int | None:
    """The node with the least stress to be expected; ``None`` when there is no node.

    Steps of 5 % count as equal, since an idle node's figure flickers: then the fewest sessions decide, then the lowest
    number, so that what lessons there are at night are on few nodes.
    """

    def rank(node: int) -> tuple[int, int, int]:
        load = loads[node]
        return int(load.expected / STRESS_STEP), load.sessions, node

    return min(loads, key=rank, default=None)
