"""People with their roles as a table: one row a role, somebody with two roles has two rows. No passwords.

A row is about the role of a login at a unit from a day on. Without that day it is about the role that lasts, or, where
there is none, about one from today.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.orm import Session

from app.accounts import bulk
from app.accounts.appointing import (
    MOST,
    require_all_offices,
    require_changeable,
    require_endable,
    require_free,
    require_office,
)
from app.accounts.models import Assignment, Person
from app.accounts.permissions import Action
from app.accounts.reach import Target, allows, reach
from app.accounts.rules import Duty, Principal, Role
from app.accounts.schemas import Login, MailAddress, NewAssignment
from app.accounts.service import require_fitting
from app.errors import AppError
from app.schemas import Input, Name
from app.schools import bulk as schools
from app.schools.models import OrgUnit
from app.schools.service import target_of
from app.transfer.columns import (
    Column,
    Fault,
    Record,
    Words,
    Written,
    as_code,
    as_day,
    as_text,
    as_word,
    plain,
    word_of,
)
from app.transfer.plans import NOBODY, Plan, by_code, checked, no_unit, padded, refused, twice, zeros_lost

ROLES: Words = {
    Role.BUREAU_ADMIN.value: ("县级管理员", "bureau admin"),
    Role.SCHOOL_ADMIN.value: ("学校管理员", "school admin"),
    Role.TEACHER.value: ("教师", "teacher"),
    Role.SITE_ASSISTANT.value: ("教学点助教", "site assistant"),
}
COLUMNS = (
    Column("login", ("登录名", "Login"),
           ("字母、数字、点、下划线、连字符;不区分大小写", "Letters, digits, dots, dashes; small letters count"),
           as_code, required=True),
    Column("name", ("姓名", "Name"), ("姓名", "As people call them"), as_text, required=True, width=20),
    Column("email", ("电子邮箱", "Mail address"),
           ("用于找回密码,可空", "For a forgotten password; may be empty"), as_code, width=28),
    Column("role", ("角色", "Role"), ("县级管理员、学校管理员、教师或教学点助教",
           "bureau admin, school admin, teacher or site assistant"), as_word(ROLES), word_of(ROLES), required=True),
    Column("org_unit", ("单位编码", "Code of the org unit"), ("角色所在单位的编码", "Where the role is held"), as_code,
           required=True, width=18),
    Column("valid_from", ("开始日期", "First day"), ("空着表示从今天起", "Empty: from today"), as_day),
    Column("valid_to", ("结束日期", "Last day"), ("空着表示长期", "Empty: it lasts"), as_day),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Written]] = (
    ("wang", "王老师", "wang@example.org", "teacher", "3415240012", date(2026, 9, 1), None),
    ("zhao", "赵老师", None, "site_assistant", "3415240112", date(2026, 9, 1), date(2027, 7, 31)),
    ("zhao", "赵老师", None, "teacher", "3415240112", date(2026, 9, 1), None),
)
_PATTERNS = {"login": "cell.bad_login"}
_RENAMED = {"org_unit_id": "org_unit", "": "valid_to"}


class _Named(Input):
    """Who somebody is."""

    login: Login
    name: Name
    email: MailAddress | None


class _Planning:
    """The county's people as they are, and what the rows would make of them."""

    def __init__(self, session: Session, principal: Principal, records: Sequence[Record]) -> None:
        self._principal = principal
        units = schools.all_units(session, principal.county_id)
        self._units = by_code(units)
        self._by_id = {unit.id: unit for unit in units}
        self._people = {person.login: person for person in bulk.everybody(session, principal.county_id)}
        self._cut = padded(self._people)
        strangers = {_login(record) for record in records} - self._people.keys()
        self._taken = bulk.taken_logins(session, strangers)
        self._admins = bulk.lasting_admins(session, principal.county_id, principal.today)
        self._names: dict[str, tuple[int, str]] = {}
        self._mails: dict[str, tuple[int, str]] = {}
        self.mails: list[tuple[Person, str]] = []
        self._admitted: dict[str, tuple[str, list[Duty]]] = {}
        self._given: dict[str, list[Duty]] = defaultdict(list)
        self.given: list[tuple[Person, Duty]] = []
        self.endings: list[bulk.Ending] = []
        self.created = self.unchanged = 0
        self.faults: list[Fault] = []

    @property
    def new(self) -> list[Person]:
        """Those who are to be admitted, with all their roles."""
        return [
            bulk.new_person(self._principal, login, name, duties, self._mails.get(login, (0, None))[1])
            for login, (name, duties) in self._admitted.items()
        ]

    def take(self, record: Record) -> None:
        """Decide about one row."""
        values = record.values
        unit = self._units.get(values["org_unit"])
        if unit is None:
            self.faults.append(no_unit(record, "org_unit", values["org_unit"], self._units))
        named = checked(
            _Named, record, _PATTERNS, login=values["login"], name=values["name"], email=values.get("email")
        )
        days = checked(
            NewAssignment, record, {}, _RENAMED, role=values["role"], org_unit_id=unit.id if unit else NOBODY,
            valid_from=values["valid_from"] or (values["valid_to"] and self._principal.today),
            valid_to=values["valid_to"],
        )  # fmt: skip
        wrong = [*(named if isinstance(named, list) else []), *(days if isinstance(days, list) else [])]
        self.faults += wrong
        if unit is None or isinstance(named, list) or isinstance(days, list):
            return
        row, first_name = self._names.setdefault(named.login, (record.row, named.name))
        if first_name != named.name:
            self.faults.append(record.fault("name", "person.names_differ", first=row))
            return
        first_mail = self._mails.setdefault(named.login, (record.row, named.email)) if named.email else None
        if first_mail is not None and first_mail[1] != named.email:
            self.faults.append(record.fault("email", "person.mails_differ", first=first_mail[0]))
            return
        try:
            self._decide(record, unit, named, days)
        except AppError as error:
            column = _COLUMN_OF.get(error.code, "role")
            self.faults.append(refused(record, column, error))

    def _decide(self, record: Record, unit: OrgUnit, named: _Named, days: NewAssignment) -> None:
        require_fitting(days.role, unit.kind.value, unit.id)
        duty = Duty(days.role, unit.id, days.valid_from or self._principal.today, days.valid_to)
        person = self._people.get(named.login)
        other = self._people.get(self._cut.get(named.login, "")) if person is None else None
        if other is not None and self._sees(other):
            self.faults.append(zeros_lost(record, "login", named.login, other.login))
        elif person is None:
            self._admit(record, unit, named, duty)
        elif not self._sees(person):
            self.faults.append(record.fault("login", "person.login_taken", value=named.login))
        elif _written(person.name) != _written(named.name):
            self.faults.append(record.fault("name", "person.other_name", value=named.login))
        else:
            self._enter_mail(record, person, named.email)
            self._compare(record, unit, person, duty)

    def _admit(self, record: Record, unit: OrgUnit, named: _Named, duty: Duty) -> None:
        require_office(self._principal, duty.role, unit.id, target_of(unit).paths[0])
        if named.login in self._taken:
            self.faults.append(record.fault("login", "person.login_taken", value=named.login))
            return
        _, duties = self._admitted.setdefault(named.login, (named.name, []))
        self._add(record, [], duties, duty)

    def _compare(self, record: Record, unit: OrgUnit, person: Person, duty: Duty) -> None:
        there = _the_same(person.assignments, duty, record.values["valid_from"], self._principal.today)
        says_nothing = record.values["valid_from"] is None and duty.valid_to is None
        keeps_end = says_nothing or "valid_to" not in record.columns
        stays = there is not None and (there.valid_to == duty.valid_to or keeps_end)
        if stays and allows(self._principal, Action.PERSON_LIST, target_of(unit)):
            self.unchanged += 1
            return
        require_changeable(self._principal, person)
        require_office(self._principal, duty.role, unit.id, target_of(unit).paths[0])
        if there is None:
            if self._add(record, person.assignments, self._given[person.login], duty):
                self.given.append((person, duty))
        else:
            self._end(record, person, there, duty.valid_to)

    def _enter_mail(self, record: Record, person: Person, address: str | None) -> None:
        """For somebody who has none: one that counts already is changed where its owner is told of it."""
        if address is None or address == person.email or self._mails[person.login][0] != record.row:
            return
        if person.email is not None:
            self.faults.append(record.fault("email", "person.other_mail", value=person.login))
            return
        require_changeable(self._principal, person)
        paths = {
            each.org_unit_id: target_of(self._by_id[each.org_unit_id]).paths[0] for each in person.assignments
        }
        if not allows(self._principal, Action.PERSON_CHANGE, Target(person.county_id, tuple(paths.values()))):
            self.faults.append(record.fault("email", "access.denied"))
            return
        require_all_offices(self._principal, person, paths)
        self.mails.append((person, address))

    def _sees(self, person: Person) -> bool:
        """Whether somebody is there at all for whoever imports, as REST tells it."""
        paths = tuple(target_of(self._by_id[each.org_unit_id]).paths[0] for each in person.assignments)
        target = Target(person.county_id, paths, person_id=person.id)
        return allows(self._principal, Action.PERSON_SHOW, target)

    def _add(self, record: Record, present: Sequence[Assignment], duties: list[Duty], duty: Duty) -> bool:
        require_free([*present, *(bulk.assignment_of(each) for each in duties)], duty)
        if len(present) + len(duties) >= MOST:
            self.faults.append(record.fault("role", "assignment.too_many"))
            return False
        duties.append(duty)
        self.created += 1
        return True

    def _end(self, record: Record, person: Person, there: Assignment, last: date | None) -> None:
        if last is None:
            self.faults.append(record.fault("valid_to", "assignment.over"))
            return
        require_endable(there, last, self._principal.today)
        if there.role is Role.BUREAU_ADMIN and self._admins <= {person.id}:
            self.faults.append(record.fault("valid_to", "person.last_admin"))
            return
        if there.role is Role.BUREAU_ADMIN:
            self._admins.discard(person.id)
        self.endings.append(bulk.Ending(person, there, last))


_COLUMN_OF = {
    "assignment.past": "valid_to",
    "assignment.over": "valid_to",
    "assignment.there": "valid_from",
    "person.erased": "login",
    "person.oneself": "login",
    "person.may_not_manage": "email",
}


def _the_same(
    assignments: Sequence[Assignment], duty: Duty, first: date | None, today: date
) -> Assignment | None:
    """The role that a row is about, if somebody has it."""
    yesterday = today - timedelta(days=1)
    for each in assignments:
        if each.role is duty.role and each.org_unit_id == duty.org_unit_id:
            if each.valid_from == first or (first is None and (each.valid_to or today) > yesterday):
                return each
    return None


def _login(record: Record) -> str:
    return str(record.values["login"]).lower()


def _about(record: Record) -> object:
    values = record.values
    return _login(record), values["role"], values["org_unit"], values["valid_from"]


def plan(session: Session, principal: Principal, records: Sequence[Record]) -> Plan:
    """What the rows would do to the county's people."""
    planning = _Planning(session, principal, records)
    again = twice(records, _about, "login")
    planning.faults += again.values()
    for record in records:
        if record.row not in again:
            planning.take(record)

    def carry_out(session: Session) -> None:
        bulk.add_people(session, principal, planning.new)
        bulk.give(session, principal, planning.given)
        bulk.give_mail(session, principal, planning.mails)
        bulk.end(session, principal, planning.endings)

    return Plan(
        planning.created,
        len(planning.endings) + len(planning.mails),
        planning.unchanged,
        tuple(planning.faults),
        carry_out,
    )


def rows(session: Session, principal: Principal) -> list[Sequence[Written]]:
    """The roles that last or are to come, of those whom somebody looks after; closed accounts have none."""
    units = {unit.id: unit for unit in schools.all_units(session, principal.county_id)}
    within = reach(principal, Action.PERSON_LIST)
    return [
        (
            person.login,
            person.name,
            person.email,
            role.role.value,
            units[role.org_unit_id].code,
            role.valid_from,
            role.valid_to,
        )
        for person in bulk.everybody(session, principal.county_id)
        if person.active and person.erased_at is None
        for role in person.assignments
        if role.valid_to is None or role.valid_to >= principal.today
        if within.includes(target_of(units[role.org_unit_id]))
    ]


def _written(name: str) -> str:
    """A name without its blanks, by which nobody is told from another: OneRoster knows no 李 娜 but 李 and 娜."""
    return "".join(plain(name).split())
