"""A small county that is ready to plan: rooms, people, pairings and a term with bells."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.accounts.rules import Role
from app.lessons import scheduling
from app.pairings import service as pairings
from app.pairings.models import Pairing
from app.schools.models import OrgUnit, Room
from app.schools.rules import RoomKind
from app.timetables import service as timetables
from app.timetables.calendar import EVERY_DAY
from app.timetables.models import Term
from app.timetables.planning import EntryDraft, Plan
from app.timetables.rules import Bell
from tests import factories

# A Monday. Tests that go through HTTP meet the real clock; they give a first day of their own.
FIRST_DAY = date(2026, 9, 7)
NOW = datetime(2026, 9, 6, 4, 0, tzinfo=UTC)

PERIODS = {
    1: Bell(time(8, 0), time(8, 40)),
    2: Bell(time(8, 40), time(9, 20)),  # right after the first
    3: Bell(time(9, 0), time(9, 40)),
}
BACK_TO_BACK = {1: PERIODS[1], 2: PERIODS[2]}


@dataclass(frozen=True)
class Site:
    """A teaching site with its receiving room and its assistant."""

    unit: OrgUnit
    room: Room
    assistant: Person
    pairing: Pairing


@dataclass(frozen=True)
class County:
    """One school with a main classroom, its teacher, and the sites it is paired with."""

    county: OrgUnit
    school: OrgUnit
    main_room: Room
    bureau: Person
    teacher: Person
    sites: tuple[Site, ...]
    term: Term

    def draft(self, **changes: Any) -> EntryDraft:
        """A weekly English lesson in the first period of Mondays, for all sites."""
        wanted: dict[str, Any] = {
            "term_id": self.term.id,
            "main_room_id": self.main_room.id,
            "teacher_id": self.teacher.id,
            "receiving_room_ids": tuple(site.room.id for site in self.sites),
            "subject": "English",
            "title": "Grade 3 English",
            "weekday": 1,
            "period": 1,
        }
        return EntryDraft(**(wanted | changes))

    def body(self, **changes: Any) -> dict[str, Any]:
        """The same as the body of a request."""
        draft = self.draft()
        wanted = {
            "term_id": str(draft.term_id),
            "main_room_id": str(draft.main_room_id),
            "teacher_id": str(draft.teacher_id),
            "receiving_room_ids": [str(room_id) for room_id in draft.receiving_room_ids],
            "subject": draft.subject,
            "title": draft.title,
            "weekday": draft.weekday,
            "period": draft.period,
        }
        return wanted | changes

    def schedule(self, session: Session, now: datetime = NOW, **changes: Any) -> Plan:
        """Schedule that lesson."""
        return scheduling.create_entry(session, self.draft(**changes), now)


def tomorrow() -> date:
    """A first day of term for tests that go through HTTP: no lesson of the term is over already."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=1)


def next_monday() -> date:
    """The same where the days of the first week matter."""
    day = tomorrow()
    return day + timedelta(days=-day.weekday() % 7)


def county(
    session: Session,
    *,
    sites: int = 2,
    first_day: date = FIRST_DAY,
    weeks: int = 20,
    periods: dict[int, Bell] | None = None,
    time_zone: str = "Asia/Shanghai",
) -> County:
    """A county with one main classroom, paired with some sites for the whole term."""
    root = factories.county(session, time_zone=time_zone)
    school = factories.school(session, root)
    main_room = factories.room(session, school)
    last_day = first_day + timedelta(weeks=weeks, days=-1)
    term = timetables.create_term(
        session,
        root.id,
        timetables.TermDraft("Autumn", first_day, last_day, periods or BACK_TO_BACK, EVERY_DAY),
    )
    return County(
        county=root,
        school=school,
        main_room=main_room,
        bureau=factories.person(session, root, Role.BUREAU_ADMIN),
        teacher=factories.person(session, school, Role.TEACHER),
        sites=tuple(site(session, root, main_room, term) for _ in range(sites)),
        term=term,
    )


def site(session: Session, above: OrgUnit, main_room: Room, term: Term, **changes: Any) -> Site:
    """A teaching site paired with a main room for a term."""
    unit = factories.teaching_site(session, above)
    room = factories.room(session, unit, RoomKind.RECEIVING)
    assistant = factories.person(session, unit, Role.SITE_ASSISTANT)
    return Site(unit, room, assistant, pair(session, main_room, room, term, **changes))


def pair(session: Session, main_room: Room, receiving_room: Room, term: Term, **changes: Any) -> Pairing:
    """An agreement for a whole term and all subjects."""
    wanted: dict[str, Any] = {
        "main_room_id": main_room.id,
        "receiving_room_id": receiving_room.id,
        "valid_from": term.first_day,
        "valid_to": term.last_day,
    }
    return pairings.create_pairing(session, pairings.PairingDraft(**(wanted | changes)))
