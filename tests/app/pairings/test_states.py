"""The states of an agreement: people's steps and days that pass never leave the graph."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pairings.rules import GRAPH, Agreement, IllegalStep, PairingState, Side, Step

START = date(2026, 9, 1)
MAIN, SITE = frozenset({Side.MAIN}), frozenset({Side.SITE})

Event = tuple[Step, frozenset[Side], int | None]

offsets = st.integers(0, 12)
steps = st.tuples(
    st.sampled_from(Step), st.frozensets(st.sampled_from(Side), min_size=1), st.none() | st.integers(0, 5)
)
# None: a day passes.
histories = st.lists(st.none() | steps, max_size=30)


def day(offset: int) -> date:
    return START + timedelta(days=offset)


@given(offsets, offsets, histories)
def test_an_agreement_never_leaves_the_graph(one: int, other: int, history: list[Event | None]) -> None:
    agreement = Agreement(PairingState.PROPOSED, day(min(one, other) + 3), day(max(one, other) + 3))
    today, shown, accepted = START, PairingState.PROPOSED, frozenset[Side]()
    for event in history:
        if event is None:
            today += timedelta(days=1)
        else:
            step, sides, later = event
            stopped_from = None if later is None else today + timedelta(days=later)
            allowed = agreement.allowed(today)
            try:
                agreement = agreement.after(step, today, sides=sides, stopped_from=stopped_from)
            except IllegalStep as error:
                assert step not in allowed
                assert set(error.allowed) == allowed
            else:
                assert step in allowed
                accepted |= sides if step is Step.ACCEPT else frozenset()
        now = agreement.state_on(today)
        assert now is shown or now in GRAPH[shown]
        shown = now
        carried = agreement.carried
        carries_today = carried is not None and carried[0] <= today <= carried[1]
        assert carries_today == (shown is PairingState.ACTIVE)
        assert not carries_today or accepted == frozenset(Side)


@given(offsets, offsets, histories, offsets)
def test_the_days_that_are_carried_are_the_active_ones(
    one: int, other: int, history: list[Event | None], ahead: int
) -> None:
    agreement = Agreement(PairingState.APPROVED, day(min(one, other)), day(max(one, other)), frozenset(Side))
    for event in history:
        if event is not None:
            step, sides, later = event
            if step in agreement.allowed(START):
                agreement = agreement.after(step, START, sides=sides, stopped_from=day(later or 0))
    then = day(ahead)
    carried = agreement.carried
    is_carried = carried is not None and carried[0] <= then <= carried[1]
    assert is_carried == (agreement.state_on(then) is PairingState.ACTIVE)


def test_from_a_proposal_to_a_renewed_agreement() -> None:
    proposed = Agreement(PairingState.PROPOSED, day(1), day(10))
    half = proposed.after(Step.ACCEPT, START, sides=MAIN)
    assert half.state_on(START) is PairingState.PROPOSED
    accepted = half.after(Step.ACCEPT, START, sides=SITE)
    approved = accepted.after(Step.APPROVE, START)
    states = [agreement.state_on(START) for agreement in (accepted, approved)]
    assert states == [PairingState.ACCEPTED, PairingState.APPROVED]
    assert [approved.state_on(day(n)) for n in (0, 1, 10, 11)] == [
        PairingState.APPROVED,
        PairingState.ACTIVE,
        PairingState.ACTIVE,
        PairingState.ENDED,
    ]
    assert approved.state_on(day(11), renewed=True) is PairingState.RENEWED
    suspended = approved.after(Step.SUSPEND, day(4))
    assert suspended.carried == (day(1), day(3))
    assert suspended.allowed(day(4)) == {Step.RESUME, Step.END}
    assert suspended.after(Step.RESUME, day(6)) == approved
    ended = suspended.after(Step.END, day(6))
    assert (ended.carried, ended.state_on(day(6))) == ((day(1), day(3)), PairingState.ENDED)


def test_nobody_decided_in_time() -> None:
    proposed = Agreement(PairingState.PROPOSED, day(0), day(1))
    assert proposed.state_on(day(2)) is PairingState.ENDED
    with pytest.raises(IllegalStep) as refused:
        proposed.after(Step.ACCEPT, day(2), sides=MAIN)
    assert refused.value.allowed == ()


def test_a_declined_proposal_keeps_nobody_away() -> None:
    declined = Agreement(PairingState.PROPOSED, day(0), day(9)).after(Step.DECLINE, START)
    assert (declined.claimed, declined.carried) == (None, None)
    assert declined.state_on(day(3), renewed=True) is PairingState.ENDED
