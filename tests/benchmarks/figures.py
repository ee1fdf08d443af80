"""A figure of a benchmark, and which ones are wanted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str

    def line(self) -> str:
        """The figure as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What ``--only`` asks for; an empty prefix asks for everything."""

    prefix: str = ""

    def takes(self, name: str) -> bool:
        """Whether the figure of this name is wanted; n1 does not mean n10."""
        rest = name.removeprefix(self.prefix)
        return name.startswith(self.prefix) and not (self.prefix[-1:].isdigit() and rest[:1].isdigit())

    def takes_any(self, names: list[str]) -> bool:
        """Whether a run that yields these figures is wanted."""
        return any(self.takes(name) for name in names)
