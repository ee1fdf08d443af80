"""A small demo county in which a lesson is on air at any time of any day.

One bureau, two schools, one main classroom, three teaching sites and their people. The day has twelve periods
of two hours, and the teacher teaches all of them. Nobody could; a demonstration can. Running it again changes
nothing, except that a new term follows when the last one runs out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.passwords import hash_password
from app.accounts.rules import Role
from app.accounts.service import PersonDraft
from app.lessons import scheduling
from app.pairings import service as pairings
from app.pairings.service import PairingDraft
from app.schools import service as schools
from app.schools.models import OrgUnit, Room
from app.schools.rules import OrgUnitKind, RoomKind
from app.schools.service import OrgUnitDraft, RoomDraft
from app.seeds import password
from app.settings import Settings
from app.timetables import service as timetables
from app.timetables.calendar import EVERY_DAY
from app.timetables.models import Term
from app.timetables.planning import EntryDraft
from app.timetables.rules import Bell
from app.timetables.service import TermDraft

COUNTY_CODE = "DEMO"
TIME_ZONE = "Asia/Shanghai"
SUBJECT = "English"
TEACHER = "wang"
ADMIN = "admin"
SCHOOL_ADMIN = "school"

# Code and name of each teaching site, and the login and name of its assistant.
SITES = (
    ("S1", "云岭教学点 Yunling Teaching Site", "site1", "李秀英 Li Xiuying"),
    ("S2", "竹溪教学点 Zhuxi Teaching Site", "site2", "张桂兰 Zhang Guilan"),
    ("S3", "松坪教学点 Songping Teaching Site", "site3", "陈永红 Chen Yonghong"),
)

TITLES = (
    "Grade 3 English · Unit 1: Hello! 三年级英语·你好",
    "Grade 3 English · Unit 2: Colours 三年级英语·颜色",
    "Grade 3 English · Unit 3: My family 三年级英语·我的家人",
    "Grade 3 English · Unit 4: Animals 三年级英语·动物",
    "Grade 4 English · Unit 1: My classroom 四年级英语·我的教室",
    "Grade 4 English · Unit 2: My schoolbag 四年级英语·我的书包",
    "Grade 4 English · Unit 3: The weather 四年级英语·天气",
    "Grade 5 English · Unit 1: My day 五年级英语·我的一天",
    "Grade 5 English · Unit 2: The seasons 五年级英语·四季",
    "Grade 6 English · Unit 1: My city 六年级英语·我的城市",
    "Grade 6 English · Unit 2: My hobbies 六年级英语·我的爱好",
)

_PERIODS = {number: Bell(time(number * 2 - 2), time(number * 2 % 24)) for number in range(1, 13)}
_TERM = timedelta(weeks=4)
_AHEAD = timedelta(weeks=1)  # the timetable never ends sooner than that
_PAIRED_FOR = timedelta(days=10 * 365)


@dataclass(frozen=True)
class DemoCounty:
    """What a demonstration needs to know of the county."""

    county_id: UUID
    main_room_id: UUID
    site_codes: tuple[str, ...]
    people: Mapping[str, UUID]  # by login
    password: str


@dataclass(frozen=True)
class _Ground:
    """The parts of the county that lessons are planned with."""

    county: OrgUnit
    main_room: Room
    receiving_rooms: tuple[Room, ...]
    people: Mapping[str, UUID]


def ensure_demo(session: Session, settings: Settings, now: datetime) -> DemoCounty:
    """The demo county, with its timetable reaching beyond now; made where it is missing."""
    secret, is_new = password.read_or_make(settings.data_dir)
    county = schools.find_county(session, COUNTY_CODE)
    if county is None:
        ground = _build(session, secret, now)
    else:
        ground = _find(session, county)
        if is_new:  # the file was lost, and with it the password nobody else knows
            for person_id in ground.people.values():
                accounts.set_password(session, person_id, hash_password(secret))
    _keep_planned(session, ground, now)
    return DemoCounty(
        county_id=ground.county.id,
        main_room_id=ground.main_room.id,
        site_codes=tuple(code for code, *_ in SITES),
        people=ground.people,
        password=secret,
    )


# --- the county ---------------------------------------------------------------------------------------------


def _build(session: Session, secret: str, now: datetime) -> _Ground:
    county = schools.create_county(session, COUNTY_CODE, "示范县 Demo County", TIME_ZONE)
    today = accounts.county_today(session, county.id, now)
    central = _unit(session, county, OrgUnitKind.SCHOOL, "M1", "梅溪镇中心小学 Meixi Central School")
    second = _unit(session, county, OrgUnitKind.SCHOOL, "M2", "石桥镇中心小学 Shiqiao Central School")
    main_room = schools.create_room(
        session, RoomDraft(central.id, RoomKind.MAIN, "101", "主课堂 Main classroom", 200)
    )
    people = [
        (ADMIN, "县教育局 Education bureau", Role.BUREAU_ADMIN, county),
        (SCHOOL_ADMIN, "刘建国 Liu Jianguo", Role.SCHOOL_ADMIN, central),
        (TEACHER, "王芳 Wang Fang", Role.TEACHER, central),
    ]
    receiving = []
    for (code, name, login, assistant), above in zip(SITES, (central, central, second), strict=True):
        site = _unit(session, above, OrgUnitKind.TEACHING_SITE, code, name)
        receiving.append(_receiving_room(session, site, main_room, today))
        people.append((login, assistant, Role.SITE_ASSISTANT, site))
    hashed = hash_password(secret)  # one for all: it is one password
    made = {
        login: accounts.create_person(
            session, county.id, PersonDraft(login, name, hashed, ((role, unit.id, today, None),)), today
        ).id
        for login, name, role, unit in people
    }
    return _Ground(county, main_room, tuple(receiving), made)


def _unit(session: Session, above: OrgUnit, kind: OrgUnitKind, code: str, name: str) -> OrgUnit:
    return schools.create_org_unit(session, OrgUnitDraft(kind, above.id, code, name))


def _receiving_room(session: Session, site: OrgUnit, main_room: Room, today: date) -> Room:
    draft = RoomDraft(site.id, RoomKind.RECEIVING, "1", f"{site.code} 听课教室 Classroom", 20)
    room = schools.create_room(session, draft)
    agreement = PairingDraft(main_room.id, room.id, today, today + _PAIRED_FOR, (SUBJECT,), len(SITES))
    pairings.create_pairing(session, agreement)
    return room


def _find(session: Session, county: OrgUnit) -> _Ground:
    logins = (ADMIN, SCHOOL_ADMIN, TEACHER, *(login for _, _, login, _ in SITES))
    people = {login: accounts.find_by_login(session, login) for login in logins}
    codes = [("M1", "101"), *((code, "1") for code, *_ in SITES)]
    main_room, *receiving = (_room(session, county, *each) for each in codes)
    ids = {login: person.id for login, person in people.items() if person is not None}
    return _Ground(county, main_room, tuple(receiving), ids)


def _room(session: Session, county: OrgUnit, unit_code: str, room_code: str) -> Room:
    unit = schools.find_org_unit(session, county.id, unit_code)
    room = schools.find_room(session, unit.id, room_code) if unit else None
    if room is None:
        raise LookupError(f"the demo county has lost its room {room_code} in {unit_code}")
    return room


# --- the timetable ------------------------------------------------------------------------------------------


def _keep_planned(session: Session, ground: _Ground, now: datetime) -> None:
    today = accounts.county_today(session, ground.county.id, now)
    for day in (today, today + _AHEAD):
        if timetables.find_term(session, ground.county.id, day) is None:
            _plan_term(session, ground, _first_free_day(session, ground, today, day), now)


def _first_free_day(session: Session, ground: _Ground, today: date, day: date) -> date:
    """The day after the term that is still running, if one is."""
    running = timetables.find_term(session, ground.county.id, today)
    return day if running is None else running.last_day + timedelta(days=1)


def _plan_term(session: Session, ground: _Ground, first_day: date, now: datetime) -> None:
    last_day = first_day + _TERM - timedelta(days=1)
    draft = TermDraft(f"演示 Demo {first_day}", first_day, last_day, _PERIODS, EVERY_DAY)
    term = timetables.create_term(session, ground.county.id, draft)
    for entry in _entries(ground, term):
        scheduling.create_entry(session, entry, now)


def _entries(ground: _Ground, term: Term) -> Sequence[EntryDraft]:
    return [
        EntryDraft(
            term_id=term.id,
            main_room_id=ground.main_room.id,
            teacher_id=ground.people[TEACHER],
            receiving_room_ids=tuple(room.id for room in ground.receiving_rooms),
            subject=SUBJECT,
            title=TITLES[(weekday * len(_PERIODS) + period) % len(TITLES)],
            weekday=weekday,
            period=period,
        )
        for weekday in range(1, 8)
        for period in _PERIODS
    ]
