"""When a guardian's consent counts."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.pupils.rules import LONGEST, Term

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


@given(DAYS, st.integers(0, 4000), DAYS)
def test_a_consent_is_taken_exactly_when_it_was_given_is_in_force_and_is_not_for_ever(
    given_on: date, days: int, today: date
) -> None:
    term = Term(given_on, given_on + timedelta(days=days))
    fine = given_on <= today <= term.expires_on and timedelta(days=days) <= LONGEST
    assert (term.fault(today) is None) == fine
