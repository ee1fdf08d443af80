"""Who is there and what is on air in tests of live lessons."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Person
from app.accounts.rules import Role
from app.keys import Keys
from app.lessons.models import Lesson
from app.timetables.rules import Bell
from tests import counties, factories

ALL_DAY = {
    number + 1: Bell(time(2 * number), time(2 * number + 2) if number < 11 else time(0))
    for number in range(12)
}


@dataclass(frozen=True)
class Scene:
    """A county with a lesson that is on air now and one tomorrow, and people of all sorts."""

    county: counties.County
    lesson_id: uuid.UUID
    tomorrow_id: uuid.UUID
    stranger: Person
    foreigner: Person

    @property
    def teacher(self) -> Person:
        return self.county.teacher

    @property
    def assistant(self) -> Person:
        return self.county.sites[0].assistant

    @property
    def bureau(self) -> Person:
        return self.county.bureau

    @property
    def site_streams(self) -> list[str]:
        return [f"site-{site.unit.code}" for site in self.county.sites]

    def whip(self, stream: str = "main") -> str:
        return f"/whip/{self.lesson_id}/{stream}"

    def whep(self, stream: str = "main") -> str:
        return f"/whep/{self.lesson_id}/{stream}"


def make_scene(session: Session) -> Scene:
    """Two-hour periods in UTC cover the day, so some lesson is on air whenever the test runs."""
    now = datetime.now(UTC)
    county = counties.county(session, first_day=now.date(), weeks=2, periods=ALL_DAY, time_zone="UTC")
    today, tomorrow = (_first_lesson(session, county, at, now) for at in (now, now + timedelta(days=1)))
    abroad = factories.county(session)
    scene = Scene(
        county=county,
        lesson_id=today,
        tomorrow_id=tomorrow,
        stranger=factories.person(session, county.school, Role.TEACHER),
        foreigner=factories.person(session, abroad, Role.BUREAU_ADMIN),
    )
    session.commit()
    return scene


def _first_lesson(session: Session, county: counties.County, at: datetime, now: datetime) -> uuid.UUID:
    plan = county.schedule(session, now, weekday=at.isoweekday(), period=at.hour // 2 + 1)
    ids = select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.starts_at)
    return session.scalars(ids.limit(1)).one()


def sdp_headers(keys: Keys, person: Person) -> dict[str, str]:
    """The headers of an offer sent by this person."""
    return {**factories.bearer(keys, person), "Content-Type": "application/sdp"}
