"""Bodies of the requests and answers about lessons."""

import datetime as dt
from uuid import UUID

from pydantic import Field

from app.lessons.finding import ShownLesson, ShownSite
from app.lessons.rules import LessonState, OnAirWindow, SiteState, site_stream
from app.schemas import Output, VersionedOutput, example, trusted
from app.timetables.rules import LessonMode

_SITE = {
    "site_id": "3b2a1908-f7e6-4d5c-8b3a-291807f6e5d4",
    "code": "S1",
    "name": "响洪甸教学点 Xianghongdian",
    "receiving_room_id": "a1c6e2de-92c1-4a44-8d1c-6e0f1b2a7c55",
    "stream": "site-S1",
    "state": "invited",
    "joined_at": None,
    "left_at": None,
}


class Named(Output):
    """A thing and what it is called."""

    id: UUID
    name: str

    model_config = example({"id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22", "name": "王老师 Wang"})


class LessonSiteOut(Output):
    """A teaching site's part in a lesson."""

    site_id: UUID
    code: str
    name: str
    receiving_room_id: UUID
    stream: str = Field(description="The stream this site publishes")
    state: SiteState
    joined_at: dt.datetime | None = Field(description="When it first received the lesson")
    left_at: dt.datetime | None

    model_config = example(_SITE)

    @staticmethod
    def of(site: ShownSite) -> "LessonSiteOut":
        return _site(
            site_id=site.site_id,
            code=site.site_code,
            name=site.name,
            receiving_room_id=site.receiving_room_id,
            stream=site_stream(site.site_code),
            state=site.state,
            joined_at=site.joined_at,
            left_at=site.left_at,
        )


class LessonOut(VersionedOutput):
    """One dated lesson."""

    id: UUID
    entry_id: UUID | None = Field(description="The timetable entry it comes from")
    term_id: UUID
    date: dt.date = Field(description="The school's local date")
    period: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    opens_at: dt.datetime = Field(description="From then on media are let through")
    closes_at: dt.datetime = Field(description="From then on no more")
    subject: str
    title: str
    mode: LessonMode
    state: LessonState
    state_reason: str | None = Field(description="Why it was cancelled or moved")
    sequence: int = Field(description="Grows with every change after publication")
    school: Named
    main_room: Named
    teacher: Named
    substitute_for: Named | None = Field(description="Who was to teach it")
    calendar_uid: UUID = Field(description="Its place in people's calendars; stays when the lesson moves")
    moved_from_id: UUID | None = Field(description="The lesson it takes the place of")
    makes_up_id: UUID | None = Field(description="The cancelled or missed lesson it makes up for")
    pupil_group_ids: list[UUID]
    went_live_at: dt.datetime | None
    ended_at: dt.datetime | None
    sites: list[LessonSiteOut]

    model_config = example(
        {
            "id": "5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10",
            "version": 1,
            "entry_id": "16f7a8b9-0c1d-4e2f-9304-15263748596a",
            "term_id": "d5a0c1f2-3b4c-4d5e-8f60-718293a4b5c6",
            "date": "2026-11-23",
            "period": 2,
            "starts_at": "2026-11-23T00:50:00Z",
            "ends_at": "2026-11-23T01:30:00Z",
            "opens_at": "2026-11-23T00:35:00Z",
            "closes_at": "2026-11-23T01:40:00Z",
            "subject": "English",
            "title": "Grade 3 English · Unit 3: My family",
            "mode": "synchronous",
            "state": "published",
            "state_reason": None,
            "sequence": 0,
            "school": {"id": "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11", "name": "梅山镇中心小学"},
            "main_room": {"id": "5e0c8a52-7f7e-4b0f-8f9b-4a2f6f3f9d33", "name": "主课堂 1"},
            "teacher": {"id": "f4b7a1de-0f53-4a86-b7b0-5a3c0e9d1f22", "name": "王老师 Wang"},
            "substitute_for": None,
            "calendar_uid": "5c0c1b6e-3f0e-4c59-9d25-1f4a8f6f0d10",
            "moved_from_id": None,
            "makes_up_id": None,
            "pupil_group_ids": [],
            "went_live_at": None,
            "ended_at": None,
            "sites": [_SITE],
        }
    )

    @staticmethod
    def of(lesson: ShownLesson) -> "LessonOut":
        window = OnAirWindow.of(lesson.starts_at, lesson.ends_at)
        return _lesson(
            id=lesson.id,
            version=lesson.version,
            entry_id=lesson.entry_id,
            term_id=lesson.term_id,
            date=lesson.date,
            period=lesson.period,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            opens_at=window.opens_at,
            closes_at=window.closes_at,
            subject=lesson.subject,
            title=lesson.title,
            mode=lesson.mode,
            state=lesson.state,
            state_reason=lesson.state_reason,
            sequence=lesson.sequence,
            school=_named(id=lesson.school_id, name=lesson.school_name),
            main_room=_named(id=lesson.main_room_id, name=lesson.main_room_name),
            teacher=_named(id=lesson.teacher_id, name=lesson.teacher_name),
            substitute_for=(
                _named(id=lesson.substitute_for, name=lesson.substitute_name or "")
                if lesson.substitute_for
                else None
            ),
            calendar_uid=lesson.calendar_uid,
            moved_from_id=lesson.moved_from_id,
            makes_up_id=lesson.makes_up_id,
            pupil_group_ids=list(lesson.pupil_group_ids),
            went_live_at=lesson.went_live_at,
            ended_at=lesson.ended_at,
            sites=[LessonSiteOut.of(site) for site in lesson.sites],
        )


_named, _site, _lesson = trusted(Named), trusted(LessonSiteOut), trusted(LessonOut)
