"""Units with the bells and the time zone they live by."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.schools import service as schools
from app.schools.models import OrgUnit
from app.schools.rules import nearest_time_zone, path_ids
from app.timetables import queries
from app.timetables.rules import BellTimes, Interval, NoBells, lesson_interval, periods_on


@dataclass(frozen=True)
class Place:
    """A unit with the bells and the time zone it lives by."""

    unit: OrgUnit
    zone: ZoneInfo
    bells: Sequence[Sequence[BellTimes]]
    """Bell schedules of the unit itself, then of those above it."""
    _rung: dict[date, list[Interval]] = field(default_factory=dict, repr=False)

    def periods(self, day: date) -> list[Interval]:
        """Every period of a day; none on a day without bells."""
        if day not in self._rung:
            try:
                bells = list(periods_on(day, self.bells).values())
            except NoBells:
                bells = []
            rung = (lesson_interval(day, bell, self.zone) for bell in bells)
            self._rung[day] = [interval for interval in rung if interval is not None]
        return self._rung[day]

    def interval(self, day: date, period: int) -> Interval | None:
        """When a period is on a day; None: there is no such period, or the clocks jump over it."""
        try:
            bell = periods_on(day, self.bells).get(period)
        except NoBells:
            return None
        return None if bell is None else lesson_interval(day, bell, self.zone)


def read_places(
    session: Session, units: Collection[OrgUnit], first_day: date, last_day: date
) -> dict[UUID, Place]:
    """Units with the bells of some days, by id."""
    chains = {unit.id: tuple(reversed(path_ids(unit.path))) for unit in units}
    above = schools.org_units(session, {unit_id for chain in chains.values() for unit_id in chain})
    bells = _bells(session, above, first_day, last_day)
    shared: dict[tuple[str, tuple[UUID, ...]], dict[date, list[Interval]]] = {}
    places = {}
    for unit in units:
        chain = chains[unit.id]
        zone = ZoneInfo(nearest_time_zone([above[unit_id].time_zone for unit_id in chain]))
        ringing = tuple(unit_id for unit_id in chain if bells[unit_id])
        # Units that live by the same bells share what was worked out of them.
        rung = shared.setdefault((zone.key, ringing), {})
        places[unit.id] = Place(unit, zone, [bells[unit_id] for unit_id in chain], rung)
    return places


def _bells(
    session: Session, unit_ids: Collection[UUID], first_day: date, last_day: date
) -> Mapping[UUID, list[BellTimes]]:
    by_unit: dict[UUID, list[BellTimes]] = {unit_id: [] for unit_id in unit_ids}
    for schedule in queries.bell_schedules_of(session, by_unit, first_day, last_day):
        times = BellTimes(schedule.valid_from, schedule.valid_to, schedule.bells)
        by_unit[schedule.org_unit_id].append(times)
    return by_unit
