"""The shape of the county tree."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schools.rules import PARENTS, OrgUnitKind, nearest_time_zone, path_ids, path_of


@given(st.lists(st.uuids(), max_size=5))
def test_a_path_is_read_back_as_written(ids: list[uuid.UUID]) -> None:
    assert list(path_ids(path_of(ids))) == ids


@given(st.lists(st.none() | st.just("Asia/Urumqi"), max_size=3))
def test_the_nearest_time_zone_counts(below: list[str | None]) -> None:
    expected = "Asia/Urumqi" if any(below) else "Asia/Shanghai"
    assert nearest_time_zone([*below, "Asia/Shanghai"]) == expected


@pytest.mark.parametrize("kind", OrgUnitKind)
def test_parents_always_stand_higher_so_no_tree_has_a_loop(kind: OrgUnitKind) -> None:
    levels = list(OrgUnitKind)
    assert all(levels.index(parent) < levels.index(kind) for parent in PARENTS[kind])
