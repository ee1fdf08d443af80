"""Entity tags, bounds, placement and patience."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard.throttle import Throttle
from app.live.rules import NodeLoad, least_loaded, matches, new_entity_tag


@pytest.mark.parametrize(
    ("if_match", "selected"),
    [
        ('"abc"', True),
        ('"xyz", "abc"', True),
        ('"xyz","abc" , "def"', True),
        ("*", True),
        ('"*"', True),  # as printed in the examples of RFC 9725
        ('"xyz"', False),
        ('W/"abc"', False),  # weak tags never match strongly, RFC 9110 §8.8.3.2
        ("abc", False),
        ('"abc', False),
        ("", False),
    ],
)
def test_if_match_selects_by_strong_comparison(if_match: str, selected: bool) -> None:
    assert matches(if_match, '"abc"') is selected


def test_entity_tags_are_strong_and_never_the_same() -> None:
    tags = {new_entity_tag() for _ in range(100)}
    assert len(tags) == 100
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_a_field_of_blanks_costs_nothing() -> None:
    """Sixteen thousand of them once took four seconds; this many would take hours."""
    assert not matches(" " * 1_000_000 + "x", '"abc"')


@given(st.text(max_size=200))
def test_any_if_match_field_is_survived(if_match: str) -> None:
    assert matches(if_match, '"abc"') in (True, False)


def test_throttle_lets_a_burst_through_then_the_rate() -> None:
    throttle = Throttle(burst=3, per_second=2)
    assert [throttle.wait("wang", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.wait("wang", 0.0) == pytest.approx(0.5)
    assert throttle.wait("li", 0.0) == 0.0
    assert throttle.wait("wang", 0.5) == 0.0
    assert throttle.wait("wang", 0.5) == pytest.approx(0.5)


@given(st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=300))
def test_throttle_never_lets_more_through_than_burst_and_rate(gaps: list[float]) -> None:
    throttle = Throttle(burst=5, per_second=3)
    now, passed = 0.0, 0
    for gap in gaps:
        now += gap
        passed += throttle.wait("wang", now) == 0
    assert passed <= 5 + 3 * now + 1e-6


def test_throttle_remembers_a_bounded_number_of_keys() -> None:
    throttle = Throttle(burst=1, per_second=0.001, keys=2)
    for key in ("a", "b", "c"):
        assert throttle.wait(key, 0.0) == 0
    assert throttle.wait("c", 0.0) > 0
    assert throttle.wait("a", 0.0) == 0  # forgotten, hence full again


def test_the_least_loaded_node_is_chosen() -> None:
    assert least_loaded({0: NodeLoad(5), 1: NodeLoad(2), 2: NodeLoad(2)}) == 1
    assert least_loaded({}) is None


def test_stress_counts_more_than_sessions_which_are_not_equally_heavy() -> None:
    assert least_loaded({0: NodeLoad(4, 4, stress=0.6), 1: NodeLoad(40, 40, stress=0.2)}) == 1
    assert least_loaded({0: NodeLoad(4, 4, stress=0.97), 1: NodeLoad(9, 9, stress=0.9)}) == 1


def test_a_flicker_of_stress_is_no_reason() -> None:
    assert least_loaded({0: NodeLoad(5, 5, stress=0.01), 1: NodeLoad(2, 2, stress=0.03)}) == 1


def test_lessons_that_all_begin_with_the_bell_are_spread_though_nothing_was_measured_yet() -> None:
    nodes = {0: NodeLoad(0), 1: NodeLoad(30, 30, stress=0.1), 2: NodeLoad(0)}
    for _ in range(150):
        chosen = least_loaded(nodes)
        assert chosen is not None
        nodes[chosen] = replace(nodes[chosen], sessions=nodes[chosen].sessions + 1)
    assert all(45 <= load.sessions <= 75 for load in nodes.values())
    expected = [load.expected for load in nodes.values()]
    assert max(expected) - min(expected) < 0.06
