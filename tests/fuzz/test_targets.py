"""The short run of the fuzzers: every target against its corpus and some thousand changes of it.

``make fuzz`` is the long one.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_relay.seams.datagrams import ffi
from media_relay.seams.srtp import SrtpContext, new_length
from tests.fuzz import bounds
from tests.fuzz.bounds import MOST_MEMORY, peak_memory, run_bounded
from tests.fuzz.lesson import NonceReuse, Watch
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, Target
from tests.media_relay.clients import rtp

_EXAMPLES = 50
_INPUTS = 100


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds, "a target without seeds fuzzes nothing"
    for seed in seeds:
        run_bounded(target, seed)
        assert peak_memory(target, seed) < MOST_MEMORY


@pytest.mark.parametrize("name", TARGETS)
def test_changes_of_the_corpus(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()

    @settings(max_examples=max(1, _EXAMPLES // target.weight))
    @given(seed=st.integers(0, 2**32 - 1))
    def inputs(seed: int) -> None:
        rng = Random(seed)
        for _ in range(_INPUTS):
            run_bounded(target, mutated(rng, seeds, target.longest))

    inputs()


def test_an_input_that_fails_is_told() -> None:
    def broken(data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as failed:
        run_bounded(Target(broken, ""), b"abc")
    assert "b'abc'" in failed.value.__notes__[0]


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LONGEST", 0.0)
    with pytest.raises(AssertionError, match="3 bytes took"):
        run_bounded(Target(lambda data: None, ""), b"abc")


def test_a_nonce_that_is_used_twice_is_a_finding() -> None:
    watch, context = Watch(), SrtpContext(bytes(28), 7, 16, inbound=False)
    length = new_length()

    def send(number: int, payload: bytes) -> None:
        packet = rtp(5, number, 0, payload)
        buffer = ffi.new("uint8_t[]", packet + bytes(32))
        length[0] = len(packet)
        assert watch(context.context, buffer, length) == 0

    send(65_535, b"one")
    send(0, b"two")
    send(65_535, b"one")  # sent again as it was
    with pytest.raises(NonceReuse):
        send(0, b"three")
