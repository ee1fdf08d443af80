"""Passwords: which are taken, how they are checked, and that checking them holds nobody up."""

import asyncio
import threading
import time

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.accounts import passwords
from app.accounts.passwords import PasswordDesk, check_password, hash_password, require_strong
from app.errors import Invalid, Unavailable
from tests.patience import PATIENCE, patient

_STRONG = passwords._hasher
"""As it is when this file is read: the other tests have a quicker one."""


@pytest.fixture(autouse=True)
def _of_full_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", _STRONG)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "kota-ribu-semo-lagi", "四个字的密码也可以很长吗"]
)
def test_a_few_words_are_good(password: str) -> None:
    require_strong(password, "wang", "王老师 Wang")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password.length"),
        ("x" * 129, "password.length"),
        ("1234567890", "password.guessable"),
        ("password123", "password.guessable"),
        ("qwertyuiop", "password.guessable"),
        ("aaaaaaaaaaaaaaaaaaaa", "password.guessable"),
        ("2026-11-22", "password.guessable"),
        ("wangfang-meixi", "password.guessable"),
    ],
)
def test_what_others_would_guess_is_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_strong(password, "wangfang", "王芳 Meixi")
    assert refused.value.code == code
    assert password not in refused.value.detail


def test_a_hash_is_that_of_its_password_only() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password("correct horse battery", stored) == passwords.Check(True)
    assert not check_password("correct horse", stored).matches
    assert not check_password("nobody has this password", None).matches


def test_a_hash_of_older_parameters_is_renewed() -> None:
    older = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1),)).hash("old but good")
    check = check_password("old but good", older)
    assert check.matches
    assert check.renewed is not None and check_password("old but good", check.renewed).matches


def test_checking_keeps_the_event_loop_free_and_itself_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    release, at_once, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def slow(_password: str, _stored: str | None) -> passwords.Check:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        release.wait(PATIENCE)
        with lock:
            at_once -= 1
        return passwords.Check(True)

    monkeypatch.setattr(passwords, "check_password", slow)

    async def scenario() -> None:
        desk = PasswordDesk(at_once=2, most_waiting=3)
        checks = [asyncio.create_task(desk.check("x", None)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await desk.check("x", None)
        assert refused.value.headers["Retry-After"] == "3"
        started = time.monotonic()
        await asyncio.sleep(0)
        assert time.monotonic() - started < patient(1), "the event loop was held up"
        release.set()
        assert all(check.matches for check in await asyncio.gather(*checks))
        assert (await desk.check("x", None)).matches, "places are free again"
        desk.close()

    asyncio.run(scenario())
    assert most == 2
