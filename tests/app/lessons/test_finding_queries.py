"""The statements of lists are the same whatever was imported before them."""

import subprocess
import sys

ALONE = """
from sqlalchemy.types import NullType
from app.lessons import finding_queries as queries
given = frozenset(["county_id", "room_id", "org_unit_ids"])
given |= queries._NARROWING.keys() | queries._WAYS.keys() | queries._WAYS_BY_SITE.keys()
for everywhere in (True, False):
    statement = queries._page(given, "starts_at", everywhere=everywhere, drafts=False, goes_on=True)
    print([name for name, each in statement.compile().binds.items() if isinstance(each.type, NullType)])
"""


def test_what_is_given_has_a_type_also_where_no_other_table_is_known() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]
