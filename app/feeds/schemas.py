"""What goes over the wire about calendar feeds."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import Field

from app.feeds.models import CalendarFeed
from app.feeds.rules import Language
from app.lessons.diary import Whose
from app.schemas import Input, Output, example


class NewFeed(Input):
    """An address for somebody's lessons."""

    model_config = Input.model_config | example(
        {"whose": "person", "subject_id": "5f0c6f0e-6f3b-4f0e-9d5b-0b6f3a1f7d11", "language": "zh"}
    )

    whose: Whose = Field(
        description="The lessons of a person (taught, or at sites assisted), a room, a site or school, or the county"
    )
    subject_id: UUID = Field(description="The person, room or org unit")
    language: Language = Field(Language.CHINESE, description="Language of the words around the titles")


_FEED: Final = {
    "id": "2c1a8f3e-57a2-4a6b-8d0e-3f5f2f0a9b11",
    "whose": "person",
    "subject_id": "5f0c6f0e-6f3b-4f0e-9d5b-0b6f3a1f7d11",
    "name": "王芳",
    "language": "zh",
    "owner_id": "5f0c6f0e-6f3b-4f0e-9d5b-0b6f3a1f7d11",
    "created_at": "2026-09-01T00:12:05Z",
}


class FeedOut(Output):
    """A calendar feed; its address is told only when it is made."""

    model_config = Output.model_config | example(_FEED)

    id: UUID
    whose: Whose
    subject_id: UUID
    name: str = Field(
        description="What the calendar is called: the person, the room with its place, or the org unit"
    )
    language: Language
    owner_id: UUID
    created_at: datetime

    @classmethod
    def of(cls, feed: CalendarFeed, name: str) -> "FeedOut":
        shown = {field: getattr(feed, field) for field in cls.model_fields if field != "name"}
        return cls(**shown, name=name)


class NewFeedOut(FeedOut):
    """A calendar feed that was just made."""

    model_config = Output.model_config | example(
        _FEED | {"url": "https://lessons.example.org/calendars/s3cr3t-of-43-letters.ics"}
    )

    url: str = Field(
        description="Give this to a calendar program. Whoever knows it reads the lessons; it is not shown again."
    )
