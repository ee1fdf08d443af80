"""Which lessons to come stand without somebody who may teach them.

Nobody is planned who is no teacher on that day, but somebody's account may be closed and their role may end at any
time, also by a file or by the identity provider: who has left must be out at once, lessons or not.
"""

from typing import Final

from sqlalchemy import Boolean, ColumnElement, Date, String, and_, column, exists, not_, or_, select, table

from app.accounts.rules import Role
from app.database import Id, written
from app.lessons.models import Lesson
from app.lessons.rules import CHANGEABLE

_lessons = Lesson.__table__.c
_people = table("people", column("id", Id()), column("active", Boolean()))
_assignments = table(
    "assignments",
    column("person_id", Id()),
    column("role", String()),
    column("valid_from", Date()),
    column("valid_to", Date()),
)
_teaches = exists().where(
    _assignments.c.person_id == _lessons.teacher_id,
    _assignments.c.role.in_(written([Role.TEACHER])),
    _assignments.c.valid_from <= _lessons.date,
    or_(_assignments.c.valid_to.is_(None), _assignments.c.valid_to >= _lessons.date),
)
_closed = select(_people.c.id).where(not_(_people.c.active))
WITHOUT_TEACHER: Final[ColumnElement[bool]] = and_(
    _lessons.state.in_(written(CHANGEABLE)), or_(_lessons.teacher_id.in_(_closed), not_(_teaches))
)
"""Of a lesson: it is to be given, and on that day its teacher has no role of one, or their account is closed."""
