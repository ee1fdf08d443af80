"""A county's list of subjects, which timetables name by code, and headcounts by term, unit and grade.

What timetables and pairings call their subjects becomes the list: each such word is a code, named as the standard list
names it where that knows it. What the standard list has besides is added.
"""

import json
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "20261122_headcounts"
down_revision: str | None = "20261122_versions"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STANDARD = (
    ("Chinese", "语文", "Chinese"),
    ("Mathematics", "数学", "Mathematics"),
    ("English", "英语", "English"),
    ("Morality", "道德与法治", "Morality and law"),
    ("Science", "科学", "Science"),
    ("PE", "体育与健康", "Physical education"),
    ("Music", "音乐", "Music"),
    ("Art", "美术", "Art"),
    ("IT", "信息科技", "Information technology"),
    ("Labour", "劳动", "Labour"),
    ("Practice", "综合实践活动", "Integrated practice"),
    ("History", "历史", "History"),
    ("Geography", "地理", "Geography"),
    ("Physics", "物理", "Physics"),
    ("Chemistry", "化学", "Chemistry"),
    ("Biology", "生物学", "Biology"),
)
_FK = "fk_timetable_entries_county_id_subject"
_TRIGGER = "place_of_headcount"
_WRONG_PLACE = (
    "NOT EXISTS (SELECT 1 FROM terms t JOIN org_units u ON u.county_id = t.county_id "
    "WHERE t.id = NEW.term_id AND u.id = NEW.org_unit_id AND u.kind IN ('school', 'teaching_site'))"
)


def upgrade() -> None:
    _create_subjects()
    if not op.get_context().as_sql:
        _list_subjects(op.get_bind())
    with op.batch_alter_table("timetable_entries") as table:
        table.create_foreign_key(_FK, "subjects", ["county_id", "subject"], ["county_id", "code"])
    op.create_table(
        "headcounts",
        sa.Column("term_id", sa.Uuid(), nullable=False),
        sa.Column("org_unit_id", sa.Uuid(), nullable=False),
        sa.Column("grade", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pupils", sa.Integer(), nullable=False),
        sa.CheckConstraint("grade BETWEEN 1 AND 12", name=op.f("ck_headcounts_grade_known")),
        sa.CheckConstraint("pupils BETWEEN 0 AND 10000", name=op.f("ck_headcounts_pupils_possible")),
        sa.ForeignKeyConstraint(["term_id"], ["terms.id"], name=op.f("fk_headcounts_term_id")),
        sa.ForeignKeyConstraint(["org_unit_id"], ["org_units.id"], name=op.f("fk_headcounts_org_unit_id")),
        sa.PrimaryKeyConstraint("term_id", "org_unit_id", "grade", name=op.f("pk_headcounts")),
    )
    op.create_index(op.f("ix_headcounts_org_unit_id"), "headcounts", ["org_unit_id"])
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("headcounts")  # with its triggers
    if _is_postgresql():
        op.execute(f"DROP FUNCTION {_TRIGGER}()")
    with op.batch_alter_table("timetable_entries") as table:
        table.drop_constraint(_FK, type_="foreignkey")
    op.drop_table("subjects")


def _is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _triggers() -> list[str]:
    """Pupils are counted in a school or site of the term's own county."""
    if not _is_postgresql():
        return [
            f"CREATE TRIGGER {_TRIGGER}_{event} BEFORE {event} ON headcounts "
            f"BEGIN SELECT RAISE(ABORT, '{_TRIGGER}') WHERE {_WRONG_PLACE}; END"
            for event in ("insert", "update")
        ]
    return [
        f"CREATE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {_WRONG_PLACE} THEN "
        "RAISE EXCEPTION 'pupils are counted in a school or site of the county' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{_TRIGGER}'; END IF; RETURN NEW; END $$",
        f"CREATE TRIGGER {_TRIGGER} BEFORE INSERT OR UPDATE ON headcounts "
        f"FOR EACH ROW EXECUTE FUNCTION {_TRIGGER}()",
    ]


def _create_subjects() -> None:
    op.create_table(
        "subjects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name_zh", sa.String(length=50), nullable=False),
        sa.Column("name_en", sa.String(length=50), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["county_id"], ["org_units.id"], name=op.f("fk_subjects_county_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("county_id", "code", name=op.f("uq_subjects_county_id_code")),
        sa.UniqueConstraint("county_id", "name_zh", name=op.f("uq_subjects_county_id_name_zh")),
        sa.UniqueConstraint("county_id", "name_en", name=op.f("uq_subjects_county_id_name_en")),
    )


def _list_subjects(connection: sa.Connection) -> None:
    uuids = sa.Uuid()
    subjects = sa.table(
        "subjects", sa.column("id", uuids), *(sa.column(each) for each in ("code", "name_zh", "name_en")),
        sa.column("county_id", uuids),
    )  # fmt: skip
    units = sa.table("org_units", sa.column("id", uuids), sa.column("kind"))
    for county_id in connection.scalars(sa.select(units.c.id).where(units.c.kind == "county")).all():
        rows = [
            {"id": uuid.uuid4(), "county_id": county_id, "code": code, "name_zh": zh, "name_en": en}
            for code, zh, en in _listed(_words_of(connection, county_id))
        ]
        connection.execute(sa.insert(subjects), rows)


def _words_of(connection: sa.Connection, county_id: uuid.UUID) -> list[str]:
    """What a county's entries and agreements call their subjects."""
    found: set[str] = set()
    entries = sa.table("timetable_entries", sa.column("county_id", sa.Uuid()), sa.column("subject"))
    found |= set(
        connection.scalars(sa.select(entries.c.subject).where(entries.c.county_id == county_id).distinct())
    )
    pairings = sa.table("pairings", sa.column("county_id", sa.Uuid()), sa.column("subjects"))
    for listed in connection.scalars(sa.select(pairings.c.subjects).where(pairings.c.county_id == county_id)):
        found |= set(json.loads(listed) if isinstance(listed, str) else listed)
    return sorted(found)


def _listed(words: Sequence[str]) -> list[tuple[str, str, str]]:
    """The list of a county that used these words: no code and no name twice."""
    listed: list[tuple[str, str, str]] = []
    for word in words:
        known = next((each for each in _STANDARD if word in each), None)
        if known is not None and all(known[1] != zh for _, zh, _ in listed):
            listed.append((word, known[1], known[2]))
        else:  # two words for one subject stay two subjects, told apart by their names
            listed.append(
                (word, _free(word, [zh for _, zh, _ in listed]), _free(word, [en for *_, en in listed]))
            )
    taken = {name for each in listed for name in each}
    return listed + [each for each in _STANDARD if not taken & set(each)]


def _free(name: str, taken: Sequence[str]) -> str:
    numbered = (name, *(f"{name[:45]} {number}" for number in range(2, len(taken) + 3)))
    return next(each for each in numbered if each not in taken)
