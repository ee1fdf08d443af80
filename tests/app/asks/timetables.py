"""Asks of the routes of timetables."""

from tests.app.asks.scene import Ask, Asks, Scene


def asks(scene: Scene) -> Asks:
    county = scene.county
    first_day = county.term.first_day
    term = {"name": "Spring", "first_day": "2020-01-01", "last_day": "2020-06-01"}
    bells = {
        "org_unit_id": str(county.school.id),
        "name": "Bells",
        "valid_from": "2020-01-01",
        "valid_to": "2020-06-01",
        "periods": [{"number": 1, "starts_at": "08:00", "ends_at": "08:40"}],
    }
    holidays = {"days": [{"date": "2020-01-01", "kind": "holiday"}]}
    return {
        ("POST", "/api/v1/terms"): Ask(term, at_home=True),
        ("GET", "/api/v1/terms"): Ask(finds="term_id"),
        ("GET", "/api/v1/terms/{term_id}"): Ask(),
        ("PATCH", "/api/v1/terms/{term_id}"): Ask({"name": "Summer"}),
        ("POST", "/api/v1/terms/{term_id}/effects"): Ask({"name": "Summer"}),
        ("DELETE", "/api/v1/terms/{term_id}"): Ask(),  # lessons are planned: refused
        ("GET", "/api/v1/calendar-days"): Ask(at_home=True),
        ("PUT", "/api/v1/calendar-days"): Ask(holidays, at_home=True),
        ("POST", "/api/v1/calendar-days/effects"): Ask(holidays, at_home=True),
        ("DELETE", "/api/v1/calendar-days/{day}"): Ask(at_home=True),
        ("GET", "/api/v1/terms/{term_id}/calendar"): Ask(),
        ("GET", "/api/v1/terms/{term_id}/public-holidays"): Ask(),
        ("POST", "/api/v1/bell-schedules"): Ask(bells),
        ("GET", "/api/v1/bell-schedules"): Ask(finds="bell_schedule_id"),
        ("POST", "/api/v1/bell-schedules/effects"): Ask(bells),
        ("PATCH", "/api/v1/bell-schedules/{bell_schedule_id}"): Ask({"name": "Winter"}),
        ("DELETE", "/api/v1/bell-schedules/{bell_schedule_id}"): Ask(),  # it has rung: refused
        ("POST", "/api/v1/bell-schedules/{bell_schedule_id}/effects"): Ask({"valid_to": "2019-05-01"}),
        ("POST", "/api/v1/bell-schedules/{bell_schedule_id}/copy"): Ask({"name": "Again"}),
        ("POST", "/api/v1/bell-schedules/{bell_schedule_id}/copy/effects"): Ask({"name": "Again"}),
        ("POST", "/api/v1/bell-schedules/{bell_schedule_id}/delete/effects"): Ask(),
        ("GET", "/api/v1/bell-schedules/{bell_schedule_id}"): Ask(),
        ("GET", "/api/v1/org-units/{org_unit_id}/bell-schedule"): Ask(query=f"on={first_day.isoformat()}"),
        ("POST", "/api/v1/timetable-entries"): Ask(county.body(weekday=first_day.isoweekday())),
        ("POST", "/api/v1/timetable-entries/check"): Ask(county.body(weekday=first_day.isoweekday())),
        ("PATCH", "/api/v1/timetable-entries/{entry_id}"): Ask({"title": "Renamed"}, query="scope=all"),
        ("DELETE", "/api/v1/timetable-entries/{entry_id}"): Ask(query=f"scope=this&from={first_day}"),
        ("POST", "/api/v1/terms/{term_id}/curriculum/copy"): Ask({"from_term_id": str(county.term.id)}),
        ("POST", "/api/v1/timetable-entries/copy"): Ask(
            {"term_id": str(county.term.id), "entry_ids": [str(scene.ids["entry_id"])], "others": "leave"}
        ),
        ("POST", "/api/v1/timetable-entries/copy/effects"): Ask(
            {"term_id": str(county.term.id), "entry_ids": [str(scene.ids["entry_id"])]}
        ),
        ("POST", "/api/v1/timetable-entries/{entry_id}/effects"): Ask({"title": "Else"}, query="scope=all"),
        ("POST", "/api/v1/timetable-entries/{entry_id}/delete/effects"): Ask(query="scope=all"),
        ("GET", "/api/v1/timetable"): Ask(
            query=f"term_id={county.term.id}&week=1&room_id={county.main_room.id}"
        ),
        ("POST", "/api/v1/timetable/publish"): Ask({"term_id": str(county.term.id)}),
        ("GET", "/api/v1/timetable-entries"): Ask(finds="entry_id"),
        ("GET", "/api/v1/timetable-entries/{entry_id}"): Ask(),
    }
