"""How each route is asked for in the walk over all of them; a route without an ask fails it."""

from tests.app.asks import (
    accounts,
    feeds,
    lessons,
    live,
    notices,
    pairings,
    pupils,
    reports,
    schools,
    tables,
    timetables,
)
from tests.app.asks.scene import Ask, Asks, AsksOf, Scene

__all__ = ["Ask", "Scene", "asks"]

_DOMAINS: tuple[AsksOf, ...] = (
    accounts.asks,
    schools.asks,
    pupils.asks,
    pairings.asks,
    timetables.asks,
    lessons.asks,
    feeds.asks,
    notices.asks,
    reports.asks,
    live.asks,
    tables.asks,
)


def asks(scene: Scene) -> Asks:
    """One for each route."""
    return {key: ask for of_domain in _DOMAINS for key, ask in of_domain(scene).items()}
