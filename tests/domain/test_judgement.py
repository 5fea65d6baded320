"""Several venues are judged together: one broken promise breaks it, one account nobody could ask leaves it open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.invariants import Finding
from domain.judgement import check_venues
from domain.market import Venue
from domain.snapshot import CashEntry, LedgerFacts, VenueSnapshot

D = Decimal
KALSHI, POLYMARKET = Venue.KALSHI, Venue.POLYMARKET
LEDGER = LedgerFacts(
    trades=(),
    orders=(),
    sends=(),
    fills=(),
    cash=tuple(CashEntry(venue, "opening", "opening", D(100), 0) for venue in (KALSHI, POLYMARKET)),
    positions={},
)


def account(venue: Venue, cash: str = "100") -> VenueSnapshot:
    return VenueSnapshot(venue, D(cash), {}, (), ())


def judged(**accounts: VenueSnapshot | None) -> dict[str, Finding]:
    findings = check_venues(LEDGER, {Venue(name): seen for name, seen in accounts.items()}, ())
    return {finding.name: finding for finding in findings}


def test_two_accounts_that_agree_keep_every_promise() -> None:
    found = judged(kalshi=account(KALSHI), polymarket=account(POLYMARKET))
    assert len(found) == 7
    assert all(finding.holds for finding in found.values())


@pytest.mark.parametrize("wrong", [KALSHI, POLYMARKET])
def test_what_differs_at_one_venue_breaks_the_promise_and_names_the_venue(wrong: Venue) -> None:
    accounts = {venue: account(venue, "99" if venue is wrong else "100") for venue in (KALSHI, POLYMARKET)}
    finding = judged(**accounts)["cash_and_positions_balance"]
    assert finding.holds is False
    assert [text for text in finding.violations if text.startswith(f"{wrong} holds $99")] == list(finding.violations)


def test_a_venue_that_could_not_be_asked_leaves_its_promises_open_and_is_named() -> None:
    found = judged(kalshi=account(KALSHI), polymarket=None)
    assert found["fills_match"].holds is None
    assert "polymarket" in found["fills_match"].note
    assert found["same_bytes"].holds


def test_a_broken_promise_stays_broken_beside_a_venue_that_could_not_be_asked() -> None:
    found = judged(kalshi=account(KALSHI, "99"), polymarket=None)
    assert found["cash_and_positions_balance"].holds is False


def test_without_any_account_nothing_is_said_to_hold() -> None:
    assert judged()["fills_match"].holds is None


def test_what_the_ledger_alone_contradicts_is_told_once() -> None:
    twice = replace(LEDGER, positions={(KALSHI, "M"): D(1)})
    findings = check_venues(twice, {KALSHI: None, POLYMARKET: None}, ())
    (wrong,) = [finding for finding in findings if finding.holds is False]
    assert len(wrong.violations) == 1
