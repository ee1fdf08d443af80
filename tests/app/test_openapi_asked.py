"""A short run of `tests.fuzz.api`: every operation, every role, what the document allows and what it does not."""

from pathlib import Path

import pytest

from tests.databases import SqliteDatabases
from tests.fuzz.api import fuzzed


@pytest.mark.filterwarnings("ignore")  # of the generator, about addresses and cookies that it makes up
def test_nothing_undocumented_is_answered_and_no_other_county_named(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    with sqlite_databases.fresh(tmp_path) as url:
        found = fuzzed(tmp_path, url, lambda _: 4, seed=1)
    assert found.wrong == {}
    assert found.requests > 90
    assert {200, 401, 403, 404, 422} <= found.statuses.keys()
