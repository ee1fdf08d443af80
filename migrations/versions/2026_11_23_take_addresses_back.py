"""Links that take back a mail address which an administrator put in another one's place."""

import sqlalchemy as sa
from alembic import op

revision: str = "20261123_back"
down_revision: str | None = "20261123_tied"
branch_labels: None = None
depends_on: None = None

_CHECK = "ck_mailed_links_mailpurpose"


def upgrade() -> None:
    _allow("'password', 'confirm', 'take_back'")


def downgrade() -> None:
    op.execute("DELETE FROM mailed_links WHERE purpose = 'take_back'")
    _allow("'password', 'confirm'")


def _allow(words: str) -> None:
    with op.batch_alter_table("mailed_links") as table:
        table.drop_constraint(op.f(_CHECK), type_="check")
        table.create_check_constraint(op.f(_CHECK), sa.text(f"purpose IN ({words})"))
