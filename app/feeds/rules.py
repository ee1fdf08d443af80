"""From lessons to an iCalendar object (RFC 5545): pure rules.

Calendar programs match events by UID and SEQUENCE, so a lesson that moves takes its UID along. Several, Google's
among them, do not show STATUS:CANCELLED in feeds they subscribe to, and then a cancelled lesson looks as if it
took place: its title says that it is cancelled as well, and it no longer blocks the time (TRANSP).
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vDuration

from app.lessons.diary import DiaryEntry, Whose

PAST = timedelta(weeks=4)
AHEAD = {Whose.PERSON: 30, Whose.ROOM: 30, Whose.SITE: 30, Whose.COUNTY: 3}
"""Weeks to come; a county has hundreds of lessons a week."""
MOST = 3000
"""Events in one feed; calendar programs give up on larger ones."""
REFRESH = timedelta(hours=1)
"""How often a calendar program is asked to look again (RFC 7986 §5.7)."""


class Language(StrEnum):
    """The language of a feed's own words."""

    CHINESE = "zh"
    ENGLISH = "en"


_CANCELLED = {Language.CHINESE: "【已取消】{title}", Language.ENGLISH: "Cancelled: {title}"}
_ENDS = {
    Language.CHINESE: "课程太多，本日历只显示 {day} 之前的课程。请改为订阅学校或教室的日历。",
    Language.ENGLISH: "Too many lessons for one calendar: it shows those before {day}. "
    "Subscribe to those of schools and rooms instead.",
}
_WORDS = {
    Language.CHINESE: ("学科:{}", "教师:{}", "主课堂:{}", "教学点:{}", "原因:{}"),
    Language.ENGLISH: ("Subject: {}", "Teacher: {}", "Main classroom: {}", "Sites: {}", "Reason: {}"),
}


def span(now: datetime, whose: Whose) -> tuple[datetime, datetime]:
    """From when to when a feed shows lessons; whole days, so that it changes once a day only."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    past = timedelta(weeks=1) if whose is Whose.COUNTY else PAST
    return today - past, today + timedelta(weeks=AHEAD[whose])


def bounded(entries: Sequence[DiaryEntry], zone: ZoneInfo) -> tuple[Sequence[DiaryEntry], date | None]:
    """As many lessons as a feed takes, of whole days; and, when there are more, the first day that it has none of."""
    if len(entries) <= MOST:
        return entries, None
    days = [entry.starts_at.astimezone(zone).date() for entry in entries]
    return [entry for entry, day in zip(entries, days, strict=True) if day < days[MOST]], days[MOST]


def entity_tag(feed_id: str, name: str, entries: Sequence[DiaryEntry], subjects: Mapping[str, str]) -> str:
    """The validator of a feed (RFC 9110 §8.8.3): another one as soon as anything in it differs."""
    digest = hashlib.sha256(repr((feed_id, name, entries, sorted(subjects.items()))).encode())
    return f'"{digest.hexdigest()[:32]}"'


def calendar_of(
    entries: Sequence[DiaryEntry],
    subjects: Mapping[str, str],
    name: str,
    language: Language,
    zone: ZoneInfo,
    public_url: str,
    made_at: datetime,
    ends_before: date | None,
) -> bytes:
    """The iCalendar object of lessons, with the definition of the time zone it uses.

    `subjects` are what their codes are called in the language; `ends_before` is told where not all lessons are in it.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Tongtang//Lessons//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)  # RFC 7986 §5.1, and what older programs look for
    calendar.add("x-wr-calname", name)
    if ends_before is not None:
        told = _ENDS[language].format(day=ends_before)
        calendar.add("description", told)  # RFC 7986 §5.2, and what older programs look for
        calendar.add("x-wr-caldesc", told)
    calendar.add("x-wr-timezone", zone.key)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))  # "PT1H", not Python's "1:00:00"
    for entry in entries:
        calendar.add_component(
            _event(entry, subjects.get(entry.subject, entry.subject), language, zone, public_url, made_at)
        )
    if entries:
        # For these days only: long lists of changes of the clocks are misread by some programs.
        first, last = (entry.starts_at.date() for entry in (entries[0], entries[-1]))
        calendar.add_missing_timezones(first - timedelta(days=30), last + timedelta(days=30))
    return bytes(calendar.to_ical())


def _event(
    entry: DiaryEntry, subject: str, language: Language, zone: ZoneInfo, public_url: str, made_at: datetime
) -> Event:
    changed_at = max(made_at, entry.changed_at) if entry.changed_at else made_at
    event = Event()
    event.add("uid", f"{entry.calendar_uid}@tongtang")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", changed_at)  # without a METHOD of scheduling: when it was last revised (§3.8.7.2)
    event.add("last-modified", changed_at)
    event.add("dtstart", entry.starts_at.astimezone(zone))
    event.add("dtend", entry.ends_at.astimezone(zone))
    title = _CANCELLED[language].format(title=entry.title) if entry.cancelled else entry.title
    event.add("summary", title)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if entry.cancelled else "OPAQUE")
    event.add("location", ", ".join((entry.main_room, *entry.receiving_rooms)))
    event.add("description", _description(entry, subject, language))
    event.add("categories", [subject])
    event.add("url", f"{public_url}/today")
    return event


def _description(entry: DiaryEntry, subject: str, language: Language) -> str:
    of_subject, teacher, main_room, sites, reason = _WORDS[language]
    lines = [of_subject.format(subject), teacher.format(entry.teacher), main_room.format(entry.main_room)]
    if entry.receiving_rooms:
        lines.append(sites.format(", ".join(entry.receiving_rooms)))
    if entry.cancelled and entry.reason:
        lines.append(reason.format(entry.reason))
    return "\n".join(lines)
