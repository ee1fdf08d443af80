"""Use cases of pupil groups: naming them, changing them, looking them up. A group is a headcount; no pupil is named."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.reach import require
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act
from app.audit.service import Subject
from app.database import new_id, violated
from app.errors import Conflict, Invalid, NotFound
from app.listing import Paging, Slice
from app.schools import queries
from app.schools.models import OrgUnit, PupilGroup
from app.schools.rules import ROOM_PLACES, RoomKind
from app.schools.service import get_org_unit, refuse_closed, require_at, target_of
from app.versions import ANY, Seen


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """A group to be named; several grades make a combined class."""

    org_unit_id: uuid.UUID
    name: str
    grades: tuple[int, ...]
    headcount: int


def add_group(session: Session, principal: Principal, draft: GroupDraft) -> PupilGroup:
    """Name a group on behalf of a bureau admin or the school's own admin."""
    unit = require_at(session, principal, Action.PUPIL_GROUP_ADD, draft.org_unit_id)
    group = create_group(session, draft)
    note_group_added(session, principal, unit.county_id, group)
    return group


def note_group_added(session: Session, principal: Principal, county_id: uuid.UUID, group: PupilGroup) -> None:
    """Tell the trail of a new group."""
    subject = Subject("pupil_group", group.id, group.org_unit_id)
    audit.note(session, Act.PUPIL_GROUP_ADDED, county_id, principal.person_id, subject, after=facts_of(group))


def facts_of(group: PupilGroup) -> dict[str, Any]:
    """What the trail keeps of a group."""
    return {"grades": group.grades, "headcount": group.headcount}


def group_in(unit: OrgUnit, draft: GroupDraft) -> PupilGroup:
    """A group as it would be in a unit, not stored yet; raises `Invalid` or `Conflict` where it may not be."""
    refuse_closed(unit)
    if unit.kind not in ROOM_PLACES[RoomKind.RECEIVING]:
        raise Invalid(
            "pupil_group.wrong_place",
            "Wrong place for pupils",
            f"Pupils belong to a school or teaching site, not to a {unit.kind.value}.",
        )
    return PupilGroup(
        id=new_id(),
        org_unit_id=unit.id,
        name=draft.name,
        grades=sorted(draft.grades),
        headcount=draft.headcount,
    )


def create_group(session: Session, draft: GroupDraft) -> PupilGroup:
    """Name a group without asking who wants it: for seeds."""
    unit = get_org_unit(session, draft.org_unit_id)
    group = group_in(unit, draft)
    with named_once(session, unit, draft.name):
        session.add(group)
    return group


@contextmanager
def named_once(session: Session, unit: OrgUnit, name: str) -> Iterator[None]:
    """What is done within may find a name taken by another group that is not closed: a `Conflict` then."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if violated(error) != "uq_pupil_groups_org_unit_id_name":
            raise
        raise Conflict(
            "pupil_group.name_taken",
            "Name taken",
            f"{unit.name} already has a group {name}. Choose another name, or close or rename that one first.",
        ) from None


def change_group(
    session: Session, principal: Principal, group_id: uuid.UUID, wanted: Mapping[str, Any], seen: Seen = ANY
) -> PupilGroup:
    """Change a group's name, grades or headcount, as a bureau admin or the school's own."""
    group = require_group(session, principal, Action.PUPIL_GROUP_CHANGE, group_id)
    seen.require(session, group)
    unit = get_org_unit(session, group.org_unit_id)
    before = facts_of(group)
    with named_once(session, unit, wanted.get("name", group.name)):
        for name, value in wanted.items():
            setattr(group, name, value)
    subject = Subject("pupil_group", group.id, unit.id)
    after = facts_of(group) | {"changed": sorted(wanted)}
    audit.note(
        session,
        Act.PUPIL_GROUP_CHANGED,
        unit.county_id,
        principal.person_id,
        subject,
        before=before,
        after=after,
    )
    return group


def show_group(session: Session, principal: Principal, group_id: uuid.UUID) -> PupilGroup:
    """One group of one's own county."""
    return require_group(session, principal, Action.PUPIL_GROUP_SHOW, group_id)


def require_group(session: Session, principal: Principal, action: Action, group_id: uuid.UUID) -> PupilGroup:
    """A group, if somebody may do this to it; raises `NotFound` or `Forbidden`."""
    missing = NotFound("pupil_group.not_found", "No such pupil group", f"There is no pupil group {group_id}.")
    group = queries.pupil_groups(session, [group_id]).get(group_id)
    if group is None:
        raise missing
    require(principal, action, target_of(get_org_unit(session, group.org_unit_id)), missing)
    return group


def list_groups(
    session: Session, principal: Principal, wanted: queries.WantedGroups, paging: Paging
) -> Slice[PupilGroup]:
    """Pupil groups of one's own county, and where the next page starts."""
    return queries.pupil_groups_page(session, principal.county_id, wanted, paging)
