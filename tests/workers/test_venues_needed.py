"""No start without a venue that open trades need: they are named, and so is the setting."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from domain.market import Venue
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, hedged, intent, standing_on_a
from workers.venues_needed import VenueNeeded, check_venues


async def ledger_of_both() -> tuple[MemoryLedger, str]:
    """One trade at both venues that stands on leg A; one at Kalshi that has closed."""
    ledger = MemoryLedger()
    await ledger.start_run(RUN_ID, "demo", "paper", START, "test")
    plain = intent(1)
    a, b = plain.legs
    across = replace(plain, legs=(a, replace(b, venue=Venue.POLYMARKET)))
    for each, record in ((across, standing_on_a(across)), (intent(2), hedged(intent(2)))):
        await ledger.record_intent(each, RUN_ID)
        await ledger.record_trade(RUN_ID, each, record)
    return ledger, across.id


async def test_a_start_without_a_venue_of_an_open_trade_is_refused_and_names_the_trade() -> None:
    ledger, trade = await ledger_of_both()
    with pytest.raises(VenueNeeded) as refused:
        await check_venues(ledger, (Venue.KALSHI,), leave=False)
    assert f"{trade} STUCK, 10 shares alone" in refused.value.message
    assert 'venues: ["kalshi", "polymarket"]' in refused.value.message


async def test_a_start_with_every_venue_that_is_needed_is_not() -> None:
    ledger, _ = await ledger_of_both()
    await check_venues(ledger, (Venue.KALSHI, Venue.POLYMARKET), leave=False)
    await check_venues(MemoryLedger(), (Venue.KALSHI,), leave=False)


async def test_who_is_told_to_leave_them_starts_and_says_so() -> None:
    ledger, trade = await ledger_of_both()
    with structlog.testing.capture_logs() as lines:
        await check_venues(ledger, (Venue.KALSHI,), leave=True)
    assert [line["trade"] for line in lines] == [trade]
