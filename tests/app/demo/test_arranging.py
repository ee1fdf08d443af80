"""The demo's period lies around now, at any time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.demo.arranging import Slot


@given(st.integers(0, 2 * 366 * 24 * 60))
def test_now_is_well_inside_the_period(minutes: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=minutes % 60)
    slot = Slot.around(now)
    zone = ZoneInfo(slot.zone)
    starts_at, ends_at = (
        datetime.combine(slot.day, time.fromisoformat(clock), zone)
        for clock in (slot.starts_at, slot.ends_at)
    )
    assert (now - starts_at).total_seconds() >= 20 * 60
    assert (ends_at - now).total_seconds() >= 19 * 60
    first, last = (date.fromisoformat(day) for day in slot.days)
    for other_zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert first <= now.astimezone(ZoneInfo(other_zone)).date() <= last
