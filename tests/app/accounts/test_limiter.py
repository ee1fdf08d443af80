"""The bounds on sign-ins, without signing in."""

import threading

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond

from app.accounts import limiter
from app.accounts.limiter import Bounds, Memory, SignInLimits
from app.guard.addresses import network_of
from tests.patience import PATIENCE

HERE, THERE = "10.0.0.1", "10.0.0.2"


def limits(pair: int = 100, address: int = 100, account: int = 100) -> SignInLimits:
    return SignInLimits(
        Bounds(
            RateLimitItemPerMinute(pair, 5, namespace="pair"),
            RateLimitItemPerMinute(address, 5, namespace="address"),
            RateLimitItemPerMinute(account, 15, namespace="account"),
        )
    )


def wait(bound: SignInLimits, login: str, address: str) -> float:
    refusal = bound.attempt(login, address)
    return refusal.wait if refusal else 0.0


def test_an_account_is_tried_so_often_from_one_place() -> None:
    bound = limits(pair=2)
    waits = [wait(bound, "wang", HERE) for _ in range(3)]
    assert waits[:2] == [0.0, 0.0]
    assert 290 < waits[2] <= 301
    assert wait(bound, "wang", THERE) == 0.0
    assert wait(bound, "zhao", HERE) == 0.0


def test_success_begins_anew() -> None:
    bound = limits(pair=2)
    for _ in range(10):
        assert wait(bound, "wang", HERE) == 0.0
        bound.accepted("wang", HERE)


def test_an_address_gets_so_many_passwords_wrong_whatever_the_account() -> None:
    bound = limits(address=3)
    for number in range(3):
        assert wait(bound, f"person{number}", HERE) == 0.0
        bound.refused(f"person{number}", HERE)
    assert wait(bound, "somebody", HERE) > 0
    assert wait(bound, "somebody", THERE) == 0.0


def test_a_whole_county_signs_in_from_one_address() -> None:
    bound = limits(address=3)
    for number in range(100):
        assert wait(bound, f"person{number}", HERE) == 0.0
        bound.accepted(f"person{number}", HERE)


def test_an_account_is_guessed_at_so_often_from_everywhere_until_somebody_vouches_for_it() -> None:
    bound = limits(account=3)
    for number in range(3):
        assert wait(bound, "wang", f"10.0.1.{number}") == 0.0
        bound.refused("wang", f"10.0.1.{number}")
    assert wait(bound, "wang", HERE) > 0
    bound.unlock("wang")
    assert wait(bound, "wang", HERE) == 0.0


def test_a_window_passes() -> None:
    bound = SignInLimits(Bounds(pair=RateLimitItemPerSecond(1, namespace="pair")))
    assert wait(bound, "wang", HERE) == 0.0
    assert wait(bound, "wang", HERE) >= 1.0


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


def test_unlocking_forgets_what_was_tried_from_everywhere() -> None:
    bound = limits(pair=1, account=2)
    for address in (HERE, THERE):
        wait(bound, "wang", address)
        bound.refused("wang", address)
    assert wait(bound, "wang", HERE) > 0
    bound.unlock("wang")
    assert [wait(bound, "wang", address) for address in (HERE, THERE)] == [0.0, 0.0]


def test_strangers_do_not_choose_how_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MOST_PAIRS", 100)
    bound = limits(pair=1)
    for number in range(300):
        assert wait(bound, f"login{number}", HERE) == 0.0
    assert len(bound._pairs) == 100
    assert wait(bound, "login299", HERE) > 0


def test_nothing_is_forgotten_while_the_librarys_thread_looks_at_it() -> None:
    memory, forgotten = Memory(), threading.Event()

    def forget() -> None:
        memory.clear("wang")
        forgotten.set()

    with memory.locks["wang"]:  # as that thread holds it between looking and taking out what is over
        thread = threading.Thread(target=forget)
        thread.start()
        assert not forgotten.wait(0.05)
        memory.events["wang"] = []
    thread.join(PATIENCE)
    assert forgotten.is_set()
    assert "wang" not in memory.events
