"""What tests need to exist first. Each function makes one thing with defaults that fit together."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count

from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.accounts.digests import digest
from app.accounts.models import AccessToken, Assignment, GuestLink, Person, RoomTerminal, TokenFamily
from app.accounts.passwords import hash_password
from app.accounts.rules import GuestRole, Role
from app.accounts.service import issue_person_token
from app.feeds.models import CalendarFeed
from app.feeds.rules import Language
from app.keys import Keys
from app.lessons.diary import Whose
from app.lessons.rules import ChangeKind
from app.notices import delivering
from app.notices.models import Delivery, Notice, Webhook
from app.schools import service as schools
from app.schools.models import OrgUnit, Room
from app.schools.rules import OrgUnitKind, RoomKind

PASSWORD = "correct horse battery"
LONG_AGO = date(2020, 1, 1)

_numbers = count(1)


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)  # one slow hash for the whole suite


def county(session: Session, *, code: str | None = None, time_zone: str = "Asia/Shanghai") -> OrgUnit:
    """A county."""
    number = next(_numbers)
    return schools.create_county(session, code or f"C{number}", f"County {number}", time_zone)


def org_unit(
    session: Session,
    parent: OrgUnit,
    kind: OrgUnitKind = OrgUnitKind.SCHOOL,
    *,
    code: str | None = None,
    name: str | None = None,
    time_zone: str | None = None,
) -> OrgUnit:
    """A unit below another one."""
    number = next(_numbers)
    draft = schools.OrgUnitDraft(
        kind=kind,
        parent_id=parent.id,
        code=code or f"U{number}",
        name=name or f"{kind.value} {number}",
        time_zone=time_zone,
    )
    return schools.create_org_unit(session, draft)


def school(session: Session, parent: OrgUnit, *, code: str | None = None) -> OrgUnit:
    """A school."""
    return org_unit(session, parent, OrgUnitKind.SCHOOL, code=code)


def teaching_site(session: Session, parent: OrgUnit, *, code: str | None = None) -> OrgUnit:
    """A teaching site."""
    return org_unit(session, parent, OrgUnitKind.TEACHING_SITE, code=code)


def room(session: Session, unit: OrgUnit, kind: RoomKind = RoomKind.MAIN, *, code: str | None = None) -> Room:
    """A room of a unit."""
    number = next(_numbers)
    draft = schools.RoomDraft(
        org_unit_id=unit.id, kind=kind, code=code or f"R{number}", name=f"Room {number}"
    )
    return schools.create_room(session, draft)


def person(
    session: Session,
    unit: OrgUnit,
    role: Role | None,
    *,
    login: str | None = None,
    name: str | None = None,
    valid_from: date = LONG_AGO,
    valid_to: date | None = None,
    active: bool = True,
) -> Person:
    """A person of the unit's county with this role on the unit, or with none; the password is `PASSWORD`."""
    number = next(_numbers)
    assignments: Iterable[Assignment] = ()
    if role is not None:
        assignments = [Assignment(role=role, org_unit_id=unit.id, valid_from=valid_from, valid_to=valid_to)]
    made = Person(
        id=uuid.uuid4(),
        county_id=unit.county_id,
        login=login or f"person{number}",
        name=name or f"Person {number}",
        password_hash=_password_hash(),
        active=active,
        created_at=datetime.now(UTC),
        assignments=list(assignments),
    )
    session.add(made)
    session.flush()
    return made


def access_token(session: Session, person: Person, *scopes: str, secret: str = "") -> AccessToken:
    """An access token of this person, good for an hour."""
    now = datetime.now(UTC)
    row = AccessToken(
        person_id=person.id,
        name="A script",
        scopes=" ".join(scopes or ("read",)),
        secret_hash=digest(secret or f"secret {next(_numbers)}"),
        created_at=now,
        expires_at=now + timedelta(hours=1),
        last_used_at=None,
    )
    session.add(row)
    session.flush()
    return row


def program_sign_in(session: Session, person: Person) -> TokenFamily:
    """A program in which this person is signed in, for an hour."""
    now = datetime.now(UTC)
    row = TokenFamily(
        person_id=person.id,
        secret_hash=digest(f"secret {next(_numbers)}"),
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    session.add(row)
    session.flush()
    return row


def terminal(
    session: Session, room: Room, county_id: uuid.UUID, *, public_key: str = "x.y", removed: bool = False
) -> RoomTerminal:
    """The terminal of a room."""
    now = datetime.now(UTC)
    made = RoomTerminal(
        county_id=county_id,
        room_id=room.id,
        name=room.name,
        public_key=public_key,
        paired_at=now,
        removed_at=now if removed else None,
    )
    session.add(made)
    session.flush()
    return made


def guest_link(
    session: Session, county_id: uuid.UUID, lesson_id: uuid.UUID, role: GuestRole = GuestRole.OBSERVER
) -> GuestLink:
    """A link into a lesson, good for days."""
    now = datetime.now(UTC)
    made = GuestLink(
        county_id=county_id,
        lesson_id=lesson_id,
        role=role,
        name="Guest",
        secret_hash=uuid.uuid4().hex,
        made_at=now,
        expires_at=now + timedelta(days=3),
        uses=1,
    )
    session.add(made)
    session.flush()
    return made


def bearer(keys: Keys, person: Person, *, minutes: int = 10) -> dict[str, str]:
    """The header that signs a request as this person."""
    return {"Authorization": f"Bearer {issue_person_token(keys, person, minutes)}"}


def sign_in(client: TestClient, person: Person) -> dict[str, str]:
    """The same through the real door."""
    answer = client.post("/api/v1/token", data={"username": person.login, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def feed(session: Session, owner: Person) -> CalendarFeed:
    """A calendar feed of this person's own lessons; nobody knows its secret."""
    row = CalendarFeed(
        county_id=owner.county_id,
        whose=Whose.PERSON,
        subject_id=owner.id,
        language=Language.ENGLISH,
        secret_hash=digest(f"feed {next(_numbers)}"),
        owner_id=owner.id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return row


def notice(session: Session, reader: Person, *, told_at: datetime | None = None) -> Notice:
    """A notice to this person of a lesson that was cancelled."""
    told_at = told_at or datetime.now(UTC)
    lesson = {
        "date": "2026-09-07",
        "period": 1,
        "starts_at": "2026-09-07T00:00:00+00:00",
        "ends_at": "2026-09-07T00:40:00+00:00",
        "title": "Grade 3 English",
        "main_room_id": str(uuid.uuid4()),
        "teacher_id": str(reader.id),
        "sites": [],
    }
    item = {"kind": "cancelled", "lesson_id": None, "entry_id": None, "before": lesson, "after": lesson}
    row = Notice(
        county_id=reader.county_id,
        person_id=reader.id,
        act_id=uuid.uuid4(),
        kind=ChangeKind.CANCELLED,
        at=told_at,
        told_at=told_at,
        reason="Snow",
        changes=1,
        items=[item],
        read_at=None,
    )
    session.add(row)
    session.flush()
    return row


def webhook(session: Session, county: OrgUnit, *, url: str = "https://oa.example.org/tongtang") -> Webhook:
    """A webhook of a county."""
    row = Webhook(county_id=county.id, url=url, name="OA", created_at=datetime.now(UTC))
    session.add(row)
    session.flush()
    return row


def delivery(session: Session, to: Webhook, *, now: datetime | None = None) -> Delivery:
    """Something that waits to be sent to a webhook."""
    row = delivering.delivery_of(to.id, "{}", now or datetime.now(UTC))
    session.add(row)
    session.flush()
    return row
