"""Keep the days on which a county does something else, the weekdays of a term, and groups of pupils."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_calendar"
down_revision: str | None = "20261122_5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Terms from before were planned on any weekday.
    op.add_column(
        "terms", sa.Column("weekdays", sa.JSON(), server_default="[1, 2, 3, 4, 5, 6, 7]", nullable=False)
    )
    op.create_table(
        "calendar_days",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "school_day",
                "holiday",
                "make_up_day",
                name="daykind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("follows_weekday", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.CheckConstraint(
            "(kind = 'make_up_day') = (follows_weekday IS NOT NULL)",
            name=op.f("ck_calendar_days_make_up_days_follow"),
        ),
        sa.CheckConstraint("follows_weekday BETWEEN 1 AND 7", name=op.f("ck_calendar_days_weekday_known")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_calendar_days_county_id")),
        sa.PrimaryKeyConstraint("county_id", "date", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "pupil_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("grades", sa.JSON(), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=False),
        sa.CheckConstraint("headcount >= 0", name=op.f("ck_pupil_groups_headcount_not_negative")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_pupil_groups_org_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pupil_groups")),
        sa.UniqueConstraint("org_unit_id", "name", name=op.f("uq_pupil_groups_org_unit_id_name")),
    )


def downgrade() -> None:
    op.drop_table("pupil_groups")
    op.drop_table("calendar_days")
    op.drop_column("terms", "weekdays")
