"""What a link is spent on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.allocation import NO_PICTURE, Demand, allocate, importance

LAYERS = (150, 700, 2_600)


def full(bitrates: tuple[int, ...] = LAYERS) -> Demand:
    return Demand(bitrates, len(bitrates) - 1)


def test_the_preferred_stream_comes_first_then_main_board_and_the_sites() -> None:
    streams = ["site-S2", "board", "site-S1", "main"]
    assert sorted(streams, key=lambda s: importance(s, "")) == ["main", "board", "site-S1", "site-S2"]
    assert sorted(streams, key=lambda s: importance(s, "site-S2"))[:2] == ["site-S2", "main"]


def test_all_live_before_one_gets_larger_and_then_the_first_gets_most() -> None:
    assert allocate(6_000, [full(), full()]) == [2, 2]
    assert allocate(3_000, [full(), full()]) == [2, 0]
    assert allocate(1_000, [full(), full()]) == [1, 0]
    assert allocate(300, [full(), full()]) == [0, 0]
    assert allocate(200, [full(), full()]) == [0, NO_PICTURE]
    assert allocate(100, [full(), full()]) == [NO_PICTURE, NO_PICTURE]


def test_a_small_picture_lives_where_a_more_important_one_does_not_fit() -> None:
    assert allocate(500, [full((2_600,)), full()]) == [NO_PICTURE, 0]


def test_nobody_gets_more_than_it_may() -> None:
    assert allocate(9_000, [Demand(LAYERS, 1), Demand(LAYERS, NO_PICTURE), Demand((), NO_PICTURE)]) == [
        *(1, NO_PICTURE, NO_PICTURE)
    ]


@given(
    st.integers(-1_000, 10_000),
    st.lists(
        st.lists(st.integers(1, 4_000), max_size=3).map(lambda b: full(tuple(sorted(b)))),
        max_size=6,
    ),
)
def test_no_budget_is_overdrawn(budget: int, demands: list[Demand]) -> None:
    chosen = allocate(budget, demands)
    spent = sum(d.bitrates[i] for d, i in zip(demands, chosen, strict=True) if i > NO_PICTURE)
    assert spent <= max(0, budget)
