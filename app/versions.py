"""Against lost updates: rows that count their changes, and changes that say which one they are based on.

    class Room(Versioned, Base): ...
    seen.require(session, room)    # in the service, once it is known that somebody may change it

The database counts, whoever writes: every UPDATE statement that SQLAlchemy makes for such a table adds one. The
check is itself an UPDATE of the change's own transaction, so of two who saw the same version only one goes on.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import literal_column, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from app.errors import PreconditionFailed


class Versioned:
    """Mixin of a table with one id whose rows count their changes.

    A change of nothing but rows that belong to this one (a schedule's periods) is counted by `Seen.require` only.
    """

    __mapper_args__: Any = {"eager_defaults": True}  # an UPDATE answers with the new number

    id: Mapped[UUID]
    version: Mapped[int] = mapped_column(
        default=1, server_default=text("1"), onupdate=literal_column("version + 1")
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """Which versions of a thing a change may be based on; None: whichever is there."""

    versions: frozenset[int] | None = None

    def require(self, session: Session, row: Versioned) -> None:
        """Count a change of a row, and keep other writers of it waiting until the transaction ends.

        Raises `PreconditionFailed` when the row is none of the versions any more. To be called before anything of the
        row is changed.
        """
        table = type(row)
        counted = update(table).where(table.id == row.id)
        if self.versions is not None:
            counted = counted.where(table.version.in_(self.versions))
        new = session.scalar(
            counted.values(version=table.version + 1).returning(table.version),
            execution_options={"synchronize_session": False},
        )
        if new is None:
            raise PreconditionFailed(
                "version.stale",
                "Changed meanwhile",
                "Somebody changed this after you looked at it, and nothing of yours was stored; look at it again.",
            )
        if new != row.version + 1:
            session.refresh(row)
        set_committed_value(row, "version", new)


ANY: Final = Seen()
"""For whoever does not say what they saw: the change is made whatever is there."""
