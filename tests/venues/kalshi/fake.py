"""A scripted Kalshi on loopback, its orders and its fills."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from domain.market import Venue
from domain.orders import OrderTicket
from tests.venues.scripted import DATE, ScriptedVenue, ticket_at

MARKET = "KXTEST-26NOV21-AAA"
EVENT = "KXTEST-26NOV21"
ROOT = "/trade-api/v2"
# Nothing of the last three months is historical yet.
CUTOFF = dict.fromkeys(
    ("market_settled_ts", "trades_created_ts", "orders_updated_ts", "market_positions_last_updated_ts"),
    "2026-08-21T00:00:00Z",
)
HISTORY: dict[str, dict[str, Any]] = {
    f"{ROOT}/historical/cutoff": CUTOFF,
    f"{ROOT}/historical/orders": {"orders": [], "cursor": ""},
    f"{ROOT}/historical/fills": {"fills": [], "cursor": ""},
}


class FakeKalshi(ScriptedVenue):
    """Paths of its script lie below /trade-api/v2."""

    root = ROOT

    def unscripted(self, path: str) -> web.Response:
        if path in HISTORY:
            return web.json_response(HISTORY[path], headers=DATE)
        return web.json_response({"error": {"code": "not_found", "message": "not found"}}, status=404)


def ticket(**changes: Any) -> OrderTicket:
    return ticket_at(Venue.KALSHI, **({"market": MARKET} | changes))


def order(asked: OrderTicket, **changes: Any) -> dict[str, Any]:
    """The order as the venue lists it, by default executed in full."""
    return {
        "order_id": "o-1",
        "client_order_id": asked.client_order_id,
        "ticker": asked.market,
        "status": "executed",
        "fill_count_fp": "10.00",
        "remaining_count_fp": "0.00",
        "initial_count_fp": "10.00",
        "book_side": "bid",
        "created_time": "2026-11-21T02:00:00Z",
        "last_update_time": "2026-11-21T02:00:00.5Z",
    } | changes


def fill(trade_id: str, count: str, **changes: Any) -> dict[str, Any]:
    return {
        "fill_id": trade_id,
        "trade_id": trade_id,
        "order_id": "o-1",
        "ticker": MARKET,
        "market_ticker": MARKET,
        "book_side": "bid",
        "outcome_side": "yes",
        "count_fp": count,
        "yes_price_dollars": "0.5600",
        "fee_cost": "0.017300",
        "is_taker": True,
        "created_time": "2026-11-21T02:00:00.25Z",
    } | changes


FRESH = "/exchange/user_data_timestamp"
ORDERS, FILLS = "/portfolio/orders", "/portfolio/fills"


def as_of(at: int) -> dict[str, str]:
    return {"as_of_time": datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")}


def orders(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"orders": list(rows), "cursor": cursor}


def fills(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"fills": list(rows), "cursor": cursor}
