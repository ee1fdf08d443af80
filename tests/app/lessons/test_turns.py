"""Whoever is at what another one is at already waits for that, and then goes by what has become of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.rules import Principal, Role
from app.database import SessionFactory
from app.errors import Conflict
from app.lessons import agreements, bell_changes, on_the_day, publishing, scheduling, series, service
from app.lessons.changes import Doing
from app.lessons.models import Lesson, LessonChange
from app.lessons.publishing import Published, Selection
from app.lessons.rules import LessonState
from app.lessons.series import Scope
from app.pairings.rules import Step
from app.timetables.models import BellSchedule
from app.timetables.rules import Bell
from tests import counties, factories
from tests.counties import NOW, County
from tests.waiting import wait_for_a_waiting_writer

DOING = Doing(NOW)
Act = Callable[[Session, Principal], Any]


class Bureau:
    """An admin who has two things done at once."""

    def __init__(self, county: County, factory: SessionFactory, engine: Engine) -> None:
        self._county, self._factory, self._engine = county, factory, engine

    def do(self, act: Act) -> Any:
        """Have one thing done."""
        with self._factory.begin() as session:
            return act(session, self._principal(session))

    def meanwhile(self, act: Act, first: Act, *rest: Act) -> Any:
        """What comes of an act that begins, and waits, after the first of some that are done together."""
        with ThreadPoolExecutor(1) as pool:
            with self._factory.begin() as session:
                first(session, self._principal(session))
                begun = pool.submit(self.do, act)
                wait_for_a_waiting_writer(self._engine)
                for each in rest:
                    each(session, self._principal(session))
            return begun.result()

    def _principal(self, session: Session) -> Principal:
        return accounts.principal_of(session, self._county.bureau.id, NOW)


def test_what_waits_for_other_bells_goes_by_them(session_factory: SessionFactory, engine: Engine) -> None:
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=2)
        entry = county.schedule(session).entry
        lesson_id, *_ = session.scalars(select(Lesson.id).order_by(Lesson.date))
        bells_id = session.scalars(select(BellSchedule.id)).one()
        stand_in = factories.person(session, county.school, Role.TEACHER)
    bureau = Bureau(county, session_factory, engine)

    def starts() -> set[str]:
        with session_factory() as session:
            found = session.scalars(select(Lesson.starts_at)).all()
        return {f"{each + timedelta(hours=8):%H:%M}" for each in found}

    def begin_to_change_bells(session: Session, _: Principal) -> None:
        bell_changes.hold(session, [county.county.id])

    def first_period_at(hour: int) -> Act:
        periods = {1: Bell(time(hour, 0), time(hour, 40))}
        return lambda session, principal: bell_changes.change_bells(
            session, principal, bells_id, {"periods": periods}, DOING, follow=True
        )

    def substitute(session: Session, principal: Principal) -> Lesson:
        return on_the_day.substitute_teacher(session, principal, lesson_id, stand_in.id, DOING)

    def rename(session: Session, principal: Principal) -> series.Outcome:
        wanted = {"title": "English with songs"}
        return series.change_entry(session, principal, entry.id, Scope.ALL, None, wanted, DOING)

    given = bureau.meanwhile(substitute, begin_to_change_bells, first_period_at(9))
    assert (given.teacher_id, starts()) == (stand_in.id, {"09:00"})
    bureau.meanwhile(rename, begin_to_change_bells, first_period_at(10))
    assert starts() == {"10:00"}
    bureau.meanwhile(
        first_period_at(10), first_period_at(11)
    )  # who comes last is not taken at their first look
    assert starts() == {"10:00"}


def test_drafts_are_published_once(session_factory: SessionFactory, engine: Engine) -> None:
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=2)
        scheduling.create_entry(session, county.draft(), NOW, publish=False)
    selection = Selection(county.term.id)

    def publish(session: Session, principal: Principal) -> Published:
        return publishing.publish(session, principal, selection, DOING)

    assert Bureau(county, session_factory, engine).meanwhile(publish, publish) == Published(0, 0)
    with session_factory() as session:
        assert len(session.scalars(select(LessonChange)).all()) == 1


def test_a_lesson_that_begins_outlives_its_agreement(session_factory: SessionFactory, engine: Engine) -> None:
    with session_factory.begin() as session:
        county = counties.county(session, sites=1, weeks=2)
        county.schedule(session, last_week=1)
        lesson_id = session.scalars(select(Lesson.id)).one()

    def begin(session: Session, _: Principal) -> None:
        assert service.mark_publishing(session, lesson_id, NOW)

    def stop(session: Session, principal: Principal) -> None:
        agreements.stop_pairing(
            session, principal, county.sites[0].pairing.id, Step.END, "Line down", NOW,
            stopped_from=None, drop_lessons=True,
        )  # fmt: skip

    with pytest.raises(Conflict):
        Bureau(county, session_factory, engine).meanwhile(stop, begin)
    with session_factory() as session:
        assert session.scalars(select(Lesson.state)).one() is LessonState.LIVE
