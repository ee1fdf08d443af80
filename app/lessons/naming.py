"""How a refusal names the lessons that are in its way, and when they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.lessons.models import Lesson

MOST_NAMED: Final = 50
"""So many are named at most; how many there are stands beside them."""


def named(lessons: Sequence[Lesson]) -> list[dict[str, object]]:
    """The first of some lessons, so that whoever planned them finds each."""
    return [
        {
            "lesson_id": str(each.id),
            "date": each.date.isoformat(),
            "period": each.period,
            "title": each.title,
        }
        for each in lessons[:MOST_NAMED]
    ]


def utc(moment: datetime) -> str:
    """A moment of UTC, as answers write it."""
    return moment.isoformat().replace("+00:00", "Z")
