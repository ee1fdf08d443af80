"""What goes over the wire about notices."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import Field

from app.feeds.rules import Language
from app.lessons.rules import ChangeKind
from app.notices.models import Notice
from app.notices.wording import Words
from app.schemas import Input, Moment, Output, example

_LESSON: Final = {
    "date": "2026-09-07",
    "period": 1,
    "starts_at": "2026-09-07T00:00:00+00:00",
    "ends_at": "2026-09-07T00:40:00+00:00",
    "title": "三年级英语",
    "subject": "English",
    "school_id": "0f5d3b0a-8f0a-4a8e-9a55-3e0c2a1d7b01",
    "main_room_id": "5f0c6f0e-6f3b-4f0e-9d5b-0b6f3a1f7d11",
    "teacher_id": "7a4a2c1e-0a9b-4a53-8d2c-8e9f3b2a1c02",
    "sites": ["1c3f3a52-6b0d-4b9e-9a51-3d7f5a2b8c03"],
}
_ITEM: Final = {
    "kind": "cancelled",
    "lesson_id": "2c1a8f3e-57a2-4a6b-8d0e-3f5f2f0a9b11",
    "entry_id": None,
    "before": _LESSON,
    "after": _LESSON | {"sites": []},
}


class NoticeItem(Output):
    """One change of a lesson, or of all lessons of a timetable entry."""

    model_config = Output.model_config | example(_ITEM)

    kind: ChangeKind
    lesson_id: UUID | None = Field(description="The lesson as it is now; null: all of the entry")
    entry_id: UUID | None
    before: dict[str, Any] | None = Field(description="What the lesson was like; ids, no names")
    after: dict[str, Any] = Field(
        description="What it is like; of a whole entry a `weekday` instead of a `date`"
    )


class NoticeOut(Output):
    """What one was told of one act."""

    model_config = Output.model_config | example(
        {
            "id": "9b8e1f0c-2a55-4f3f-8e4a-6d0e7c1b2a04",
            "kind": "cancelled",
            "title": "课次已取消:三年级英语",
            "lines": ["2026-09-07(周一)第1节 08:00–08:40 三年级英语", "原因:停电"],
            "at": "2026-09-06T09:30:00Z",
            "told_at": "2026-09-06T09:30:02Z",
            "read_at": None,
            "reason": "停电",
            "changes": 1,
            "items": [_ITEM],
        }
    )

    id: UUID
    kind: ChangeKind = Field(description="What was done, or first of all done")
    title: str
    lines: list[str]
    at: datetime = Field(description="When it was done")
    told_at: datetime
    read_at: datetime | None
    reason: str | None
    changes: int = Field(description="How many lessons or entries it changed that concern the reader")
    items: list[NoticeItem] = Field(description="The first of them")

    @classmethod
    def of(cls, notice: Notice, words: Words) -> "NoticeOut":
        shown = {name: getattr(notice, name) for name in cls.model_fields if hasattr(notice, name)}
        return cls(**shown, title=words.title, lines=list(words.lines))


class Unread(Output):
    """How many notices are new."""

    model_config = Output.model_config | example({"unread": 3})

    unread: int


class NoticeSettingsOut(Output):
    """How one wants to be told."""

    model_config = Output.model_config | example(
        {"mail": True, "language": "zh", "address": "wang@example.org"}
    )

    mail: bool = Field(description="By mail too, at the address one has proved; gathered for a minute")
    language: Language = Field(description="Language of the letters")
    address: str | None = Field(
        description="Where letters go; null: nowhere before one has proved an address"
    )


class NewNoticeSettings(Input):
    """How one wants to be told from now on."""

    model_config = Input.model_config | example({"mail": True, "language": "zh"})

    mail: bool
    language: Language = Language.CHINESE


class ReadUntil(Input):
    """Up to which notice one has read."""

    model_config = Input.model_config | example({"told_until": "2026-09-06T09:30:02Z"})

    told_until: Moment = Field(description="`told_at` of the newest notice shown; newer ones stay unread")
