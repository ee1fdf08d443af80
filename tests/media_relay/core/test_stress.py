"""The stress of a node, second by second in made-up time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_relay.core.stress import FREE, FULL, Stress, Work

TICK = 0.02


class Machine:
    """A node that works at a given pace."""

    def __init__(self) -> None:
        self.now = 100.0
        self.cpu, self.packets, self.dropped = 3.0, 0, 0
        self.stress = Stress(self.now, Work(self.cpu, 0, 0))

    def run(
        self, seconds: float, *, busy: float = 0.1, late: float = 0.001, pps: int = 10_000, drops: int = 0
    ) -> Stress:
        stop = self.now + seconds
        while self.now < stop:
            step = TICK + late
            self.now += step
            self.cpu += busy * step
            self.packets += round(pps * step)
            self.dropped += round(drops * step)
            if self.stress.tick(late, self.now):
                self.stress.measure(Work(self.cpu, self.packets, self.dropped), self.now)
        return self.stress


def test_a_node_at_ease() -> None:
    stress = Machine().run(60)
    assert 0.05 < stress.value < 0.2
    assert not stress.full


@pytest.mark.parametrize(
    "trouble",
    [{"busy": 1.0}, {"late": 0.15}, {"pps": 160_000}, {"drops": 500}],
    ids=["busy", "late", "packets", "drops"],
)
def test_each_trouble_alone_fills_the_node_within_seconds_and_passes(trouble: dict[str, float]) -> None:
    machine = Machine()
    machine.run(10)
    assert machine.run(12, **trouble).full  # type: ignore[arg-type]
    assert machine.stress.value <= 1.0
    assert not machine.run(5).full
    assert machine.run(30).value < 0.2


def test_a_hiccup_turns_nobody_away() -> None:
    machine = Machine()
    machine.run(5)
    for hiccup in (0.2, 1.0, 30.0):
        assert not machine.run(TICK, late=hiccup).full
        machine.run(5)


def test_a_node_that_is_well_used_stays_open() -> None:
    assert not Machine().run(120, busy=0.85, late=0.010, pps=100_000).full


@given(st.lists(st.floats(0.0, 1.0), min_size=10, max_size=60))
def test_between_the_marks_the_answer_stays_as_it_was(busy: list[float]) -> None:
    machine = Machine()
    before = False
    for share in busy:
        stress = machine.run(1.0, busy=share)
        assert 0.0 <= stress.value <= 1.0
        if FREE < stress.value <= FULL:
            assert stress.full == before
        else:
            assert stress.full == (stress.value > FULL)
        before = stress.full
