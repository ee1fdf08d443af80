"""OneRoster bundles: what comes in, what is counted, what is left out, and that pupils' names go nowhere."""

import csv
import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.models import Assignment, Person
from app.accounts.rules import Role
from app.audit.models import AuditEvent
from app.database import SessionFactory
from app.keys import Keys
from app.schools.models import OrgUnit, PupilGroup
from app.timetables.models import Headcount
from app.transfer import one_roster, one_roster_files, tables
from app.transfer.csv_files import LONGEST_ROW
from app.transfer.kinds import Kind
from app.transfer.one_roster import COUNTY, read_bundle
from app.transfer.tables import BadFile
from tests import counties, factories

SCHOOL = "7c1f4c0e-6a2b-4d0e-9b53-0d7a3f0c5a11"
V1_2 = {
    "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.orgs,bulk\n",
    "orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"
    f"d,,,County,district,,\ns2,,,响洪甸小学,school,S-2,{SCHOOL}\n{SCHOOL},,,梅山镇中心小学,school,,d\n"
    "x,,,Maths,department,,d\ngone,tobedeleted,,Closed,school,,d\n",
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,grades\n"
    "t,,,true,Li.Ming,,明,李,\na,,,true,anna,,Anna,Berg,\np,,,true,parent,,P,P,\nb,,,true,bureau,,Bo,Bo,\n"
    "1,,,true,pupil1,,花,秘密,01\n2,,,true,pupil2,,草,秘密,01\n3,,,true,pupil3,,木,秘密,02\n"
    "4,,,true,pupil4,,土,秘密,KG\n5,,,false,pupil5,,水,秘密,02\n",
    "roles.csv": "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
    f"r1,,,t,primary,teacher,2026-09-01,2099-07-31,{SCHOOL}\nr2,,,t,secondary,aide,2026-09-01,,s2\n"
    f"r3,,,a,primary,principal,2026-09-01,,{SCHOOL}\nr4,,,a,secondary,siteAdministrator,2026-09-01,,{SCHOOL}\n"
    "r5,,,p,primary,parent,,,s2\nr6,,,b,primary,districtAdministrator,,,d\n"
    + "".join(f"q{n},,,{n},primary,student,,,s2\n" for n in range(1, 6)),
    "classes.csv": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,"
    "schoolSourcedId,termSourcedIds\n"
    'c,,,一二年级复式班,"01,02",k,,homeroom,,s2,y\nm,,,Maths,01,k,,scheduled,,s2,y\n',
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"
    + "".join(f"e{n},,,c,s2,{n},student\n" for n in range(1, 6))
    + "e9,,,c,s2,t,teacher\n",
}
V1_1 = {
    **{name: text for name, text in V1_2.items() if name not in ("users.csv", "roles.csv")},
    "manifest.csv": "propertyName,value\noneroster.version,1.1\n",
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,"
    'familyName,grades\nt,,,true,"s2,nowhere",teacher,li ming,,明,李,\n'
    + "".join(f"{n},,,true,s2,student,pupil{n},,x,秘密,01\n" for n in range(1, 4)),
}


def bundle(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), "\ufeff" + text)  # not the time of writing
    return content.getvalue()


def test_a_bundle_comes_in(
    client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys
) -> None:
    today = counties.tomorrow() - timedelta(days=1)
    county = counties.county(session, sites=0, first_day=today)
    session.commit()
    headers = {**factories.bearer(keys, county.bureau), "Content-Type": "application/zip"}

    def send(files: dict[str, str], dry_run: bool) -> Any:
        address = f"/api/v1/imports?kind=oneroster&dry_run={dry_run}"
        return client.post(address, content=bundle(files), headers=headers).json()

    def stored(*columns: Any) -> set[Any]:
        with session_factory() as other:
            return {tuple(row) for row in other.execute(select(*columns))}

    before = stored(OrgUnit.code)
    tried = send(V1_2, True)
    assert tried["errors"] == []
    assert stored(OrgUnit.code) == before
    report = send(V1_2, False)
    assert {**report, "dry_run": True} == tried
    assert report["created"] == 2 + 4 + 1 + 2  # units, roles, a group, two grades
    remarks = {each["code"]: each["detail"].partition(" ")[0] for each in report["remarks"]}
    assert remarks == {
        "oneroster.pupils": "4",
        "oneroster.orgs": "1",
        "oneroster.roles": "1",
        "oneroster.classes": "1",
        "oneroster.gone": "1",
    }
    short = SCHOOL.replace("-", "")
    assert stored(OrgUnit.code, OrgUnit.kind) - {
        (unit.code, unit.kind) for unit in (county.county, county.school)
    } == {(short, "school"), ("S-2", "teaching_site")}
    assert {("li.ming", "李明"), ("anna", "Anna Berg"), ("bureau", "Bo Bo")} <= stored(
        Person.login, Person.name
    )
    assert {"teacher", "site_assistant", "school_admin", "bureau_admin"} <= {
        role for (role,) in stored(Assignment.role)
    }
    assert stored(PupilGroup.name, PupilGroup.headcount) == {("一二年级复式班", 4)}
    assert stored(Headcount.grade, Headcount.pupils) == {(1, 2), (2, 1)}
    assert "秘密" not in str(stored(Person.name) | stored(AuditEvent.after))

    # What a spreadsheet would take for a formula, and names with blanks, come back as they are.
    school = factories.school(session, county.county)
    school.name = "+1小学"
    for name in ("李 娜", "=Ann  Lee", "@ 王"):
        factories.person(session, school, Role.TEACHER, name=name)
    group = session.scalars(select(PupilGroup)).one()
    session.commit()
    given_out = client.get("/api/v1/exports/oneroster.zip", headers=headers).content
    with zipfile.ZipFile(io.BytesIO(given_out)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert files.keys() == {
        f"{name}.csv"
        for name in ("manifest", "orgs", "users", "roles", "academicSessions", "courses", "classes")
    }
    assert ("file.orgs,bulk\r\n" in files["manifest.csv"]) and "file.results,absent" in files["manifest.csv"]
    rows = {name: list(csv.DictReader(io.StringIO(text))) for name, text in files.items()}
    assert {row["type"]: row["title"] for row in rows["academicSessions.csv"]} == {"term": "Autumn"}
    assert "English" in {row["courseCode"] for row in rows["courses.csv"]}
    assert [
        (row["sourcedId"], row["title"], row["grades"], row["classType"]) for row in rows["classes.csv"]
    ] == [(str(group.id), "一二年级复式班", "01,02", "homeroom")]
    back = send(files, False)
    assert (back["errors"], back["created"], back["changed"]) == ([], 0, 0), back
    assert stored(PupilGroup.name, PupilGroup.headcount) == {("一二年级复式班", 4)}

    group.closed_from = today
    session.commit()
    closed = send(
        {**V1_2, "enrollments.csv": V1_2["enrollments.csv"].replace("e1,", "e1,tobedeleted", 1)}, False
    )
    assert (closed["errors"], closed["created"]) == ([], 1)  # a new class with the name of one that left
    assert stored(PupilGroup.headcount, PupilGroup.closed_from) == {(4, today), (3, None)}
    session.delete(session.scalars(select(PupilGroup).where(PupilGroup.closed_from.is_(None))).one())
    session.flush()
    group.closed_from = None
    session.commit()

    again = send(V1_2, False)
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, report["created"])
    refused = send(V1_1, False)
    assert refused["code"] == "import.refused"
    found = {
        (each["table"], each["row"], each["column"], each["code"]) for each in refused["report"]["errors"]
    }
    assert found == {
        ("users.csv", 2, "orgSourcedIds", "org_unit.not_found"),
        ("users.csv", 2, "username", "cell.bad_login"),
    }
    fewer = send(
        {**V1_1, "users.csv": V1_1["users.csv"].replace(",nowhere", "").replace("li ming", "li")}, False
    )
    assert (fewer["changed"], stored(Headcount.grade, Headcount.pupils)) == (2, {(1, 3), (2, 1)})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"manifest.csv": "propertyName,value\noneroster.version,1.0\n"}, "oneroster.version"),
        ({"manifest.csv": V1_2["manifest.csv"] + "file.users,delta\n"}, "oneroster.delta"),
        ({"manifest.csv": None}, "oneroster.no_bundle"),
        ({"orgs.csv": None}, "oneroster.file_missing"),
        ({"orgs.csv": "sourcedId,name\n"}, "oneroster.column_missing"),
        ({"manifest.csv": None, "a/manifest.csv": "", "b/manifest.csv": ""}, "oneroster.no_bundle"),
        ({"users.csv": 'sourcedId,"\n'}, "file.csv_broken"),
        ({"users.csv": "," * 70}, "file.too_many_columns"),
        ({"orgs.csv": "," * (LONGEST_ROW + 1)}, "file.too_many_columns"),
    ],
)
def test_bundles_that_cannot_be_used(tmp_path: Any, changes: dict[str, str | None], code: str) -> None:

    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle({name: text for name, text in {**V1_2, **changes}.items() if text is not None}))
    with pytest.raises(BadFile) as error:
        read_bundle(path)
    assert error.value.code == code


def test_bundles_as_others_write_them(tmp_path: Any) -> None:
    """A folder that was zipped, capitals of their own, a user without a place, files that nothing is taken of."""
    path = tmp_path / "bundle.zip"

    def read(files: dict[str, str], folder: str = "") -> one_roster.Bundle:
        path.write_bytes(bundle({folder + name: text for name, text in files.items()}))
        return read_bundle(path)

    plain = read(V1_2)
    theirs = {
        "orgs.csv": V1_2["orgs.csv"].replace(",school,", ",School,").replace(",district,", ",DISTRICT,"),
        "users.csv": V1_2["users.csv"].replace(",true,", ",TRUE,").replace(",false,", ",False,"),
        "roles.csv": V1_2["roles.csv"].replace(",student,", ",Student,").replace(",teacher,", ",Teacher,"),
        "classes.csv": V1_2["classes.csv"].replace(",homeroom,", ",Homeroom,"),
    }
    assert theirs != {name: V1_2[name] for name in theirs}
    found = read({**V1_2, **theirs}, "export 2026/")
    assert (found.portions, found.skipped, found.pupils) == (plain.portions, plain.skipped, plain.pupils)
    assert (found.rows, found.unread) == (plain.rows, [])
    more = {
        **V1_2,
        "roles.csv": V1_2["roles.csv"] + "n1,,,nobody,primary,teacher,,,s2\nn2,,,5,primary,teacher,,,s2\n",
        "users.csv": "email,sourcedId,enabledUser,username,givenName,familyName,grades\n"
        "li@example.org,t,true,li,.,李,\np@example.org,p,true,p,P,P,\nx@example.org,1,true,x,x,x,01\n",
        "courses.csv": "sourcedId\n",
        "demographics.csv": "sourcedId\n",
        "__MACOSX/._users.csv": "",
        "readme.txt": "",
    }
    found = read(more)
    assert found.unread == ["courses.csv", "demographics.csv"]
    assert (found.skipped["oneroster.mails"], found.skipped["oneroster.nobody"]) == (1, 9)
    people = next(each for each in found.portions if each.kind is Kind.PEOPLE).records
    assert {each.values["name"] for each in people} == {"李"}
    placeless = V1_1["users.csv"].replace('"s2,nowhere"', "").replace(",s2,student", ",,student", 1)
    faults = [(each.row, each.column, each.code) for each in read({**V1_1, "users.csv": placeless}).faults]
    assert faults == [(2, "orgSourcedIds", "cell.empty"), (3, "orgSourcedIds", "cell.empty")]


def test_the_county_is_given_only_to_administrators_of_an_org_that_says_it_is_a_district(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle.zip"
    orgs = V1_2["orgs.csv"] + f"st,,,State,state,,\n{'-' * 33},,,Dashes,school,,d\n,,,Blank,district,,\n"
    head = "sourcedId,userSourcedId,role,orgSourcedId\n"

    def read(*orgs_of_roles: str) -> tuple[list[Any], list[Any]]:
        roles = head + "".join(f"r,b,administrator,{org}\n" for org in orgs_of_roles)
        path.write_bytes(bundle({**V1_2, "orgs.csv": orgs, "roles.csv": roles}))
        found = read_bundle(path)
        people = next(each for each in found.portions if each.kind is Kind.PEOPLE).records
        faults = [(each.row, each.column, each.code) for each in found.faults if each.table == "roles.csv"]
        return [(each.values["role"], each.values["org_unit"]) for each in people], faults

    assert read("d", "st", "s2") == ([("bureau_admin", COUNTY), ("school_admin", "S-2")], [])
    # A township has no admins here; least of all is whoever looks after one an admin of the county.
    orgs += "t,,,Township,local,,d\n"
    assert read("d", "t") == ([("bureau_admin", COUNTY)], [])
    assert read_bundle(path).skipped["oneroster.township_roles"] == 1
    empty = (2, "orgSourcedId", "cell.empty")
    assert read("") == ([], [empty])
    assert read("-" * 33) == ([], [empty])
    with monkeypatch.context() as fewer, pytest.raises(BadFile, match="oneroster.too_many_rows"):
        fewer.setattr(tables, "MOST_ROWS", 2)
        read_bundle(path)
    monkeypatch.setattr(one_roster_files, "MOST_CELLS", 50)
    with pytest.raises(BadFile, match="file.too_many_cells"):
        read_bundle(path)
