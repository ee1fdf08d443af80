"""Keep named pupils only under a guardian's consent in force; the database itself refuses others.

The day is that of the database, in UTC, and a county's may be one off, so it takes one day of grace; the service
is exact. SQLite drops the triggers of a table that a batch operation rebuilds: a later revision that alters one of
these tables in batch mode has to create them again.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_pupils"
down_revision: str | None = "20261122_calendar"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FORMS = ("paper", "online", "in_person")
_REASONS = ("withdrawn", "requested", "left", "expired", "renewed")
_PURPOSES = ("class_list", "recording", "growth_record")

_NO_CONSENT = """NOT EXISTS (
    SELECT 1 FROM guardian_consents AS consent
    JOIN consent_purposes AS purpose ON purpose.consent_id = consent.id
    WHERE consent.id = NEW.consent_id AND consent.ended_at IS NULL AND consent.expires_on >= {yesterday}
)"""
_STILL_NAMED = "NEW.ended_at IS NOT NULL AND EXISTS (SELECT 1 FROM pupils WHERE consent_id = NEW.id)"


def upgrade() -> None:
    _make_consents()
    _make_pupils()
    refuse = _refuse_on_postgresql if op.get_context().dialect.name == "postgresql" else _refuse_on_sqlite
    refuse("pupil_needs_consent", "pupils", "INSERT", _NO_CONSENT)
    refuse("pupil_needs_consent_still", "pupils", "UPDATE", _NO_CONSENT)
    refuse("pupil_outlives_consent", "guardian_consents", "UPDATE", _STILL_NAMED)


def downgrade() -> None:
    op.drop_table("pupils")
    op.drop_table("consent_purposes")
    op.drop_table("guardian_consents")
    if op.get_context().dialect.name == "postgresql":
        for name in ("pupil_needs_consent", "pupil_needs_consent_still", "pupil_outlives_consent"):
            op.execute(f"DROP FUNCTION {name}()")


def _word(name: str, words: Sequence[str]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=20)


def _refuse_on_postgresql(name: str, table: str, when: str, condition: str) -> None:
    test = condition.format(yesterday="CURRENT_DATE - 1")
    rule = name.removesuffix("_still")
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {test} THEN "
        f"RAISE EXCEPTION '{rule}' USING ERRCODE = 'check_violation', CONSTRAINT = '{rule}'; "
        "END IF; RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _refuse_on_sqlite(name: str, table: str, when: str, condition: str) -> None:
    test = condition.format(yesterday="date('now', '-1 day')")
    rule = name.removesuffix("_still")
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {test} BEGIN SELECT RAISE(ABORT, '{rule}'); END"
    )


def _make_consents() -> None:
    op.create_table(
        "guardian_consents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("guardian", sa.String(length=200), nullable=True),
        sa.Column("form", _word("consentform", _FORMS), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=True),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", _word("endreason", _REASONS), nullable=True),
        sa.CheckConstraint("expires_on >= given_on", name=op.f("ck_guardian_consents_days_in_order")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (guardian IS NOT NULL)",
            name=op.f("ck_guardian_consents_named_while_in_force"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_guardian_consents_ends_for_a_reason")
        ),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_guardian_consents_county_id")),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["people.id"], name=op.f("fk_guardian_consents_recorded_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardian_consents")),
    )
    op.create_index(
        op.f("ix_guardian_consents_county_id_expires_on"), "guardian_consents", ["county_id", "expires_on"]
    )
    op.create_table(
        "consent_purposes",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", _word("purpose", _PURPOSES), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"],
            ["guardian_consents.id"],
            name=op.f("fk_consent_purposes_consent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consent_id", "purpose", name=op.f("pk_consent_purposes")),
    )


def _make_pupils() -> None:
    op.create_table(
        "pupils",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.CheckConstraint("grade BETWEEN 1 AND 12", name=op.f("ck_pupils_grade_is_one")),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_pupils_county_id")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_pupils_org_unit_id")),
        sa.ForeignKeyConstraint(["consent_id"], ["guardian_consents.id"], name=op.f("fk_pupils_consent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pupils")),
        sa.UniqueConstraint("consent_id", name=op.f("uq_pupils_consent_id")),
    )
    op.create_index(op.f("ix_pupils_org_unit_id_grade"), "pupils", ["org_unit_id", "grade"])
