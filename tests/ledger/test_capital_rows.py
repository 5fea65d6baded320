"""What a trade holds of each venue's capital, from its record alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.evidence import Fill, FillStatus, Redemption
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from domain.orders import Purpose, Side
from domain.trade import TradeState
from ledger.capital import kept, locked, scopes, wanted
from tests.ledger.samples import START, A, B, D, fill, hedged, intent, ticket

KALSHI, POLYMARKET = Venue.KALSHI, Venue.POLYMARKET


def across() -> Intent:
    """Leg A at Kalshi, leg B at Polymarket."""
    planned = intent()
    return replace(planned, legs=(planned.legs[0], replace(planned.legs[1], venue=POLYMARKET)))


PLANNED = across()
FILLS = (fill(ticket(PLANNED, "A")), fill(ticket(PLANNED, "B", purpose=Purpose.HEDGE)))
SPENT = {one.venue: -one.cash for one in FILLS}


def rows(state: TradeState, *fills: Fill, paid: tuple[Redemption, ...] = ()) -> dict[Venue, tuple[Decimal, int | None]]:
    record = replace(hedged(PLANNED), state=state, fills=fills, redemptions=paid)
    return {row.venue: (row.reserved, row.released_at) for row in kept(PLANNED, record)}


def test_every_venue_reserves_its_own_worst_cost_in_one_order_of_locks() -> None:
    asked = wanted(PLANNED, PLANNED.id)
    assert [row.venue for row in asked] == sorted(PLANNED.venues)
    assert {row.venue: row.reserved for row in asked} == {
        venue: PLANNED.worst_cost_at(venue) for venue in (KALSHI, POLYMARKET)
    }


@pytest.mark.parametrize("state", [TradeState.LEG_B, TradeState.STUCK, TradeState.HEDGED])
def test_a_trade_that_trades_keeps_its_worst_cost(state: TradeState) -> None:
    whole = {venue: (PLANNED.worst_cost_at(venue), None) for venue in (KALSHI, POLYMARKET)}
    assert rows(state, *FILLS) == whole
    assert rows(state) == whole


def test_a_trade_at_rest_keeps_what_each_venue_has_of_it_and_a_closed_one_nothing() -> None:
    assert rows(TradeState.SETTLING, *FILLS) == {venue: (SPENT[venue], None) for venue in (KALSHI, POLYMARKET)}
    at = hedged(PLANNED).at
    assert rows(TradeState.CLOSED, *FILLS) == {venue: (D(0), at) for venue in (KALSHI, POLYMARKET)}
    assert rows(TradeState.SETTLING) == {}  # without its fills it does not say


def test_what_is_locked_is_what_this_venues_standing_fills_and_payments_leave() -> None:
    void = replace(FILLS[0], trade_id="void", status=FillStatus.VOID)
    here = Redemption(KALSHI, A, PLANNED.id, D(4), D(1), START)
    there = Redemption(POLYMARKET, B, PLANNED.id, D(10), D(1), START)
    assert locked(KALSHI, [*FILLS, void], []) == SPENT[KALSHI]
    assert locked(KALSHI, FILLS, [there]) == SPENT[KALSHI]
    assert locked(KALSHI, FILLS, [here, there]) == SPENT[KALSHI] - 4
    assert locked(POLYMARKET, FILLS, [there]) == 0  # more came back than was spent


def test_a_share_held_short_locks_its_dollar_less_what_it_was_sold_for() -> None:
    sold = fill(ticket(PLANNED, "B", side=Side.SELL))
    assert locked(POLYMARKET, [sold], []) == 10 - sold.cash


def test_the_scopes_that_are_asked_for_are_those_of_the_halts_that_cover() -> None:
    asked = scopes(PLANNED)
    assert set(asked) == {
        (Scope.STRATEGY, "pair"), (Scope.STRATEGY, "basket"),
        (Scope.VENUE, KALSHI), (Scope.MARKET, A), (Scope.MARKET, f"kalshi/{A}"),
        (Scope.VENUE, POLYMARKET), (Scope.MARKET, B), (Scope.MARKET, f"polymarket/{B}"),
    }  # fmt: skip
    assert len(asked) == len(set(scopes(intent()))) + 1
    assert all(Halt("h", Scope(scope), target, Rule.OPERATOR, "", "", 0).covers(PLANNED) for scope, target in asked)
