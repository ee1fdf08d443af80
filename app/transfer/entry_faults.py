"""What keeps a row of the timetable from being planned, in the words of the table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.errors import AppError
from app.lessons.bulk import InTheWay, Obstacles
from app.timetables.clashes import Resource
from app.timetables.planning import Plan
from app.timetables.rules import Interval
from app.transfer.columns import Fault, Record
from app.transfer.entry_names import Names
from app.transfer.plans import refused

_COLUMNS: Final = {
    Resource.TEACHER: "teacher",
    Resource.MAIN_ROOM: "main_room",
    Resource.RECEIVING_ROOM: "sites",
    Resource.PUPIL_GROUP: "groups",
}
_COLUMN_OF: Final = {
    "timetable.not_a_main_room": "main_room",
    "timetable.site_twice": "sites",
    "timetable.not_a_teacher": "teacher",
    "timetable.main_class_taught": "groups",
    "timetable.no_bells": "period",
    "timetable.period_unknown": "period",
    "timetable.outside_term": "first_day",
    "timetable.no_lessons": "weekday",
    "timetable.bells_apart": "sites",
    "pairing.not_active": "sites",
    "pairing.changes": "sites",
    "pairing.over_capacity": "sites",
    "pupil_group.closed": "groups",
    "pupil_group.not_found": "groups",
}
_MOST_FREE: Final = 5


def of_refusal(record: Record, error: AppError, names: Names) -> list[Fault]:
    """What a rule of planning refused."""
    extra = error.extra
    if clashes := extra.get("clashes"):
        return [_first_of(record, clashes[0], int(extra["total"]), names.places.zone)]
    facts: dict[str, str | int] = {}
    column = _COLUMN_OF.get(error.code, "period")
    if apart := extra.get("bells_apart"):
        facts |= _apart(apart, names)
    if "receiving_room_id" in extra:
        facts["value"] = "/".join(names.places.place_of(UUID(extra["receiving_room_id"])))
    if "room_id" in extra:
        facts["value"] = "/".join(names.places.place_of(UUID(extra["room_id"])))
        column = "main_room" if names.places.is_main(UUID(extra["room_id"])) else "sites"
    if "pupil_group_id" in extra:
        facts["value"] = names.group_name(UUID(extra["pupil_group_id"]))
    if "periods" in extra:
        facts["periods"] = ", ".join(map(str, extra["periods"]))
    fault = refused(record, column, error)
    return [Fault(fault.row, fault.column, fault.code, {**fault.facts, **facts}, fault.detail)]


def of_bells(record: Record, plan: Plan) -> Fault | None:
    """The fault of a row whose lessons lie outside of a site's periods."""
    if not plan.apart:
        return None
    first = plan.apart[0]
    when = _when(first.occurrence.interval, plan.school.zone)
    value = f"{first.site.site_code}/{first.site.room.code}"
    return record.fault("sites", "timetable.bells_apart", value=value, count=len(plan.apart), **when)


def of_obstacles(record: Record, plan: Plan, obstacles: Obstacles) -> list[Fault]:
    """What is in the way of a row, one fault for each other weekly lesson, and where else there is room for it."""
    found: dict[object, list[InTheWay]] = {}
    for each in obstacles.clashes:
        found.setdefault((each.title, each.plan), []).append(each)
    faults = [_taken(record, plan, clashes) for clashes in found.values()]
    if obstacles.free:
        slots = ", ".join(f"{slot.weekday}-{slot.period}" for slot in obstacles.free[:_MOST_FREE])
        faults.append(record.fault("weekday", "clash.free", slots=slots))
    return faults


def _taken(record: Record, plan: Plan, clashes: Sequence[InTheWay]) -> Fault:
    order = list(Resource)
    taken = sorted({(order.index(each.clash.taken.resource), each.name) for each in clashes})
    first = clashes[0]
    facts: dict[str, Any] = {
        **_when(first.clash.taken.interval, plan.school.zone),
        "value": ", ".join(name for _, name in taken),
        "title": first.title,
        "count": len({each.clash.wanted.interval for each in clashes}),
    }
    column = _COLUMNS[order[taken[0][0]]]
    if first.plan is None:
        return record.fault(column, "clash.lesson", **facts)
    return record.fault(column, "clash.row", first=first.plan, **facts)


def _first_of(record: Record, clash: dict[str, Any], count: int, zone: ZoneInfo) -> Fault:
    """What is in the way of a change, as REST would tell it."""
    resource = Resource(clash["resource"])
    interval = Interval(*(datetime.fromisoformat(clash[name]) for name in ("starts_at", "ends_at")))
    when = _when(interval, zone)
    facts = {"value": clash["name"], "title": clash["title"], "count": count}
    return record.fault(_COLUMNS[resource], "clash.lesson", **when, **facts)


def _apart(lessons: Sequence[dict[str, Any]], names: Names) -> dict[str, str | int]:
    """The facts of lessons outside of a site's periods, as REST would tell them."""
    first = lessons[0]
    interval = Interval(*(datetime.fromisoformat(first[name]) for name in ("starts_at", "ends_at")))
    value = "/".join(names.places.place_of(UUID(first["id"])))
    return {"value": value, "count": len(lessons), **_when(interval, names.places.zone)}


def _when(interval: Interval, zone: ZoneInfo) -> dict[str, str]:
    starts, ends = (each.astimezone(zone) for each in (interval.starts_at, interval.ends_at))
    return {"day": f"{starts:%Y-%m-%d}", "starts": f"{starts:%H:%M}", "ends": f"{ends:%H:%M}"}
