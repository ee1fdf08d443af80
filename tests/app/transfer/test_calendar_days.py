"""The school calendar by a table: days that cannot be, lessons in the way, and lessons that follow."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.database import SessionFactory
from app.keys import Keys
from app.lessons.models import Lesson
from app.lessons.rules import LessonState
from tests import counties, factories
from tests.app.transfer.test_importing import Sender, look

HEAD = "date,kind,follows_weekday,name\n"


def test_a_holiday_and_the_day_that_makes_up_for_it_come_together(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, first_day=counties.next_monday(), weeks=2)
    first = county.term.first_day
    county.schedule(session, weekday=1)
    county.schedule(session, weekday=3, title="in the way")
    session.commit()
    bureau = Sender(client, factories.bearer(keys, county.bureau))
    monday, tuesday, wednesday = (first + timedelta(days=each) for each in range(3))

    def days() -> list[int]:
        there = select(Lesson.date).where(Lesson.state != LessonState.CANCELLED, Lesson.title != "in the way")
        return sorted((day - first).days for (day,) in look(session_factory, there))

    wrong = (
        f"{monday},make-up day,,\n{tuesday},调休上课,星期二,\n{wednesday},放假,周三,\n{wednesday},放假,,\n"
        "2040-01-02,make-up day,2,\n32,party,,\n"
    )
    assert bureau.faults("calendar-days", HEAD + wrong) == [
        (2, "C2", "calendar.follows_nothing"),
        (3, "C3", "calendar.follows_itself"),
        (4, "C4", "calendar.follows_without_need"),
        (5, "A5", "row.twice"),
        (6, "A6", "calendar.outside_terms"),
        (7, "A7", "cell.no_date"),
        (7, "B7", "cell.unknown_word"),
    ]
    table = HEAD + f"{monday},放假,,校庆\n{tuesday},调休上课,星期一,校庆调休\n"
    assert bureau.faults("calendar-days", table) == [
        (2, "B2", "calendar.falling"),
        (3, "B3", "calendar.missing"),
    ]
    assert bureau.send("calendar-days", table, dry_run=False)[0] == 422
    assert days() == [0, 7]
    follow = "calendar-days&lessons=follow"
    for dry_run, created in ((True, 2), (False, 2), (False, 0)):
        _, report = bureau.send(follow, table, dry_run=dry_run)
        assert (report["errors"], report["created"], report["unchanged"]) == ([], created, 2 - created)
        assert [each["code"] for each in report["remarks"]] == ["calendar.follow"] * (created > 0)
    assert days() == [1, 7]

    # Days that a file does not name stay, and so does a name without its column; one that says so is as usual again.
    renamed = f"date,kind,follows_weekday\n{monday},holiday,\n{tuesday},as usual,\n{wednesday},as usual,\n"
    _, report = bureau.send(follow, renamed, dry_run=False)
    assert (report["errors"], report["changed"], report["unchanged"]) == ([], 1, 2)
    assert days() == [7]
    exported = bureau.get("/api/v1/exports/calendar-days.csv").decode("utf-8-sig")
    assert exported.count("\n") == 2 and "校庆" in exported

    # What something is in the way of is not added, and the answer says so.
    day = tuesday + timedelta(days=7)
    other = select(Lesson.id).where(Lesson.date == wednesday + timedelta(days=7))
    ((lesson_id,),) = look(session_factory, other)
    body = {"date": str(day), "period": 1}
    moved = client.post(
        f"/api/v1/lessons/{lesson_id}/move", json=body, headers=factories.bearer(keys, county.bureau)
    )
    assert moved.is_success, moved.text
    _, report = bureau.send(follow, HEAD + f"{day},make-up day,1,\n", {"Accept-Language": "en"})
    assert [each["code"] for each in report["remarks"]] == ["calendar.follow", "calendar.not_added"]
    assert "cancelled: 0; that are added: 0" in report["remarks"][0]["detail"]
