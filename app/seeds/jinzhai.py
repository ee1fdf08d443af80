"""A county of Jinzhai's size: 156 schools, 127 teaching sites, 55 main classrooms and a term of 20 weeks.

The figures are those of public reports, the townships are the county's own; schools, sites and people are made
up. Everything is the same in every run, except the days: the term begins on the Monday of the week.
Running it again changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import service as accounts
from app.accounts.passwords import hash_password
from app.accounts.rules import Role
from app.accounts.service import PersonDraft
from app.lessons import scheduling
from app.pairings import service as pairings
from app.pairings.service import PairingDraft
from app.schools import groups
from app.schools import service as schools
from app.schools.groups import GroupDraft
from app.schools.models import OrgUnit, Room
from app.schools.rules import OrgUnitKind, RoomKind
from app.schools.service import OrgUnitDraft, RoomDraft
from app.seeds import password
from app.settings import Settings
from app.timetables import curriculum, headcounts
from app.timetables import service as timetables
from app.timetables.curriculum_rules import Periods, Plan
from app.timetables.models import Term
from app.timetables.planning import EntryDraft
from app.timetables.rules import Bell
from app.timetables.service import TermDraft

COUNTY_CODE = "341524"
TIME_ZONE = "Asia/Shanghai"
ADMIN = "jz-bureau"
TOWNSHIPS = (
    ("梅山镇", "Meishan"),
    ("麻埠镇", "Mabu"),
    ("青山镇", "Qingshan"),
    ("燕子河镇", "Yanzihe"),
    ("天堂寨镇", "Tiantangzhai"),
    ("古碑镇", "Gubei"),
    ("吴家店镇", "Wujiadian"),
    ("斑竹园镇", "Banzhuyuan"),
    ("汤家汇镇", "Tangjiahui"),
    ("南溪镇", "Nanxi"),
    ("双河镇", "Shuanghe"),
    ("白塔畈镇", "Baitafan"),
    ("张冲乡", "Zhangchong"),
    ("油坊店乡", "Youfangdian"),
    ("长岭乡", "Changling"),
    ("槐树湾乡", "Huaishuwan"),
    ("花石乡", "Huashi"),
    ("沙河乡", "Shahe"),
    ("桃岭乡", "Taoling"),
    ("果子园乡", "Guoziyuan"),
    ("关庙乡", "Guanmiao"),
    ("全军乡", "Quanjun"),
    ("铁冲乡", "Tiechong"),
)
# Subject, and how many of the thirteen lessons a week that a main classroom gives.
LESSONS = (("English", 5), ("Music", 4), ("Art", 4))
_OWN = {"Chinese": 8, "Mathematics": 4, "Morality": 2, "Science": 1, "PE": 4, "Labour": 1, "Practice": 2}
_OWN_UPPER = {
    **{"Chinese": 6, "Mathematics": 5, "Morality": 2, "Science": 2, "PE": 3},
    **{"IT": 1, "Labour": 1, "Practice": 3},
}
_SENT = {"Music": 2, "Art": 2}
_SENT_UPPER = {"English": 3, "Music": 2, "Art": 2}
CURRICULUM: Plan = {
    (grade, subject): Periods(periods, periods if subject in own else 0)
    for grades, own, sent in (((1, 2), _OWN, _SENT), ((3, 4, 5, 6), _OWN_UPPER, _SENT_UPPER))
    for grade in grades
    for subject, periods in (own | sent).items()
}
"""26 periods a week in grades 1 and 2, 30 above; what sites lack teachers for is not given by their own."""
COMBINED = ((1, 2), (3, 4), (5, 6))
"""Grades that are taught together at a teaching site."""
BELLS = {
    1: Bell(time(8, 20), time(9)),
    2: Bell(time(9, 10), time(9, 50)),
    3: Bell(time(10, 20), time(11)),
    4: Bell(time(11, 10), time(11, 50)),
    5: Bell(time(14, 10), time(14, 50)),
    6: Bell(time(15), time(15, 40)),
}

_MOST_SITES = 3
_DAYS = 5


@dataclass(frozen=True)
class Size:
    """How large the county is; a main classroom has two sites or three."""

    schools: int = 156
    main_rooms: int = 55
    sites: int = 127
    weeks: int = 20

    @property
    def term(self) -> timedelta:
        return timedelta(weeks=self.weeks)


@dataclass(frozen=True)
class BigCounty:
    """What whoever seeded it needs to know."""

    county_id: UUID
    password: str
    is_new: bool


@dataclass(frozen=True)
class _MainClassroom:
    """A main classroom, its three teachers and the receiving rooms it is paired with."""

    room: Room
    teachers: tuple[UUID, ...]
    receiving_rooms: tuple[Room, ...]
    groups: dict[int, tuple[UUID, ...]]
    """By grade, its class in the school and those of its sites that have the grade."""


def ensure_jinzhai(
    session: Session, settings: Settings, now: datetime, size: Size | None = None
) -> BigCounty:
    """The county with its timetable; made unless it is there."""
    size = size or Size()
    secret, _ = password.read_or_make(settings.data_dir)
    county = schools.find_county(session, COUNTY_CODE)
    if county is not None:
        return BigCounty(county.id, secret, is_new=False)
    county = schools.create_county(session, COUNTY_CODE, "金寨县 Jinzhai County", TIME_ZONE)
    today = accounts.county_today(session, county.id, now)
    monday = today - timedelta(days=today.isoweekday() - 1)
    maker = _Maker(session, county, hash_password(secret), monday, size)
    maker.person(ADMIN, "金寨县教育局 Education bureau", Role.BUREAU_ADMIN, county)
    draft = TermDraft(f"{monday:%Y} {monday}", monday, monday + size.term - timedelta(days=1), BELLS)
    term = timetables.create_term(session, county.id, draft)
    curriculum.put_curriculum(session, term, county, CURRICULUM)
    classrooms = maker.classrooms(maker.schools(), term)
    begin = datetime.combine(monday, time(0), tzinfo=UTC) - timedelta(days=1)  # no lesson is past by then
    for entry in _entries(classrooms, term):
        scheduling.create_entry(session, entry, begin)
    return BigCounty(county.id, secret, is_new=True)


@dataclass(frozen=True)
class _Maker:
    """Makes units, rooms, people and agreements of the county."""

    session: Session
    county: OrgUnit
    password_hash: str
    first_day: date
    size: Size

    def schools(self) -> list[OrgUnit]:
        """All schools, township after township in turn."""
        townships = [
            self._unit(self.county, OrgUnitKind.TOWNSHIP, f"T{number:02}", f"{name} {latin}")
            for number, (name, latin) in enumerate(TOWNSHIPS, 1)
        ]
        found = []
        for index in range(self.size.schools):
            nth, which = divmod(index, len(TOWNSHIPS))
            name, latin = TOWNSHIPS[which]
            title = f"{name}第{nth + 1}小学 {latin} No. {nth + 1} School"
            found.append(self._unit(townships[which], OrgUnitKind.SCHOOL, f"S{index + 1:03}", title))
        return found

    def classrooms(self, all_schools: Sequence[OrgUnit], term: Term) -> list[_MainClassroom]:
        """The main classrooms with their sites: two each, a third for the first of them. Every school has pupils."""
        classes = [
            self._classes(school, [(grade,) for grade in range(1, 7)], 40, term) for school in all_schools
        ]
        sites = iter(range(1, self.size.sites + 1))
        thirds = self.size.sites - 2 * self.size.main_rooms
        found = []
        for index, school in enumerate(all_schools[: self.size.main_rooms]):
            numbers = [next(sites) for _ in range(3 if index < thirds else 2)]
            found.append(self._classroom(index + 1, school, numbers, classes[index], term))
        return found

    def _classroom(
        self,
        number: int,
        school: OrgUnit,
        site_numbers: Sequence[int],
        own_classes: dict[int, UUID],
        term: Term,
    ) -> _MainClassroom:
        draft = RoomDraft(school.id, RoomKind.MAIN, "M", f"{school.code} 主课堂 Main classroom", 500)
        room = schools.create_room(self.session, draft)
        self.person(f"jz-school-{number:02}", f"校长{number:02} Head {number:02}", Role.SCHOOL_ADMIN, school)
        teachers = tuple(
            self.person(
                f"jz-{subject.lower()}-{number:02}",
                f"{subject}老师{number:02} {subject} teacher {number:02}",
                Role.TEACHER,
                school,
            )
            for subject, _ in LESSONS
        )
        sites = [self._site(each, school, room, term) for each in site_numbers]
        classes = [own_classes, *(there for _, there in sites)]
        groups = {grade: tuple(each[grade] for each in classes) for grade in own_classes}
        return _MainClassroom(room, teachers, tuple(each for each, _ in sites), groups)

    def _site(
        self, number: int, school: OrgUnit, main_room: Room, term: Term
    ) -> tuple[Room, dict[int, UUID]]:
        code = f"P{number:03}"
        site = self._unit(school, OrgUnitKind.TEACHING_SITE, code, f"第{number}教学点 Teaching site {number}")
        draft = RoomDraft(site.id, RoomKind.RECEIVING, "R", f"{code} 听课教室 Classroom", 200)
        room = schools.create_room(self.session, draft)
        self.person(
            f"jz-site-{number:03}", f"助教{number:03} Assistant {number:03}", Role.SITE_ASSISTANT, site
        )
        subjects = tuple(subject for subject, _ in LESSONS)
        last_day = self.first_day + self.size.term - timedelta(days=1)
        agreement = PairingDraft(main_room.id, room.id, self.first_day, last_day, subjects, _MOST_SITES)
        pairings.create_pairing(self.session, agreement)
        return room, self._classes(site, COMBINED, 4, term)

    def _classes(
        self, unit: OrgUnit, grades: Sequence[tuple[int, ...]], pupils: int, term: Term
    ) -> dict[int, UUID]:
        """The classes of a school or site by grade, with so many pupils of each grade."""
        counts = {grade: pupils + grade % 2 for each in grades for grade in each}
        headcounts.put_headcounts(self.session, term, unit, counts)
        found: dict[int, UUID] = {}
        for each in grades:
            name = "、".join(map(str, each)) + "年级"
            draft = GroupDraft(unit.id, name, each, sum(counts[grade] for grade in each))
            found |= dict.fromkeys(each, groups.create_group(self.session, draft).id)
        return found

    def person(self, login: str, name: str, role: Role, unit: OrgUnit) -> UUID:
        draft = PersonDraft(login, name, self.password_hash, ((role, unit.id, self.first_day, None),))
        return accounts.create_person(self.session, self.county.id, draft, self.first_day).id

    def _unit(self, above: OrgUnit, kind: OrgUnitKind, code: str, name: str) -> OrgUnit:
        return schools.create_org_unit(self.session, OrgUnitDraft(kind, above.id, code, name))


def _entries(classrooms: Sequence[_MainClassroom], term: Term) -> Iterator[EntryDraft]:
    """Thirteen a week for each main classroom, at other times in each, so that the county's load is even."""
    for index, classroom in enumerate(classrooms):
        slots = _slots(index)
        for teacher, (subject, times) in zip(classroom.teachers, LESSONS, strict=True):
            for nth in range(times):
                weekday, period = next(slots)
                yield EntryDraft(
                    term_id=term.id,
                    main_room_id=classroom.room.id,
                    teacher_id=teacher,
                    receiving_room_ids=tuple(room.id for room in classroom.receiving_rooms),
                    pupil_group_ids=classroom.groups[nth + 1],
                    subject=subject,
                    title=f"{subject} · Grade {nth + 1} {nth + 1}年级",
                    weekday=weekday,
                    period=period,
                )


def _slots(start: int) -> Iterator[tuple[int, int]]:
    """Every weekday and period once, scattered over the week; 7 and 30 have no factor in common."""
    count = _DAYS * len(BELLS)
    for step in range(count):
        day, period = divmod((start + 7 * step) % count, len(BELLS))
        yield day + 1, period + 1
