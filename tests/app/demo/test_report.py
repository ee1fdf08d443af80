"""The demo's last line: honest figures, and `ok` only when everybody saw and heard what they should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.report import complaint, failure, percentile, report
from app.demo.server import parse_counter
from app.demo.watching import Observation

GOOD = Observation(
    seconds=10.0,
    frames=200,
    unreadable=0,
    first_frame_ms=612.34,
    latencies_ms=tuple(float(value) for value in range(1, 101)),
    longest_freeze=0.06,
    sound_frames=498,
    sound_packets=499,
    longest_silence=0.09,
    tone_share=0.98,
    lost_packets=2,
    frames_sent=200,
    sounds_sent=500,
    longest_pause=0.0,
)


def test_figures_of_a_lesson_that_arrived() -> None:
    result = report("a-lesson", {"S1": GOOD, "S2": GOOD}, ("S1", GOOD), 42.1234)
    assert result["ok"] is True
    assert "reason" not in result
    assert [site["site"] for site in result["sites"]] == ["S1", "S2"]
    first = result["sites"][0]
    assert first["frames"] == 200
    assert first["first_frame_ms"] == 612.3
    assert (first["latency_p50_ms"], first["latency_p99_ms"]) == (50.0, 99.0)
    assert first["lost_packets"] == 2
    assert result["relay_us_per_packet"] == 42.1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first_frame_ms": None, "frames": 0, "seconds": 0.0}, "no picture"),
        ({"frames": 159}, "159 pictures"),
        ({"longest_freeze": 1.01}, "froze"),
        ({"sound_packets": 399}, "399 packets of sound"),
        ({"longest_silence": 1.01}, "broke off"),
        ({"tone_share": 0.1}, "not the sender's"),
    ],
)
def test_what_a_class_would_complain_about(change: dict[str, Any], words: str) -> None:
    bad = replace(GOOD, **change)
    assert words in (complaint(bad) or "")
    at_a_site = report("a-lesson", {"S1": GOOD, "S2": bad}, ("S1", GOOD), None)
    assert at_a_site["ok"] is False
    assert at_a_site["reason"].startswith("S2: ")
    at_the_teachers = report("a-lesson", {"S1": GOOD}, ("S1", bad), None)
    assert at_the_teachers["ok"] is False
    assert "teacher, watching S1" in at_the_teachers["reason"]


def test_what_a_busy_machine_did_not_send_is_not_missed() -> None:
    slow = replace(GOOD, frames=100, sound_frames=200, sound_packets=250, frames_sent=101, sounds_sent=252)
    assert complaint(slow) is None
    stood_still = replace(GOOD, longest_freeze=1.8, longest_silence=1.7)
    assert complaint(stood_still) is not None
    assert complaint(replace(stood_still, longest_pause=1.2)) is None


def test_a_failure_is_one_line() -> None:
    assert failure("it\n broke") == {"ok": False, "reason": "it broke"}


def test_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_percentiles_are_values_that_occurred(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= (found or 0) for value in values) >= share * len(values)


def test_counters_are_summed_over_nodes() -> None:
    text = (
        "# TYPE tongtang_relay_packets_forwarded counter\n"
        'tongtang_relay_packets_forwarded_total{node="0"} 12.0\n'
        'tongtang_relay_packets_forwarded_total{node="1"} 1.5e+03\n'
        'tongtang_relay_packets_forwarded_by_total{node="1"} 7\n'
    )
    assert parse_counter(text, "tongtang_relay_packets_forwarded") == 1512.0
    assert parse_counter(text, "tongtang_relay_cpu_seconds") == 0.0
