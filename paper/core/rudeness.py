"""What both venues do now and then without being asked: a paper run is no politer than a real one.

Two tables, each of kinds with their share of what they could happen to. `HARMLESS` costs a client nothing that it did
not have to bear anyway: several prices and makers, better prices than shown, messages twice, late and out of order,
settlement that takes its time, balances that are cached. `HARSH` are answers that leave an outcome open or refuse
for no known reason. What would end a run or need a person (a match that fails, a market that pays otherwise, a
retired read, maintenance) happens only where a script asks for it.

`paper.rudeness` multiplies every share: 0 is polite, 1 this table, 5 five times as often. Draws come from the
exchange's seed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper.core.fault import Fault

MOST = 1000

_Row = tuple[float, dict[str, Any], dict[str, Any]]

HARMLESS: tuple[_Row, ...] = (
    (0.15, {"request": "place_order"}, {"do": "improve", "ticks": 1, "shares": "3.33"}),
    (0.15, {"request": "place_order"}, {"do": "makers", "count": 3}),
    (
        0.30,
        {"venue": "polymarket", "request": "place_order"},
        {"do": "merge", "count": 2, "ticks": 1, "shares": "2.17"},
    ),
    (0.10, {"request": "list_orders"}, {"do": "gzip"}),
    (0.02, {"request": "get_order"}, {"do": "trickle", "ms": 200}),
    (0.05, {"request": "get_order"}, {"do": "read_lag", "ms": 400}),
    (0.05, {"venue": "kalshi", "request": "list_fills"}, {"do": "read_lag", "ms": 400}),
    (0.05, {"venue": "polymarket", "request": "list_trades"}, {"do": "read_lag", "ms": 400}),
    (0.05, {"venue": "polymarket", "event": "trade"}, {"do": "duplicate"}),
    (0.05, {"venue": "polymarket", "event": "trade"}, {"do": "late", "ms": 300}),
    (0.03, {"venue": "polymarket", "event": "order"}, {"do": "reorder"}),
    (0.05, {"venue": "kalshi", "event": "private"}, {"do": "duplicate"}),
    (0.05, {"venue": "kalshi", "event": "private"}, {"do": "late", "ms": 300}),
    (0.03, {"venue": "kalshi", "event": "private"}, {"do": "reorder"}),
    (0.10, {"venue": "polymarket", "event": "settlement"}, {"do": "late", "ms": 1500}),
    (0.05, {"venue": "polymarket", "event": "settlement"}, {"do": "retry"}),
    (0.05, {"venue": "polymarket", "event": "settlement"}, {"do": "cached", "ms": 2000}),
    (0.30, {"venue": "polymarket", "event": "making"}, {"do": "company"}),
)
HARSH: tuple[_Row, ...] = (
    (0.010, {"request": "place_order"}, {"do": "refuse"}),
    (0.005, {"request": "place_order"}, {"do": "error_body", "when": "after"}),
    (0.005, {"request": "place_order"}, {"do": "no_order", "when": "after"}),
    (0.005, {"request": "place_order"}, {"do": "no_order"}),
    (0.005, {"request": "place_order"}, {"do": "html", "when": "after"}),
    (0.010, {"request": "list_orders"}, {"do": "busy"}),
    (0.005, {"request": "get_order"}, {"do": "html"}),
    (0.005, {"venue": "polymarket", "request": "place_order"}, {"do": "other_unit"}),
    (0.005, {"venue": "polymarket", "request": "place_order"}, {"do": "not_yet"}),
    (0.005, {"request": "place_order"}, {"do": "beyond"}),
    (0.0025, {"request": "place_order"}, {"do": "other_sign"}),
    (0.005, {"venue": "kalshi", "request": "place_order"}, {"do": "self_trade", "fraction": "0.5"}),
    (0.0005, {"venue": "kalshi", "event": "feed"}, {"do": "renumber"}),
)


def habits(rudeness: Decimal) -> tuple[Fault, ...]:
    """The faults of a venue's everyday, `rudeness` times as often as in the tables."""
    made = []
    for share, match, what in (*HARSH, *HARMLESS):  # the rare ones first, or the common ones would leave them none
        chance = min(1.0, share * float(rudeness))
        if chance > 0:
            made.append(Fault.model_validate({"match": match | {"probability": chance}} | what))
    return tuple(made)
