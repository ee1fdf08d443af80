"""The scene on which every route is asked for, and how a route is asked."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.counties import County
from tests.roles import Who


@dataclass(frozen=True)
class Scene:
    """A county with a lesson tomorrow, and everybody who might ask."""

    county: County
    ids: Mapping[str, uuid.UUID]
    """What stands for the names in addresses."""
    cast: list[Who]


@dataclass(frozen=True)
class Ask:
    """How a route is asked for what is there."""

    body: Any = None
    query: str = ""
    file: bytes | None = None
    """Sent as the body instead."""
    finds: str = ""
    """A list: whoever has the action gets one, and this id is in it only if it is within their reach."""
    at_home: bool = False
    """It is about one's own county only: whoever has the action is within reach."""
    gone: bool = False
    """Once done, there is no such thing any more, for nobody."""


Asks = Mapping[tuple[str, str], Ask]
"""By method and path."""

AsksOf = Callable[[Scene], Asks]
"""The asks of one domain's routes."""
