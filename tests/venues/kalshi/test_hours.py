"""When the exchange trades, and when it comes back."""

from __future__ import annotations

from datetime import datetime

import pytest

from domain.errors import Unavailable
from venues.kalshi.exchange_messages import (
    ExchangeStatus,
    MaintenanceWindow,
    Schedule,
    Session,
    ShardStatus,
    WeeklyHours,
)
from venues.kalshi.hours import active_on, next_opening, next_window, pause_of, window_at


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


def hours(**days: list[Session]) -> WeeklyHours:
    whole = [Session("00:00", "24:00")]
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), whole)
    return WeeklyHours("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", **(week | days))


DOWN = ExchangeStatus(exchange_active=True, trading_active=False)
THURSDAY = Schedule(
    [hours(thursday=[Session("00:00", "03:00"), Session("05:00", "00:00")])],
    [MaintenanceWindow("2026-11-26T08:00:00Z", "2026-11-26T10:00:00Z")],
)


def test_a_trading_exchange_has_no_pause() -> None:
    up = ExchangeStatus(exchange_active=True, trading_active=True)
    assert pause_of(up, THURSDAY, at("2026-11-26T09:00:00+00:00")) is None


def test_the_venues_own_estimate_counts_before_the_schedule() -> None:
    down = ExchangeStatus(False, False, exchange_estimated_resume_time="2026-11-26T11:30:00Z")
    pause = pause_of(down, THURSDAY, at("2026-11-26T09:00:00+00:00"))
    assert pause is not None
    assert pause.until == at("2026-11-26T11:30:00+00:00")
    assert "until 2026-11-26T11:30:00Z" in str(pause)


def test_a_pause_inside_a_maintenance_window_ends_with_it() -> None:
    pause = pause_of(DOWN, THURSDAY, at("2026-11-26T08:30:00+00:00"))
    assert pause is not None
    assert (pause.until, pause.why) == (at("2026-11-26T10:00:00+00:00"), "scheduled maintenance")
    assert window_at(THURSDAY, at("2026-11-26T10:00:00+00:00")) is None
    assert next_window(THURSDAY, at("2026-11-26T10:00:00+00:00")) is None
    assert next_window(THURSDAY, 0) == (at("2026-11-26T08:00:00+00:00"), at("2026-11-26T10:00:00+00:00"))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-19T08:30:00+00:00", "2026-11-19T10:00:00+00:00"),  # winter: 5 o'clock Eastern is 10 UTC
        ("2026-07-16T08:30:00+00:00", "2026-07-16T09:00:00+00:00"),  # summer: 9 UTC
    ],
)
def test_outside_its_hours_the_exchange_comes_back_at_the_next_opening_eastern_time(now: str, opens: str) -> None:
    pause = pause_of(DOWN, Schedule(THURSDAY.standard_hours), at(now))
    assert pause is not None
    assert (pause.until, pause.why) == (at(opens), "outside the exchange's hours")


def test_a_closed_weekend_leads_to_monday_and_hours_out_of_force_to_nothing() -> None:
    weekend = Schedule([hours(saturday=[], sunday=[], monday=[Session("09:00", "17:00")])])
    assert next_opening(weekend, at("2026-11-21T12:00:00-05:00")) == at("2026-11-23T09:00:00-05:00")
    assert next_opening(Schedule([]), at("2026-11-21T12:00:00-05:00")) == 0


def test_a_halt_that_nobody_explains_has_no_end() -> None:
    pause = pause_of(DOWN, THURSDAY, at("2026-11-27T12:00:00+00:00"))
    assert pause is not None
    assert pause.until == 0
    assert "does not say until when" in str(pause)


def test_each_shard_trades_for_itself() -> None:
    status = ExchangeStatus(
        True, True, exchange_index_statuses=[ShardStatus(0, True, True), ShardStatus(2, True, trading_active=False)]
    )
    assert [active_on(status, shard) for shard in (0, 2, 7, None)] == [True, False, True, False]


def test_a_schedule_that_cannot_be_read_says_so() -> None:
    with pytest.raises(Unavailable, match="expected HH:MM"):
        next_opening(Schedule([hours(friday=[Session("noon", "later")])]), at("2026-11-20T12:00:00-05:00"))
