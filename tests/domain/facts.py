"""What a ledger and a venue say of one trade as planned; tests change a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.invariants import (
    Finding,
)
from domain.market import Venue
from domain.orders import Purpose, Verdict
from domain.snapshot import (
    Arrival,
    Capital,
    CashEntry,
    LedgerFacts,
    OrderFacts,
    Reservation,
    Send,
    TradeFacts,
    VenueCapital,
    VenueSnapshot,
)
from domain.trade import Outcome, TradeState
from tests.ledger.samples import OPENING, START, A, B, D, hedged, intent, order_id, ticket

PLANNED = intent()
RECORD = hedged(PLANNED)
TICKETS = (ticket(PLANNED, "A"), ticket(PLANNED, "B", purpose=Purpose.HEDGE))
SHA = {one.client_order_id: ("a" if one.leg == "A" else "b") * 64 for one in TICKETS}


def ledger(**changes: Any) -> LedgerFacts:
    """One closed, hedged trade, as the ledger has it."""
    cash = [CashEntry(Venue.KALSHI, "opening", "opening", OPENING, START)]
    cash += [CashEntry(f.venue, "fill", f"{f.trade_id}/{f.order_id}", f.cash, f.at) for f in RECORD.fills]
    whole = LedgerFacts(
        trades=(trade(),),
        orders=tuple(order(n) for n in range(2)),
        sends=tuple(Send(one.client_order_id, 1, SHA[one.client_order_id], START) for one in TICKETS),
        fills=RECORD.fills,
        cash=tuple(cash),
        positions={(Venue.KALSHI, A): D(10), (Venue.KALSHI, B): D(10)},
    )
    return replace(whole, **changes)


def trade(**changes: Any) -> TradeFacts:
    held = (Reservation(-1, PLANNED.worst_cost, D("4.00"), START), Reservation(9, D(0), D(0), START + 9))
    whole = TradeFacts(
        PLANNED.id, PLANNED, TradeState.CLOSED, Outcome.HEDGED, D(10), D(0), D(0), RECORD.pnl, D(0), 9, RECORD.at, held
    )
    return replace(whole, **changes)


def order(n: int, **changes: Any) -> OrderFacts:
    of = TICKETS[n]
    whole = OrderFacts(of, of.client_order_id, Verdict.ACCEPTED, "", "", order_id(of), of.size, True, 1, START, START)
    return replace(whole, **changes)


def held(trade_id: str = PLANNED.id, *, reserved: str = "15", cash: str = "0", **changes: Any) -> VenueCapital:
    """The venue's money with one trade holding some of it, in agreement with `ledger()`'s entries."""
    total = sum((entry.amount for entry in ledger().cash), D(0))
    row = Capital(trade_id, Venue.KALSHI, D(reserved), D(cash))
    whole = VenueCapital(Venue.KALSHI, total, D(reserved), total - D(cash) - D(reserved), (row,))
    return replace(whole, **changes)


def venue(**changes: Any) -> VenueSnapshot:
    cash = OPENING + sum((f.cash for f in RECORD.fills), D(0))
    whole = VenueSnapshot(Venue.KALSHI, cash, {A: D(10), B: D(10)}, (), RECORD.fills)
    return replace(whole, **changes)


def arrivals() -> list[Arrival]:
    return [Arrival(one.client_order_id, 1, (SHA[one.client_order_id],), START) for one in TICKETS]


def broken(finding: Finding, *texts: str) -> None:
    """The invariant is false, and its violations name each of `texts`."""
    assert finding.holds is False
    told = " | ".join(finding.violations)
    for text in texts:
        assert text in told
