"""Pupil groups as a table: one row each, named by the code of their unit and their name. No pupil is named.

Those that are closed are none of it: their names may be others' by now. A class that closes some day is, until another
one has its name.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.schools import bulk
from app.schools.group_schemas import NewPupilGroup
from app.schools.groups import GroupDraft, group_in
from app.schools.models import OrgUnit, PupilGroup
from app.transfer.columns import (
    Column,
    Value,
    as_code,
    as_text,
    as_whole,
    plain,
)
from app.transfer.grades import as_grades, grades_in
from app.transfer.in_units import InUnits

COLUMNS = (
    Column("org_unit", ("单位编码", "Code of the org unit"), ("学校或教学点的编码", "Of the school or site"), as_code,
           required=True, width=18),
    Column("name", ("班级或复式班", "Group"), ("在该单位内唯一", "Unique in the unit"), as_text, required=True,
           width=24),
    Column("grades", ("年级", "Grades"), ("如 3;复式班写 1、2", "Such as 3; for a combined class 1、2 or 1-3"),
           as_grades, grades_in, required=True),
    Column("headcount", ("人数", "Pupils"), ("只填人数,不填姓名", "How many; no names"), as_whole, required=True),
)  # fmt: skip
EXAMPLES: Sequence[Sequence[Value]] = (
    ("3415240012", "三(1)班", [3], 42),
    ("3415240112", "一二年级复式班", [1, 2], 9),
)


def _group(unit: OrgUnit, new: NewPupilGroup) -> PupilGroup:
    return group_in(unit, GroupDraft(unit.id, new.name, tuple(new.grades), new.headcount))


def _there(session: Session, principal: Principal) -> Sequence[PupilGroup]:
    """One group of a name: of a class that closes some day and the one that has its name by then, the latter."""
    groups = bulk.groups_on(session, principal.county_id, principal.today)
    return list({(group.org_unit_id, plain(group.name)): group for group in groups}.values())


plan = InUnits(
    schema=NewPupilGroup,
    known_by="name",
    may_change=("grades", "headcount"),
    adds=Action.PUPIL_GROUP_ADD,
    refused_at="org_unit",
    there=_there,
    make=_group,
    store=bulk.add_groups,
).plan
"""What the rows would do to the county's pupil groups."""


def rows(session: Session, principal: Principal) -> list[Sequence[Value]]:
    """The county's pupil groups as rows."""
    codes = {unit.id: unit.code for unit in bulk.all_units(session, principal.county_id)}
    return [
        (codes[group.org_unit_id], group.name, group.grades, group.headcount)
        for group in _there(session, principal)
    ]
