"""The bounds on sign-ins, without signing in."""

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond

from app.accounts.limiter import Bounds, SignInLimits, network_of

HERE, THERE = "10.0.0.1", "10.0.0.2"


def limits(pair: int = 100, address: int = 100, account: int = 100) -> SignInLimits:
    return SignInLimits(
        Bounds(
            RateLimitItemPerMinute(pair, 5, namespace="pair"),
            RateLimitItemPerMinute(address, 5, namespace="address"),
            RateLimitItemPerMinute(account, 15, namespace="account"),
        )
    )


def test_an_account_is_tried_so_often_from_one_place() -> None:
    bound = limits(pair=2)
    waits = [bound.attempt("wang", HERE) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert 290 < waits[2] <= 301
    assert bound.attempt("wang", THERE) == 0.0
    assert bound.attempt("zhao", HERE) == 0.0


def test_success_begins_anew() -> None:
    bound = limits(pair=2)
    for _ in range(10):
        assert bound.attempt("wang", HERE) == 0.0
        bound.accepted("wang", HERE)


def test_an_address_gets_so_many_passwords_wrong_whatever_the_account() -> None:
    bound = limits(address=3)
    for number in range(3):
        assert bound.attempt(f"person{number}", HERE) == 0.0
        bound.refused(f"person{number}", HERE)
    assert bound.attempt("somebody", HERE) > 0
    assert bound.attempt("somebody", THERE) == 0.0


def test_a_whole_county_signs_in_from_one_address() -> None:
    bound = limits(address=3)
    for number in range(100):
        assert bound.attempt(f"person{number}", HERE) == 0.0
        bound.accepted(f"person{number}", HERE)


def test_an_account_is_guessed_at_so_often_from_everywhere_until_somebody_vouches_for_it() -> None:
    bound = limits(account=3)
    for number in range(3):
        assert bound.attempt("wang", f"10.0.1.{number}") == 0.0
        bound.refused("wang", f"10.0.1.{number}")
    assert bound.attempt("wang", HERE) > 0
    bound.unlock("wang")
    assert bound.attempt("wang", HERE) == 0.0


def test_a_window_passes() -> None:
    bound = SignInLimits(Bounds(pair=RateLimitItemPerSecond(1, namespace="pair")))
    assert bound.attempt("wang", HERE) == 0.0
    assert bound.attempt("wang", HERE) >= 1.0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_of_ipv6_the_network_counts(address: str, network: str) -> None:
    assert network_of(address) == network
