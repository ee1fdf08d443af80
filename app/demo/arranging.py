"""Schedules the lesson of the demo over REST, as a bureau admin would: from org units to a dated lesson."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.demo.api import Api, ApiError, Password

SITES: Final = 3
SUBJECT: Final = "English"
TITLE: Final = "Grade 3 English · Unit 3: My family 三年级英语"
_HOME_ZONE: Final = "Asia/Shanghai"
_HALF_PERIOD: Final = timedelta(minutes=20)
_PERIOD: Final = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """A period around now, on the wall clock of a school."""

    zone: str
    day: date
    starts_at: str
    ends_at: str

    @classmethod
    def around(cls, now: datetime) -> Slot:
        """A slot with ``now`` in its middle. A period has to end on its day, so near midnight UTC is used."""
        for zone in (_HOME_ZONE, "UTC"):
            local = now.astimezone(ZoneInfo(zone))
            start, end = local - _HALF_PERIOD, local + _HALF_PERIOD
            if start.date() == end.date():
                break
        return cls(zone, local.date(), f"{start:%H:%M}", f"{end:%H:%M}")

    @property
    def period(self) -> dict[str, Any]:
        """The period as the API takes it."""
        return {"number": _PERIOD, "starts_at": self.starts_at, "ends_at": self.ends_at}

    @property
    def days(self) -> tuple[str, str]:
        """First and last day of what has to hold on the lesson's day, in any zone."""
        return str(self.day - timedelta(days=2)), str(self.day + timedelta(days=7))


@dataclass(frozen=True, slots=True)
class Site:
    """A teaching site of the lesson, with its assistant signed in."""

    code: str
    room_id: str
    api: Api


@dataclass(frozen=True, slots=True)
class Arranged:
    """A lesson that is on air now, and everybody who takes part in it."""

    lesson_id: str
    title: str
    teacher: Api
    sites: tuple[Site, ...]


async def arrange(admin: Api, now: datetime | None = None) -> Arranged:
    """Create org units, rooms, people, a term, pairings and a timetable entry around now."""
    slot = Slot.around(now or datetime.now(UTC))
    county = (await admin.get("/api/v1/me"))["county_id"]
    mark = secrets.token_hex(2).upper()  # codes and logins are unique, and the demo may run again
    school = await _org_unit(admin, "school", county, f"D{mark}", "示范中心小学 Central school", slot.zone)
    main_room = await _room(admin, school, "main", "主课堂 Main classroom")
    teacher_id, teacher = await _person(admin, f"demo-{mark}-teacher", "王老师 Wang", "teacher", school, slot)
    sites = [await _site(admin, school, mark, number, slot) for number in range(1, SITES + 1)]
    for site in sites:
        await _pair(admin, main_room, site.room_id, slot)
    entry = {
        "term_id": await _term(admin, school, slot),
        "main_room_id": main_room,
        "teacher_id": teacher_id,
        "receiving_room_ids": [site.room_id for site in sites],
        "subject": SUBJECT,
        "title": TITLE,
        "weekday": slot.day.isoweekday(),
        "period": _PERIOD,
        "first_day": str(slot.day),
        "last_day": str(slot.day),
    }
    planned = await admin.post("/api/v1/timetable-entries", entry)
    if planned["lessons"] != 1:
        raise ApiError(f"the timetable entry gave {planned['lessons']} lessons instead of one")
    lesson = await teacher.get("/api/v1/lessons/current")
    return Arranged(str(lesson["id"]), TITLE, teacher, tuple(sites))


async def _site(admin: Api, school: str, mark: str, number: int, slot: Slot) -> Site:
    code = f"D{mark}S{number}"
    unit = await _org_unit(admin, "teaching_site", school, code, f"第{number}教学点 Site {number}", slot.zone)
    room = await _room(admin, unit, "receiving", "教室 Classroom")
    name = f"助教{number} Assistant {number}"
    _, assistant = await _person(admin, f"demo-{mark}-site{number}", name, "site_assistant", unit, slot)
    return Site(code, room, assistant)


async def _org_unit(admin: Api, kind: str, parent: str, code: str, name: str, zone: str) -> str:
    unit = {"kind": kind, "parent_id": parent, "code": code, "name": name, "time_zone": zone}
    return str((await admin.post("/api/v1/org-units", unit))["id"])


async def _room(admin: Api, unit: str, kind: str, name: str) -> str:
    room = {"org_unit_id": unit, "kind": kind, "code": "R1", "name": name}
    return str((await admin.post("/api/v1/rooms", room))["id"])


async def _person(admin: Api, login: str, name: str, role: str, unit: str, slot: Slot) -> tuple[str, Api]:
    password = secrets.token_urlsafe(12)
    duty = {"role": role, "org_unit_id": unit, "valid_from": slot.days[0]}
    account = {"login": login, "name": name, "password": password, "must_change_password": False}
    person = {**account, "assignments": [duty]}
    made = await admin.post("/api/v1/people", person)
    return str(made["id"]), Api(admin.http, Password(made["login"], password))


async def _pair(admin: Api, main_room: str, receiving_room: str, slot: Slot) -> None:
    first, last = slot.days
    pairing = {
        "main_room_id": main_room,
        "receiving_room_id": receiving_room,
        "subjects": [SUBJECT],
        "valid_from": first,
        "valid_to": last,
        "capacity": SITES,
    }
    await admin.post("/api/v1/pairings", pairing)


async def _term(admin: Api, school: str, slot: Slot) -> str:
    """The county's term, with a period around now; a running term is used, with bells for the school."""
    first, last = slot.days
    running = (await admin.get(f"/api/v1/terms?on={slot.day}"))["items"]
    if not running:
        term = {
            "name": "演示 Demo",
            "first_day": first,
            "last_day": last,
            "periods": [slot.period],
            "weekdays": [slot.day.isoweekday()],
        }
        return str((await admin.post("/api/v1/terms", term))["id"])
    bells = {"name": "演示 Demo", "valid_from": first, "valid_to": last, "periods": [slot.period]}
    await admin.post("/api/v1/bell-schedules", {"org_unit_id": school, **bells})
    return str(running[0]["id"])
