"""OneRoster 1.1 and 1.2 bundles (1EdTech CSV binding): what of them we have words for, as the rows of our own tables.

| OneRoster | here |
|---|---|
| org of type school | school; below another school, a teaching site |
| org of type district, local, state, national | the county itself |
| user in the role of teacher, aide, administrator, principal, … | person with that role |
| class of type homeroom, with its enrollments | pupil group and its headcount |
| students by school and grade | headcounts in the term of today |

Pupils are counted and forgotten: nothing that names one leaves this module. Sessions, courses and classes of a course
have no rows here: terms need bells, and lessons a timetable.
"""

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from app.transfer import tables
from app.transfer.archives import BROKEN, Parts
from app.transfer.columns import BadValue, Fault, Record, as_day, narrow, plain, unguarded
from app.transfer.csv_files import csv_rows
from app.transfer.kinds import KINDS, Kind
from app.transfer.tables import MOST_COLUMNS, BadFile

MOST_ROWS: Final = 300_000
"""Rows of one file: a county's pupils, once for each class they are in."""
MOST_CELLS: Final = 20_000_000
"""Of all files of a bundle."""
_VERSIONS: Final = ("1.1", "1.2")
_ABOVE: Final = frozenset({"district", "local", "state", "national"})
_DISTRICTS: Final = frozenset({"district", "local"})
"""Whose administrators are the county's: not those of a state, which a bundle may name as well."""
_ROLES: Final = {
    "teacher": "teacher",
    "aide": "site_assistant",
    "administrator": "school_admin",
    "principal": "school_admin",
    "siteAdministrator": "school_admin",
}
_ABOVE_ROLES: Final = {"administrator": "bureau_admin", "districtAdministrator": "bureau_admin"}
_TAKEN_ROLES: Final = frozenset({"student", *_ROLES, *_ABOVE_ROLES})
_THEIR_PEOPLE: Final = {
    "login": "username",
    "name": "familyName",
    "role": "role",
    "org_unit": "orgSourcedId",
    "valid_from": "beginDate",
    "valid_to": "endDate",
}
_LONGEST_CODE: Final = 32
COUNTY: Final = "\0county"
"""Stands for the code of the county itself, which its import does not know."""
_NEEDED: Final = {
    "manifest": ("propertyName", "value"),
    "orgs": ("sourcedId", "name", "type", "parentSourcedId"),
    "users": ("sourcedId", "enabledUser", "username", "givenName", "familyName", "grades"),
    "roles": ("userSourcedId", "role", "orgSourcedId"),
    "classes": ("sourcedId", "title", "grades", "classType", "schoolSourcedId"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
_OTHERS: Final = ("status", "identifier", "role", "orgSourcedIds", "beginDate", "endDate")
"""Columns that are read where a file has them."""
_CJK: Final = re.compile(r"[㐀-鿿]")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of one of the files."""

    number: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return plain(unguarded(self.values.get(column, "")))

    @property
    def stays(self) -> bool:
        """Whether it is not about something that is gone."""
        return self["status"] != "tobedeleted"


@dataclass(frozen=True, slots=True)
class _User:
    """What is kept of a user while the bundle is read."""

    login: str
    name: str
    grades: str


@dataclass(frozen=True, slots=True)
class _Holding:
    """A role of a user at an org, in the words of OneRoster."""

    number: int
    user: str
    role: str
    org: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows for one of our tables, from one of theirs."""

    kind: Kind
    file: str
    columns: Mapping[str, str]
    """Their names of our columns."""
    records: tuple[Record, ...]


@dataclass(slots=True)
class Bundle:
    """All that was found, in the order in which it can be stored."""

    portions: list[Portion] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0
    pupils: int = 0
    """Counted, and not kept."""
    skipped: Counter[str] = field(default_factory=Counter)
    """How many of what has no row here."""


def read_bundle(path: Path) -> Bundle:
    """What a bundle holds; raises `BadFile`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reading(Parts(archive)).bundle()
    except BROKEN:
        raise BadFile("oneroster.no_bundle") from None


class _Reading:
    """One bundle being read."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._found = Bundle()
        self._codes: dict[str, str] = {}  # by sourcedId; `COUNTY` for what stands for it
        self._districts: set[str] = set()
        self._townships: set[str] = set()  # districts below a district: nobody looks after them here
        self._cells = 0

    def bundle(self) -> Bundle:
        """The portions of it."""
        self._check_manifest()
        for name in ("orgs", "users"):
            if f"{name}.csv" not in self._parts.names:
                raise BadFile("oneroster.file_missing", name=f"{name}.csv")
        self._orgs()
        users, holdings = self._users()
        self._people(users, holdings)
        self._groups(users)
        self._pupils(users, holdings)
        return self._found

    def _check_manifest(self) -> None:
        if "manifest.csv" not in self._parts.names:
            raise BadFile("oneroster.no_bundle")
        said = {line["propertyName"]: line["value"] for line in self._lines("manifest")}
        if said.get("oneroster.version") not in _VERSIONS:
            raise BadFile("oneroster.version", versions=" / ".join(_VERSIONS))
        if "delta" in said.values():
            raise BadFile("oneroster.delta")
        self._found.rows = 0

    def _lines(self, name: str) -> Iterator[Line]:
        """The rows of a file, one by one; none for one that is not there."""
        file = f"{name}.csv"
        if file not in self._parts.names:
            return
        needed = _NEEDED[name]
        places: dict[str, int] = {}
        for number, texts in csv_rows(self._parts.read(file), MOST_ROWS):
            self._count(number, len(texts))
            if not places:
                columns = {plain(each): place for place, each in enumerate(texts)}
                missing = [each for each in needed if each not in columns]
                if missing:
                    raise BadFile("oneroster.column_missing", name=file, column=missing[0])
                places = {each: columns[each] for each in (*needed, *_OTHERS) if each in columns}
                continue
            self._found.rows += 1
            yield Line(number, {each: texts[place] for each, place in places.items() if place < len(texts)})

    def _count(self, row: int, cells: int) -> None:
        if cells > MOST_COLUMNS:
            raise BadFile("file.too_many_columns", most=MOST_COLUMNS, row=row)
        self._cells += cells
        if self._cells > MOST_CELLS:
            raise BadFile("file.too_many_cells", most=MOST_CELLS)

    def _orgs(self) -> None:
        lines = [line for line in self._lines("orgs") if line.stays]
        schools = {line["sourcedId"] for line in lines if line["type"] == "school"}
        for line in lines:
            own = line["sourcedId"]
            self._codes[own] = COUNTY if line["type"] in _ABOVE else _code(line["identifier"] or own)
        districts = {line["sourcedId"] for line in lines if line["type"] in _DISTRICTS} - {""}
        for line in lines:
            if line["sourcedId"] in districts:
                below = line["parentSourcedId"] in districts
                (self._townships if below else self._districts).add(line["sourcedId"])
        records = []
        for line in lines:
            if line["type"] != "school":
                self._found.skipped["oneroster.orgs"] += line["type"] not in _ABOVE
                continue
            above = line["parentSourcedId"]
            code = self._codes.get(above, above)
            records.append(
                Record(
                    line.number,
                    {
                        "code": self._codes[line["sourcedId"]],
                        "name": line["name"],
                        "kind": "teaching_site" if above in schools else "school",
                        "parent": None if code == COUNTY else code or None,
                        "time_zone": None,
                    },
                    frozenset({"code", "name", "kind", "parent"}),
                )
            )
        their = {"code": "identifier", "name": "name", "kind": "type", "parent": "parentSourcedId"}
        self._portion(Kind.ORG_UNITS, "orgs.csv", their, records)

    def _users(self) -> tuple[dict[str, _User], list[_Holding]]:
        """Everybody who is there by sourcedId, and what they are where: in 1.1 users.csv says so, in 1.2 roles.csv."""
        users: dict[str, _User] = {}
        holdings: list[_Holding] = []
        in_roles = "roles.csv" in self._parts.names
        for line in self._lines("users"):
            if not line.stays or line["enabledUser"].lower() == "false":
                self._found.skipped["oneroster.gone"] += 1
                continue
            own = line["sourcedId"]
            users[own] = _User(line["username"], _name(line), line["grades"])
            if not in_roles:
                places = _listed(line["orgSourcedIds"])
                holdings += (_Holding(line.number, own, line["role"], place, "", "") for place in places)
        for line in self._lines("roles"):
            if not line.stays or line["userSourcedId"] not in users:
                continue
            if not line["orgSourcedId"] and line["role"] in _TAKEN_ROLES:
                fault = Fault(line.number, "orgSourcedId", "cell.empty", {}, table="roles.csv")
                self._found.faults.append(fault)
            else:
                holdings.append(
                    _Holding(
                        line.number,
                        line["userSourcedId"],
                        line["role"],
                        line["orgSourcedId"],
                        line["beginDate"],
                        line["endDate"],
                    )
                )
        return users, holdings

    def _people(self, users: Mapping[str, _User], holdings: Sequence[_Holding]) -> None:
        file = "roles.csv" if "roles.csv" in self._parts.names else "users.csv"
        records: list[Record] = []
        again: set[object] = set()
        for each in holdings:
            if each.role == "student":
                continue
            code = self._codes.get(each.org, each.org)
            role = self._role(each, code)
            key = (each.user, role, code, each.first)
            if role is None:
                of_township = each.org in self._townships and each.role in _TAKEN_ROLES
                self._found.skipped["oneroster.township_roles" if of_township else "oneroster.roles"] += 1
            elif key not in again:  # two of their roles may be one of ours
                again.add(key)
                self._person(file, records, users[each.user], each, role, code)
        their = dict(_THEIR_PEOPLE) if file == "roles.csv" else {**_THEIR_PEOPLE, "org_unit": "orgSourcedIds"}
        self._portion(Kind.PEOPLE, file, their, records)

    def _role(self, held: _Holding, code: str) -> str | None:
        """What a role is here: the county's only at a district that stands below no other one."""
        if code != COUNTY:
            return _ROLES.get(held.role)
        return _ABOVE_ROLES.get(held.role) if held.org in self._districts else None

    def _person(
        self, file: str, records: list[Record], user: _User, held: _Holding, role: str, code: str
    ) -> None:
        try:
            first, last = _day(held.first, "beginDate"), _day(held.last, "endDate")
        except _BadDay as error:
            fault = Fault(held.number, error.column, "cell.no_date", {}, table=file)
            self._found.faults.append(fault)
            return
        values = {
            "login": narrow(user.login).lower(),
            "name": user.name,
            "role": role,
            "org_unit": code,
            "valid_from": first,
            "valid_to": last,
        }
        records.append(Record(held.number, values, frozenset(values)))

    def _pupils(self, users: Mapping[str, _User], holdings: Sequence[_Holding]) -> None:
        """Heads by school and grade; who they are is forgotten here."""
        heads: Counter[tuple[str, int]] = Counter()
        pupils = {(each.user, each.org) for each in holdings if each.role == "student"}
        for user, org in pupils:
            if self._codes.get(org) == COUNTY:
                continue  # a pupil of the district; they are at a school, too
            for grade in _grades(users[user].grades)[:1]:
                heads[self._codes.get(org, org), grade] += 1
        self._found.pupils = len({user for user, _org in pupils})
        records = [
            Record(
                0,
                {"term": None, "org_unit": code, "grade": grade, "pupils": number},
                frozenset({"org_unit", "grade", "pupils"}),
            )
            for (code, grade), number in sorted(heads.items())
        ]
        self._portion(Kind.HEADCOUNTS, "users.csv", {"org_unit": "orgSourcedIds", "grade": "grades"}, records)

    def _groups(self, users: Mapping[str, _User]) -> None:
        classes = {}
        for line in self._lines("classes"):
            if line.stays and line["classType"] == "homeroom":
                classes[line["sourcedId"]] = line
            else:
                self._found.skipped["oneroster.classes"] += line.stays
        members: dict[str, set[str]] = defaultdict(set)
        for line in self._lines("enrollments"):
            known = line["classSourcedId"] in classes and line["userSourcedId"] in users
            if line.stays and line["role"] == "student" and known:
                members[line["classSourcedId"]].add(line["userSourcedId"])
        records = []
        for own, line in classes.items():
            inside = {grade for user in members[own] for grade in _grades(users[user].grades)}
            values = {
                "org_unit": self._codes.get(line["schoolSourcedId"], line["schoolSourcedId"]),
                "name": line["title"],
                "grades": sorted(_grades(line["grades"]) or inside),
                "headcount": len(members[own]),
            }
            # A bundle without members of any class says nothing of how many there are.
            said = values.keys() if any(members.values()) else values.keys() - {"headcount"}
            records.append(Record(line.number, values, frozenset(said)))
        their = {"org_unit": "schoolSourcedId", "name": "title", "grades": "grades", "headcount": "classType"}
        self._portion(Kind.PUPIL_GROUPS, "classes.csv", their, records)

    def _portion(self, kind: Kind, file: str, their: Mapping[str, str], records: Sequence[Record]) -> None:
        """Keep the rows that have what they need; the others are faults. Raises `BadFile` for more than a table has."""
        if len(records) > tables.MOST_ROWS:
            raise BadFile("oneroster.too_many_rows", name=file, most=tables.MOST_ROWS)
        whole: list[Record] = []
        for record in records:
            empty = [
                column.key
                for column in KINDS[kind].columns
                if column.required and record.values[column.key] in (None, "", [])
            ]
            self._found.faults += (
                Fault(record.row, their.get(key, key), "cell.empty", {}, table=file) for key in empty
            )
            if not empty:
                whole.append(record)
        self._found.portions.append(Portion(kind, file, their, tuple(whole)))


class _BadDay(Exception):
    """A day that is none."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _day(text: str, column: str) -> date | None:
    try:
        return as_day(text) if text else None
    except BadValue:
        raise _BadDay(column) from None


def in_chinese(name: str) -> bool:
    """Whether a name is written family first and in one word."""
    return bool(_CJK.search(name))


def _name(line: Line) -> str:
    """A name as its language writes it."""
    family, given = line["familyName"], line["givenName"]
    return family + given if in_chinese(family + given) else f"{given} {family}".strip()


def _code(text: str) -> str:
    """A code of ours from an identifier of theirs; one of a UUID fits without its dashes."""
    return text.replace("-", "") if len(text) > _LONGEST_CODE else text


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (each.strip() for each in text.split(",")) if part)


def _grades(text: str) -> list[int]:
    """Grades 1 to 12 of a list of CEDS codes; kindergartens have others, which are left out."""
    return [
        int(each) for each in _listed(text) if each.isdecimal() and each.isascii() and 1 <= int(each) <= 12
    ]
