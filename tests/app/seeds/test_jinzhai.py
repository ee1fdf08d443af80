"""The county of Jinzhai's size, at a hundredth of it; the benchmarks fill the whole one."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.lessons.models import Lesson, LessonSite
from app.schools.models import OrgUnit
from app.schools.rules import OrgUnitKind
from app.seeds.jinzhai import ADMIN, Size, ensure_jinzhai
from app.settings import Settings

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
SMALL = Size(schools=4, main_rooms=2, sites=5, weeks=2)


def test_it_has_its_size_and_stays_as_it_is(session: Session, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = ensure_jinzhai(session, settings, NOW, SMALL)
    again = ensure_jinzhai(session, settings, NOW, SMALL)
    assert first.is_new and not again.is_new and again.county_id == first.county_id
    counted = select(OrgUnit.kind, func.count()).group_by(OrgUnit.kind)
    kinds = dict(iter(session.execute(counted)))
    assert (kinds[OrgUnitKind.SCHOOL], kinds[OrgUnitKind.TEACHING_SITE]) == (4, 5)
    assert session.scalar(select(func.count(Lesson.id))) == 2 * 13 * 2, "13 a week and main classroom"
    assert session.scalar(select(func.count(LessonSite.id))) == 5 * 13 * 2, (
        "one or the other teaches each site"
    )
    assert min(session.scalars(select(Lesson.date))).isoweekday() == 1, "the week is a whole one"


def test_everybody_is_somebody_else(session: Session, tmp_path: Path) -> None:
    ensure_jinzhai(session, Settings(data_dir=tmp_path), NOW, SMALL)
    logins = (ADMIN, "jz-school-01", "jz-english-02", "jz-site-005")
    assert all(accounts.find_by_login(session, login) for login in logins)
