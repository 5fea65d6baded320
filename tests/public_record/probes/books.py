"""A venue's account beside the ledger's books: the real comparison over several looks, and what it halts.

input:
  ledger: {cash: "95", positions: {M: "10"}, fills: [{id: t-1, side: buy, size: "10", price: "0.5"}]}
  looks:  [{cash: "95", positions: {M: "10"}, fills: […]}, …]      what the venue shows, one look after the other
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.agreement import compare_account, lasting
from domain.books import VenueBooks
from domain.evidence import Fill, FillStatus
from domain.market import Venue
from domain.orders import Side
from domain.reconcile import Trigger, stops
from domain.snapshot import VenueSnapshot
from tests.ledger.samples import START

_MARKET = "M"


def compare(given: Mapping[str, Any]) -> dict[str, Any]:
    """What lasts over all the looks, and what of it stops trading."""
    venue = Venue(given.get("at", "polymarket"))
    mine = given["ledger"]
    books = VenueBooks(
        opened_at=START,
        cash=Decimal(mine["cash"]),
        positions=_shares(mine),
        fills=_fills(mine, venue),
        orders=(),
        states={},
        open_trades=(),
    )
    looks = []
    for shown in given["looks"]:
        snapshot = VenueSnapshot(venue, Decimal(shown["cash"]), _shares(shown), (), _fills(shown, venue))
        look = compare_account(snapshot, books, {}, unknown_after_us=60_000_000, now=START + 60_000_000)
        looks.append(look.findings)
    found, moving = lasting(looks)
    halts = list(stops(list(found), next(iter(Trigger))))
    return {"findings": sorted(f.kind.value for f in found), "moving": len(moving), "halts": len(halts)}


def _shares(side: Mapping[str, Any]) -> dict[str, Decimal]:
    return {market: Decimal(n) for market, n in side.get("positions", {}).items()}


def _fills(side: Mapping[str, Any], venue: Venue) -> tuple[Fill, ...]:
    return tuple(
        Fill(
            venue=venue,
            trade_id=row["id"],
            order_id=row.get("order", "o-1"),
            client_order_id=row.get("client", ""),
            market=row.get("market", _MARKET),
            side=Side(row.get("side", "buy")),
            price=Decimal(row["price"]),
            size=Decimal(row["size"]),
            fee=Decimal(row.get("fee", "0")),
            at=START + row.get("at_s", 1) * 1_000_000,
            status=FillStatus(row.get("status", "final")),
        )
        for row in side.get("fills", ())
    )
