"""Agreements: what they cover and when two of them collide, compared with looking at every day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.pairings.rules import Terms, first_uncovered_day

SUBJECTS = ["English", "Music", "Art"]
START = date(2026, 9, 1)

subjects = st.frozensets(st.sampled_from(SUBJECTS))
offsets = st.integers(0, 12)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    first, last = sorted(draw(st.tuples(offsets, offsets)))
    return Terms(draw(subjects), START + timedelta(first), START + timedelta(last))


def lessons_allowed(agreement: Terms) -> set[tuple[str, date]]:
    """The oracle: every subject on every day that the agreement names."""
    length = (agreement.valid_to - agreement.valid_from).days + 1
    days = [agreement.valid_from + timedelta(day) for day in range(length)]
    return {(subject, day) for subject in agreement.subjects or SUBJECTS for day in days}


@given(terms(), terms())
def test_agreements_collide_when_both_allow_the_same_lesson(one: Terms, other: Terms) -> None:
    expected = bool(lessons_allowed(one) & lessons_allowed(other))
    assert one.collide_with(other) == other.collide_with(one) == expected


@given(terms(), st.sampled_from(SUBJECTS), st.sets(offsets.map(lambda day: START + timedelta(day))))
def test_an_agreement_covers_all_the_days_or_none(agreement: Terms, subject: str, days: set[date]) -> None:
    wanted = {(subject, day) for day in days}
    assert agreement.cover(subject, days) == (
        wanted <= lessons_allowed(agreement) and (bool(days) or subject in (agreement.subjects or SUBJECTS))
    )


@given(
    st.lists(terms(), max_size=4),
    st.sampled_from(SUBJECTS),
    st.sets(offsets.map(lambda day: START + timedelta(day))),
)
def test_the_first_uncovered_day_is_found(agreements: list[Terms], subject: str, days: set[date]) -> None:
    allowed = set().union(*map(lessons_allowed, agreements))
    uncovered = sorted(day for day in days if (subject, day) not in allowed)
    assert first_uncovered_day(agreements, subject, days) == (uncovered[0] if uncovered else None)
