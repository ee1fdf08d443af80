"""Tables over REST: tried, refused, imported, imported again, exported."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import BytesIO
from threading import Barrier
from typing import Any

import xlsxwriter
from fastapi import FastAPI
from sqlalchemy import Executable, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Assignment, Person
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.keys import Keys
from app.schools.models import OrgUnit, Room
from tests import counties, factories

UNITS = """编码,名称,类型,上级编码,时区
T1-1,响洪甸教学点,教学点,S1,
S1,梅山镇中心小学,学校,T1,
Ｔ1,梅山镇,乡镇,,
"""
ROOMS = """单位编码,教室编码,名称,类型,申报带宽(Mbit/s),座位数,设备种类,设备
S1,M1,主教室,主课堂,200,45,智慧黑板、teacher camera;教师摄像机,双机位
T1-1,R1,教室,接收教室,,,,'=1+1
"""
PEOPLE = """登录名,姓名,角色,单位编码,开始日期,结束日期
Wang,王老师,教师,S1,2026年9月1日,
zhao,赵老师,教学点助教,T1-1,46266,2099/7/31
zhao,赵老师,教师,T1-1,,
"""
GROUPS = """单位编码,班级或复式班,年级,人数
T1-1,一二年级复式班,1-2,９
S1,三(1)班,3,42
"""
HEADS = """单位编码,年级,人数
T1-1,一年级,5
T1-1,2,4
"""
PAIRINGS = """主课堂单位编码,教学点编码,接收教室编码,学科,开始日期,结束日期,状态
S1,T1-1,R1,英语、Music,2026-09-01,2027年7月10日,
S1,T1-1,,Art,2026-09-01,2027-07-10,已提出
"""
CURRICULUM = """年级,学科,每周课时,其中自授课时
3-6,英语,3,
1、2,Music,2.0,０．５
"""
CALENDAR = """日期,类型,按星期几上课,名称
2031-10-01,放假,,国庆节
2031年10月4日,school day,,
"""
TABLES = {
    "org-units": UNITS,
    "rooms": ROOMS,
    "people": PEOPLE,
    "pupil-groups": GROUPS,
    "headcounts": HEADS,
    "pairings": PAIRINGS,
    "curriculum": CURRICULUM,
    "calendar-days": CALENDAR,
}


class Sender:
    """Somebody who sends tables."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, {"Content-Type": "text/csv", **headers}

    def send(
        self, kind: str, content: str | bytes, more: dict[str, str] | None = None, *, dry_run: bool = True
    ) -> tuple[int, Any]:
        body = content.encode("gb18030") if isinstance(content, str) else content
        address = f"/api/v1/imports?kind={kind}&dry_run={dry_run}"
        answer = self.client.post(address, content=body, headers=self.headers | (more or {}))
        return answer.status_code, answer.json()

    def faults(self, kind: str, content: str) -> list[tuple[int, str | None, str]]:
        status, report = self.send(kind, content)
        assert status == 200, report
        assert report["refused"] == len({error["row"] for error in report["errors"]})
        return [(error["row"], error["cell"], error["code"]) for error in report["errors"]]

    def get(self, address: str, **more: str) -> bytes:
        answer = self.client.get(address, headers=self.headers | more)
        assert answer.status_code == 200, answer.text
        return answer.content


def look(factory: SessionFactory, query: Executable) -> list[Any]:
    """What is stored, by a transaction of its own: on SQLite an open one keeps others from writing."""
    with factory() as session:
        return [tuple(row) for row in session.execute(query)]


def test_a_county_by_tables(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    """The whole way there and back: tried, stored, stored again, exported in each form and language, and taken in."""
    county = counties.county(session, sites=0, first_day=counties.tomorrow() - timedelta(days=1))
    session.commit()
    bureau = Sender(client, factories.bearer(keys, county.bureau))
    for kind, table in TABLES.items():
        rows = table.count("\n") - 1
        for dry_run in (True, True, False):
            status, report = bureau.send(kind, table, dry_run=dry_run)
            assert (status, report["errors"]) == (200, [])
            assert (report["created"], report["unchanged"]) == (rows, 0)
        _, report = bureau.send(kind, table, dry_run=False)
        assert (report["created"], report["changed"], report["unchanged"]) == (0, 0, rows)
        for form, language in (("csv", "zh"), ("xlsx", "en")):
            exported = bureau.get(f"/api/v1/exports/{kind}.{form}", **{"Accept-Language": language})
            _, report = bureau.send(kind, exported, dry_run=False)
            assert (report["unchanged"], report["rows"] >= rows) == (report["rows"], True)
        template = bureau.get(f"/api/v1/import-templates/{kind}.xlsx")
        assert bureau.send(kind, template)[1]["rows"] == 0
    assert b"'=1+1" in bureau.get("/api/v1/exports/rooms.csv")
    # Those who came in have no password; no word opens their account.
    for password in ("nobody has this password", " "):
        signing_in = {"username": "wang", "password": password}
        assert client.post("/api/v1/token", data=signing_in).json()["code"] == "sign_in.refused"
    assert look(session_factory, select(Room.equipment).where(Room.code == "R1")) == [("=1+1",)]
    furnished = select(Room.seats, Room.equipment_kinds).where(Room.name == "主教室")
    assert look(session_factory, furnished) == [(45, ["smart_blackboard", "teacher_camera"])]
    imported = select(AuditEvent.after).where(AuditEvent.act == "table.imported").order_by(AuditEvent.number)
    first = json.loads(look(session_factory, imported)[0][0])
    assert (first["kind"], first["created"], len(first["sha256"])) == ("org-units", 3, 64)
    admitted = select(AuditEvent.number).where(AuditEvent.act == "person.admitted")
    assert len(look(session_factory, admitted)) == 2


def bureau_of_a_county(client: TestClient, session: Session, keys: Keys) -> tuple[counties.County, Sender]:
    """A county without sites, and who sends its tables; a stranger of another county has a login, too."""
    county = counties.county(session, sites=0)
    factories.person(session, factories.county(session), Role.TEACHER, login="stranger")
    session.commit()
    return county, Sender(client, factories.bearer(keys, county.bureau))


def test_bad_rows_are_all_listed_and_none_is_stored(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county, bureau = bureau_of_a_county(client, session, keys)
    school = county.school.code
    table = (
        "编码,名称,类型,上级编码\n"
        f"A,甲,学校,B\nB,乙,学校,A\nC,丙,学校,B\nD,丁,班级,\nE 1,戊,学校,\nF,,学校,\nG,庚,教学点,nowhere\n"
        f"H,辛,学校,\nH,辛,学校,\nI,壬,学校,{school}\n{county.county.code},县,乡镇,\n"
        f"{school},改名,教学点,\nJ,癸,教学点,I\n"
    )  # fmt: skip
    wrong = [
        (2, "D2", "org_unit.circle"),
        (3, "D3", "org_unit.circle"),
        (4, "D4", "org_unit.circle"),
        (5, "C5", "cell.unknown_word"),
        (6, "A6", "cell.bad_code"),
        (7, "B7", "cell.empty"),
        (8, "D8", "org_unit.not_found"),
        (10, "A10", "row.twice"),
        (11, "D11", "org_unit.wrong_parent"),
        (12, "A12", "org_unit.is_county"),
        (13, "C13", "org_unit.place_fixed"),
        (14, "D14", "org_unit.parent_refused"),
    ]
    assert bureau.faults("org-units", table) == wrong
    before = look(session_factory, select(OrgUnit.id))
    for language, words in (("zh-CN", "上级"), ("en", "circle")):
        status, answer = bureau.send("org-units", table, {"Accept-Language": language}, dry_run=False)
        assert (status, answer["code"]) == (422, "import.refused")
        assert words in answer["report"]["errors"][0]["detail"]
    assert look(session_factory, select(OrgUnit.id)) == before


def test_each_table_names_what_is_wrong_with_its_rows(
    client: TestClient, session: Session, keys: Keys
) -> None:
    county, bureau = bureau_of_a_county(client, session, keys)
    school, today = county.school.code, counties.tomorrow() - timedelta(days=1)
    table = (
        "Code of the org unit,Code,Name,Kind,Declared link (Mbit/s),Seats,Kinds of equipment\n"
        f"{school},M1,a,main,-1\n{school},M2,b,main,many\n{county.county.code},R1,c,receiving,\nX,R2,d,main,\n"
        f"{school},{county.main_room.code},e,recording,\n{school},R3,f,main,1,,,surplus\n"
        f"{school},R4,g,main,,0,\n{school},R5,h,main,,9,大屏、television\n"
    )
    assert bureau.faults("rooms", table) == [
        (2, "E2", "cell.out_of_range"),
        (3, "E3", "cell.no_number"),
        (4, "D4", "room.wrong_place"),
        (5, "A5", "org_unit.not_found"),
        (6, "D6", "room.kind_fixed"),
        (7, "H7", "row.beyond_columns"),
        (8, "F8", "cell.out_of_range"),
        (9, "G9", "cell.unknown_word"),
    ]
    people = (
        "login,name,role,org_unit,valid_from,valid_to\n"
        f"stranger,x,teacher,{school},,\n{county.teacher.login},someone else,teacher,{school},,\n"
        f"a,x,bureau_admin,{school},,\nb,x,teacher,{school},2026-09-02,2026-09-01\nC d,x,teacher,{school},,\n"
        f"e,x,teacher,{school},,\nE,y,site_assistant,{school},,\nf,x,teacher,{school},2026-01-01,\n"
        f"f,x,teacher,{school},2026-02-01,\n"
        f"{county.bureau.login},{county.bureau.name},bureau_admin,{county.county.code},2020-01-01,{today}\n"
    )
    assert bureau.faults("people", people) == [
        (2, "A2", "person.login_taken"),
        (3, "B3", "person.other_name"),
        (4, "C4", "person.role_does_not_fit"),
        (5, "F5", "days_in_order"),
        (6, "A6", "cell.bad_login"),
        (8, "B8", "person.names_differ"),
        (10, "E10", "assignment.there"),
        (11, "A11", "person.oneself"),
    ]
    assert bureau.faults("headcounts", f"学期,单位编码,年级,人数\nx,{school},13,5\n") == [
        (2, "C2", "cell.bad_grades")
    ]
    plan = (
        "单位编码,年级,学科,每周课时,其中自授课时\n,3,英语,2.3,\n,3,英语,2,\n,2-3,English,2,\n"
        "X,3,Music,2,\n,3,Magic,2,\n,3,Art,2,3\n,3,Science,41,\n"
    )
    assert bureau.faults("curriculum", plan) == [
        (2, "D2", "cell.no_half"),
        (3, "B3", "row.twice"),
        (4, "B4", "row.twice"),
        (5, "A5", "org_unit.not_found"),
        (6, "C6", "subject.unknown"),
        (7, "E7", "curriculum.own_within"),
        (8, "D8", "cell.out_of_range"),
    ]
    assert bureau.faults("pupil-groups", "单位编码,年级,人数,老师\n") == [
        (1, "D1", "column.unknown"),
        (1, None, "column.missing"),
    ]


def test_what_a_clerk_mistook_is_named(client: TestClient, session: Session, keys: Keys) -> None:
    county, bureau = bureau_of_a_county(client, session, keys)
    school = county.school.code
    # Sheets that are not read are named, but for those that our templates have.
    book = BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as sheets:
        for name in ("甲镇", "乙镇", "填写说明"):
            sheets.add_worksheet(name).write_row(0, 0, ["编码", "名称", "类型"])
    (remark,) = bureau.send("org-units", book.getvalue(), {"Accept-Language": "en"})[1]["remarks"]
    assert (remark["code"], "“甲镇” was read, and not 乙镇." in remark["detail"]) == (
        "file.other_sheets",
        True,
    )
    # A kind that was mistaken for another is named, and so are codes of which a spreadsheet took the zeros.
    people = f"login,name,role,org_unit,valid_from,valid_to\na,x,teacher,{school},,\n"
    assert bureau.faults("rooms", people) == [(1, None, "table.of_kind")]
    first = f"org_unit,code,name,kind\n{school},007,a,recording\n"
    assert bureau.send("rooms", first, dry_run=False)[1]["created"] == 1
    assert bureau.faults("rooms", first.replace("007", "7")) == [(2, "B2", "code.zeros_lost")]
    assert (
        bureau.send(
            "org-units", f"code,name,kind,parent\n010,a,township,\n{school}-x,b,school,010\n", dry_run=False
        )[0]
        == 200
    )
    table = f"code,name,kind,parent\n10,a,township,\n{school}-y,b,school,10\n{school}-z,c,school,3.4E+09\n"
    assert bureau.faults("org-units", table) == [
        (2, "A2", "code.zeros_lost"),
        (3, "D3", "org_unit.parent_refused"),
        (4, "D4", "cell.scientific"),
    ]


def test_a_table_is_scanned_before_it_is_read(client: TestClient, app: FastAPI, session: Session) -> None:
    bureau = factories.person(session, factories.county(session), Role.BUREAU_ADMIN)
    session.commit()
    sender = Sender(client, factories.bearer(app.state.keys, bureau))
    scanners = {"upload.infected": "sh -c 'exit 1'", "upload.not_scanned": "no-such-scanner"}
    for code, scanner in scanners.items():
        app.state.settings = app.state.settings.model_copy(update={"upload_scanner": scanner})
        assert sender.send("org-units", UNITS)[1]["code"] == code
    (told,), _ = app.state.refusals.take(10)
    assert (told.code, told.asker.id) == ("upload.infected", bureau.id)


def test_rights_roles_and_bounds(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    county = counties.county(session, sites=0)
    head = factories.person(session, county.school, Role.SCHOOL_ADMIN)
    other = factories.school(session, county.county)
    elsewhere = factories.person(session, other, Role.TEACHER, login="elsewhere")
    county.main_room.equipment = "two cameras"
    second = factories.person(session, county.county, Role.BUREAU_ADMIN)
    session.commit()
    school = Sender(client, factories.bearer(keys, head))
    bureau = Sender(client, factories.bearer(keys, county.bureau))

    # A school's admin brings in the own school, row by row, and learns nothing of others' people.
    assert school.send("org-units", UNITS)[0] == 403
    here, there = county.school.code, other.code
    rooms = f"org_unit,code,name,kind\n{here},N1,a,main\n{there},N1,b,main\n"
    assert school.faults("rooms", rooms) == [(3, "A3", "access.denied")]
    people = (
        "login,name,role,org_unit\n"
        f"new,n,teacher,{here}\nnew2,n,teacher,{there}\nnew3,n,school_admin,{here}\n"
        f"elsewhere,{elsewhere.name},teacher,{here}\n"
    )
    assert school.faults("people", people) == [
        (3, "C3", "person.may_not_appoint"),
        (4, "C4", "person.may_not_appoint"),
        (5, "A5", "person.login_taken"),
    ]
    exported = school.get("/api/v1/exports/people.csv").decode("utf-8-sig")
    assert county.teacher.login in exported and "elsewhere" not in exported
    assert school.send("people", exported.encode())[1]["refused"] == 0
    assert school.send("rooms", school.get("/api/v1/exports/rooms.xlsx"))[1]["refused"] == 0

    # Roles end and are added by rows; names and the rest stay.
    today = counties.tomorrow() - timedelta(days=1)
    changes = (
        "login,name,role,org_unit,valid_from,valid_to\n"
        f"{county.teacher.login},{county.teacher.name},teacher,{here},2020-01-01,{today}\n"
        f"{county.teacher.login},{county.teacher.name},teacher,{there},{today},\n"
        f"{second.login},{second.name},bureau_admin,{county.county.code},2020-01-01,{today}\n"
    )
    status, report = bureau.send("people", changes, dry_run=False)
    assert (status, report["created"], report["changed"]) == (200, 1, 2)
    roles = select(Assignment.valid_from, Assignment.valid_to).where(
        Assignment.person_id == county.teacher.id
    )
    assert set(look(session_factory, roles)) == {(date(2020, 1, 1), today), (today, None)}
    # A mail address for whoever has none; somebody else's is left alone, and so are admins beyond one's office.
    mails = (
        "login,name,email,role,org_unit\n"
        f"{county.teacher.login},{county.teacher.name},Wang@example.org,teacher,{there}\n"
        f"fresh,f,fresh@example.org,teacher,{here}\nfresh,f,other@example.org,site_assistant,{here}\n"
        f"bad,b,b at c,teacher,{here}\n"
    )
    assert bureau.faults("people", mails) == [(4, "C4", "person.mails_differ"), (5, "C5", "cell.bad_mail")]
    good = "".join(mails.splitlines(keepends=True)[:3])
    assert bureau.send("people", good, dry_run=False)[1]["changed"] == 1
    assert bureau.send("people", good)[1]["unchanged"] == 2
    addresses = select(Person.email, Person.email_proven).where(Person.email.is_not(None))
    assert set(look(session_factory, addresses)) == {
        ("wang@example.org", False),
        ("fresh@example.org", False),
    }
    changed = good.replace("fresh@", "new@")
    assert bureau.faults("people", changed) == [(3, "C3", "person.other_mail")]
    renamed = f"org_unit,code,name,kind,link_mbps_declared\n{here},{county.main_room.code},Studio,main,50\n"
    assert bureau.send("rooms", renamed, dry_run=False)[1]["changed"] == 1
    room = select(Room.name, Room.equipment).where(Room.id == county.main_room.id)
    assert look(session_factory, room) == [("Studio", "two cameras")]
    assert not look(session_factory, select(Person.id).where(Person.login == "new"))

    # What is no table, and what is too large, is not read.
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert bureau.send("rooms", b"--x", form)[1]["code"] == "import.media_type"
    assert bureau.send("rooms", b"\xff\xff\xff")[1]["code"] == "file.encoding"
    most = 16 * 1024 * 1024
    assert bureau.send("rooms", b"a" * (most + 1))[1]["code"] == "upload.too_large"
    assert bureau.send("rooms", b"a" * (most * 2))[1]["code"] == "request.too_large"
    pieces = (b"org_unit,code,name,kind\n" + b"\n" * 2_000_000 for _ in range(20))
    address = "/api/v1/imports?kind=rooms&dry_run=false"
    assert client.post(address, content=pieces, headers=bureau.headers).status_code == 413
    nobody = client.post(
        "/api/v1/imports?kind=rooms", content=b"a" * 1000, headers={"Content-Type": "text/csv"}
    )
    assert nobody.status_code == 401


def test_of_two_imports_at_once_each_row_is_stored_once(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    """The same file twice at the same moment, and others that share rows with it: they come one after the other."""
    county = counties.county(session, sites=0)
    bureau, code = Sender(client, factories.bearer(keys, county.bureau)), county.school.code
    session.commit()
    files = [
        "org_unit,code,name,kind\n" + "".join(f"{code},N{n},{n},main\n" for n in range(first, first + 40))
        for first in (0, 0, 20, 20)
    ]
    together = Barrier(len(files))

    def send(file: str) -> Any:
        together.wait()
        status, report = bureau.send("rooms", file, dry_run=False)
        assert status == 200, report
        return report

    with ThreadPoolExecutor(len(files)) as pool:
        reports = list(pool.map(send, files))
    assert sum(each["created"] for each in reports) == 60
    assert sum(each["unchanged"] for each in reports) == 4 * 40 - 60
    assert len(look(session_factory, select(Room.id).where(Room.code.like("N%")))) == 60
