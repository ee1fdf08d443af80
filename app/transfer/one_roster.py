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

import zipfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.transfer import tables
from app.transfer.archives import BROKEN, Parts
from app.transfer.columns import Fault, Record, narrow
from app.transfer.kinds import KINDS, Kind
from app.transfer.one_roster_files import Files
from app.transfer.one_roster_words import BadDay, code_of, day_in, grades_in, listed, name_of
from app.transfer.tables import BadFile

_ABOVE: Final = frozenset({"district", "local", "state", "national"})
_DISTRICTS: Final = frozenset({"district", "local"})
"""Whose administrators are the county's: not those of a state, which a bundle may name as well."""
_STUDENT: Final = "student"
_ROLES: Final = {
    "teacher": "teacher",
    "aide": "site_assistant",
    "administrator": "school_admin",
    "principal": "school_admin",
    "siteadministrator": "school_admin",
}
_ABOVE_ROLES: Final = {"administrator": "bureau_admin", "districtadministrator": "bureau_admin"}
_TAKEN_ROLES: Final = frozenset({_STUDENT, *_ROLES, *_ABOVE_ROLES})
_THEIR_PEOPLE: Final = {
    "login": "username",
    "name": "familyName",
    "role": "role",
    "org_unit": "orgSourcedId",
    "valid_from": "beginDate",
    "valid_to": "endDate",
}
COUNTY: Final = "\0county"
"""Stands for the code of the county itself, which its import does not know."""


@dataclass(frozen=True, slots=True)
class _User:
    """What is kept of a user while the bundle is read."""

    login: str
    name: str
    grades: str
    has_mail: bool


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
    unread: Sequence[str] = ()
    """Files of which nothing has."""


def read_bundle(path: Path) -> Bundle:
    """What a bundle holds; raises `BadFile`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reading(Files(Parts(archive))).bundle()
    except BROKEN:
        raise BadFile("oneroster.no_bundle") from None


class _Reading:
    """One bundle being read."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._found = Bundle()
        self._codes: dict[str, str] = {}  # by sourcedId; `COUNTY` for what stands for it
        self._districts: set[str] = set()
        self._townships: set[str] = set()  # districts below a district: nobody looks after them here

    def bundle(self) -> Bundle:
        """The portions of it."""
        self._files.check()
        self._orgs()
        users, holdings = self._users()
        self._people(users, holdings)
        self._groups(users)
        self._pupils(users, holdings)
        self._found.rows, self._found.unread = self._files.rows, self._files.unread()
        return self._found

    def _orgs(self) -> None:
        lines = [line for line in self._files.lines("orgs") if line.stays]
        schools = {line["sourcedId"] for line in lines if line.word("type") == "school"}
        for line in lines:
            own = line["sourcedId"]
            self._codes[own] = COUNTY if line.word("type") in _ABOVE else code_of(line["identifier"] or own)
        districts = {line["sourcedId"] for line in lines if line.word("type") in _DISTRICTS} - {""}
        for line in lines:
            if line["sourcedId"] in districts:
                below = line["parentSourcedId"] in districts
                (self._townships if below else self._districts).add(line["sourcedId"])
        records = []
        for line in lines:
            if line.word("type") != "school":
                self._found.skipped["oneroster.orgs"] += line.word("type") not in _ABOVE
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
        gone: set[str] = set()
        in_roles = "roles" in self._files
        for line in self._files.lines("users"):
            own = line["sourcedId"]
            if not line.stays or line.word("enabledUser") == "false":
                gone.add(own)
                continue
            users[own] = _User(line["username"], name_of(line), line["grades"], bool(line["email"]))
            if not in_roles:
                places = listed(line["orgSourcedIds"]) or ("",)
                holdings += (_Holding(line.number, own, line.word("role"), place, "", "") for place in places)
        self._found.skipped["oneroster.gone"] = len(gone)
        for line in self._files.lines("roles"):
            own = line["userSourcedId"]
            if line.stays and own in users:
                when = line["beginDate"], line["endDate"]
                holdings.append(_Holding(line.number, own, line.word("role"), line["orgSourcedId"], *when))
            else:
                self._found.skipped["oneroster.nobody"] += line.stays and own not in gone
        return users, [each for each in holdings if self._has_place(each, in_roles)]

    def _has_place(self, held: _Holding, in_roles: bool) -> bool:
        """Whether a role says where it is held; one of ours that does not is a fault."""
        if not held.org and held.role in _TAKEN_ROLES:
            file, column = ("roles.csv", "orgSourcedId") if in_roles else ("users.csv", "orgSourcedIds")
            self._found.faults.append(Fault(held.number, column, "cell.empty", {}, table=file))
        return bool(held.org)

    def _people(self, users: Mapping[str, _User], holdings: Sequence[_Holding]) -> None:
        file = "roles.csv" if "roles" in self._files else "users.csv"
        records: list[Record] = []
        again: set[object] = set()
        for each in holdings:
            if each.role == _STUDENT:
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
        taken = {each.user for each in holdings if self._role(each, self._codes.get(each.org, each.org))}
        self._found.skipped["oneroster.mails"] = sum(users[user].has_mail for user in taken)
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
            first, last = day_in(held.first, "beginDate"), day_in(held.last, "endDate")
        except BadDay as error:
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
        pupils = {(each.user, each.org) for each in holdings if each.role == _STUDENT}
        for user, org in pupils:
            if self._codes.get(org) == COUNTY:
                continue  # a pupil of the district; they are at a school, too
            for grade in grades_in(users[user].grades)[:1]:
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
        for line in self._files.lines("classes"):
            if line.stays and line.word("classType") == "homeroom":
                classes[line["sourcedId"]] = line
            else:
                self._found.skipped["oneroster.classes"] += line.stays
        members: dict[str, set[str]] = defaultdict(set)
        for line in self._files.lines("enrollments"):
            known = line["classSourcedId"] in classes and line["userSourcedId"] in users
            if line.stays and line.word("role") == _STUDENT and known:
                members[line["classSourcedId"]].add(line["userSourcedId"])
        records = []
        for own, line in classes.items():
            inside = {grade for user in members[own] for grade in grades_in(users[user].grades)}
            values = {
                "org_unit": self._codes.get(line["schoolSourcedId"], line["schoolSourcedId"]),
                "name": line["title"],
                "grades": sorted(grades_in(line["grades"]) or inside),
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
