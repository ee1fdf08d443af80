"""A OneRoster 1.2 bundle (1EdTech CSV binding, bulk) of what there is: what `one_roster` reads, and terms and subjects.

| here | OneRoster |
|---|---|
| county; township; school and teaching site | org of type district; local; school |
| person with roles | user; teacher, aide, siteAdministrator, districtAdministrator in roles.csv |
| term | academic session of type term |
| subject of the county's list | course |
| pupil group | class of type homeroom, without members: no pupil is named |

Ids are the codes and logins by which tables know them, or ours where names may change (terms and classes), so that they
stay the same from one export to the next.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.rules import Principal
from app.schools import bulk, subjects
from app.schools.rules import OrgUnitKind
from app.timetables import service as timetables
from app.transfer import people
from app.transfer.columns import guarded
from app.transfer.one_roster_words import NO_NAME, in_chinese

Row = Sequence[str]
_ORG_TYPES: Final = {
    OrgUnitKind.COUNTY: "district",
    OrgUnitKind.TOWNSHIP: "local",
    OrgUnitKind.SCHOOL: "school",
    OrgUnitKind.TEACHING_SITE: "school",
}
_ROLES: Final = {
    "teacher": "teacher",
    "site_assistant": "aide",
    "school_admin": "siteAdministrator",
    "bureau_admin": "districtAdministrator",
}
_HOMEROOM: Final = "HOMEROOM"
_ALL: Final = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
    "enrollments", "lineItems", "lineItemLearningObjectiveIds", "lineItemScoreScales", "orgs", "resources", "results",
    "resultLearningObjectiveIds", "resultScoreScales", "roles", "scoreScales", "userProfiles", "userResources", "users",
)  # fmt: skip
"""The files that a manifest speaks of (OneRoster 1.2 CSV binding, §4.1), the same as in LongsightGroup/oneroster."""
_HEADERS: Final = {
    "orgs": "name,type,identifier,parentSourcedId",
    "users": "enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,"
    "grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,"
    "preferredFamilyName,primaryOrgSourcedId,pronouns",
    "roles": "userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId",
    "academicSessions": "title,type,startDate,endDate,parentSourcedId,schoolYear",
    "courses": "schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
    "classes": "title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,"
    "subjectCodes,periods",
}
"""The columns behind the first three, in the order of the CSV binding 1.2.1, which some readers insist on
(imsglobal.org/spec/oneroster/v1p2/bind/csv): held against src/one-roster-csv-rostering-schema.ts of
LongsightGroup/oneroster. Programs for 1.2 before that have `resourceSourcedIds` among the columns of users."""


def written_bundle(session: Session, principal: Principal) -> bytes:
    """What somebody may see of the county, as a bundle."""
    files = {
        "orgs": _orgs(session, principal),
        **_people(session, principal),
        "academicSessions": _sessions(session, principal),
        "courses": _courses(session, principal),
        "classes": _classes(session, principal),
    }
    files = {name: rows for name, rows in files.items() if rows}  # none may be without rows (§3)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.csv", _csv(("propertyName", "value"), _manifest(files)))
        for name, rows in files.items():
            header = ("sourcedId", "status", "dateLastModified", *_HEADERS[name].split(","))
            archive.writestr(f"{name}.csv", _csv(header, ((own, "", "", *rest) for own, *rest in rows)))
    return content.getvalue()


def _manifest(files: Mapping[str, object]) -> list[Row]:
    return [
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        *((f"file.{name}", "bulk" if name in files else "absent") for name in _ALL),
        ("source.systemName", "Tongtang"),
        ("source.systemCode", "tongtang"),
    ]


def _csv(header: Row, rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([guarded(each) for each in row] for row in rows)
    return text.getvalue().encode()


def _orgs(session: Session, principal: Principal) -> list[Row]:
    units = bulk.all_units(session, principal.county_id)
    codes = {unit.id: unit.code for unit in units}
    return [
        (
            unit.code,
            unit.name,
            _ORG_TYPES[unit.kind],
            unit.code,
            codes[unit.parent_id] if unit.parent_id else "",
        )
        for unit in sorted(units, key=lambda unit: (unit.path.count("/"), unit.code))
    ]


def _people(session: Session, principal: Principal) -> dict[str, list[Row]]:
    """Users and their roles; the first role of each is the primary one."""
    users: dict[str, Row] = {}
    roles: list[Row] = []
    for login, name, _mail, role, code, first, last in people.rows(session, principal):
        login, name, code = str(login), str(name), str(code)
        kind = "secondary" if login in users else "primary"
        given, family = _given_and_family(name)
        users.setdefault(login, (login, "true", login, "", given, family, *[""] * 12, code, ""))
        own = f"{login}/{role}/{code}/{_day(first)}"
        roles.append((own, login, kind, _ROLES[str(role)], _day(first), _day(last), code, ""))
    return {"users": list(users.values()), "roles": roles}


def _given_and_family(name: str) -> tuple[str, str]:
    """A name in the two parts that OneRoster wants, which `one_roster` joins to the same again."""
    if in_chinese(name):
        return name[1:] or NO_NAME, name[:1]
    given, _, family = name.rpartition(" ")
    return given or NO_NAME, family


def _sessions(session: Session, principal: Principal) -> list[Row]:
    return [
        (
            str(term.id),
            term.name,
            "term",
            _day(term.first_day),
            _day(term.last_day),
            "",
            _school_year(term.first_day),
        )
        for term in timetables.terms_meeting(session, principal.county_id, date.min, date.max)
    ]


def _courses(session: Session, principal: Principal) -> list[Row]:
    county = next(
        unit for unit in bulk.all_units(session, principal.county_id) if unit.kind is OrgUnitKind.COUNTY
    )
    return [
        (_HOMEROOM, "", "Homeroom", _HOMEROOM, "", county.code, "", ""),
        *(
            (each.code, "", each.name_zh, each.code, "", county.code, each.name_en, each.code)
            for each in subjects.list_subjects(session, principal.county_id)
        ),
    ]


def _classes(session: Session, principal: Principal) -> list[Row]:
    terms = ",".join(
        str(term.id) for term in timetables.terms_meeting(session, principal.county_id, date.min, date.max)
    )
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    found: list[Row] = []
    for group in bulk.groups_on(session, principal.county_id, principal.today):
        grades, code = ",".join(f"{each:02}" for each in group.grades), codes[group.org_unit_id]
        found.append(
            (str(group.id), group.name, grades, _HOMEROOM, "", "homeroom", "", code, terms, "", "", "")
        )
    return found


def _day(day: object) -> str:
    return day.isoformat() if isinstance(day, date) else ""


def _school_year(first_day: date) -> str:
    """A school year is named by the year in which it ends; it begins in late summer."""
    return str(first_day.year + (first_day.month >= 8))
