"""What keeps a row of the timetable from being planned, in the words of the table."""

from collections.abc import Mapping, Sequence
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
    facts: dict[str, str | int] = {}
    column = _COLUMN_OF.get(error.code, "period")
    if "receiving_room_id" in extra:
        facts["value"] = "/".join(names.places.place_of(UUID(extra["receiving_room_id"])))
    if "room_id" in extra:
        facts["value"] = "/".join(names.places.place_of(UUID(extra["room_id"])))
        column = "main_room" if names.places.is_main(UUID(extra["room_id"])) else "sites"
    if "pupil_group_id" in extra:
        facts["value"] = names.group_name(UUID(extra["pupil_group_id"]))
    if extra.get("week"):
        column = "weeks"
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


def of_obstacles(
    record: Record, plan: Plan, obstacles: Obstacles, unchanged: Mapping[UUID, int]
) -> list[Fault]:
    """What is in the way of a row, one fault for each other weekly lesson, and where else there is room for it.

    `unchanged` are the rows about weekly lessons that are as their rows say, by the ids of these.
    """
    found: dict[tuple[str, int | None], list[InTheWay]] = {}
    for each in obstacles.clashes:
        row = each.wanted or (unchanged.get(each.entry_id) if each.entry_id else None)
        found.setdefault((each.title, row), []).append(each)
    faults = [_taken(record, plan, clashes, row) for (_, row), clashes in found.items()]
    if obstacles.free:
        slots = ", ".join(f"{slot.weekday}-{slot.period}" for slot in obstacles.free[:_MOST_FREE])
        faults.append(record.fault("weekday", "clash.free", slots=slots))
    return faults


def _taken(record: Record, plan: Plan, clashes: Sequence[InTheWay], row: int | None) -> Fault:
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
    if row is None:
        return record.fault(column, "clash.lesson", **facts)
    return record.fault(column, "clash.row", first=row, **facts)


def _when(interval: Interval, zone: ZoneInfo) -> dict[str, str]:
    starts, ends = (each.astimezone(zone) for each in (interval.starts_at, interval.ends_at))
    return {"day": f"{starts:%Y-%m-%d}", "starts": f"{starts:%H:%M}", "ends": f"{ends:%H:%M}"}
