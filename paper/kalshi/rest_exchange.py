"""Routes that speak of the exchange as a whole, of the account's standing there, and of what ended long ago.

History begins at the cut-off: orders that ended and fills that happened before it are listed under `/historical` alone,
settled markets in both places. Working orders never are history. Source: docs.kalshi.com, GET /historical/cutoff.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from paper.core.book import ONE
from paper.core.records import FillRow
from paper.kalshi import refusals, wire
from paper.kalshi.exchange import Exchange
from paper.kalshi.listing import Listing
from paper.kalshi.paging import answer, cursor_of, limit_of, page_of, window_of
from venues.kalshi.frames import count_text, price_text

PREFIX = "/trade-api/v2"

_COSTS = (
    ("DELETE", "/portfolio/events/orders/:order_id", 2),
    ("DELETE", "/portfolio/events/orders/batched", 2),
    ("GET", "/portfolio/orders/:order_id", 2),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FOREVER = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")


class ExchangeRoutes:
    """`keys` are the ids of the keys that may trade; `horizon` is how long ago history begins, microseconds."""

    def __init__(self, exchange: Exchange, keys: tuple[str, ...], horizon: int) -> None:
        self._exchange = exchange
        self._keys = keys
        self._horizon = horizon

    def add_to(self, app: web.Application) -> None:
        get = app.router.add_get
        get(f"{PREFIX}/exchange/status", self.status)
        get(f"{PREFIX}/exchange/schedule", self.schedule)
        get(f"{PREFIX}/exchange/announcements", self.announcements)
        get(f"{PREFIX}/series/fee_changes", self.no_fee_changes)
        get(f"{PREFIX}/account/limits", self.limits)
        get(f"{PREFIX}/account/endpoint_costs", self.costs)
        get(f"{PREFIX}/api_keys", self.api_keys)
        get(f"{PREFIX}/markets/trades", self.trades)
        get(f"{PREFIX}/markets/orderbooks", self.orderbooks)
        get(f"{PREFIX}/historical/cutoff", self.cutoff)
        get(f"{PREFIX}/historical/orders", self.historical_orders)
        get(f"{PREFIX}/historical/fills", self.historical_fills)
        get(f"{PREFIX}/historical/trades", self.historical_trades)

    def since(self) -> int:
        """The cut-off, microseconds: nothing that ended before it is listed among the living."""
        return max(0, self._exchange.now() - self._horizon)

    # -- the exchange -----------------------------------------------------------------------------------------------

    async def status(self, http: web.Request) -> web.Response:
        opening, up = self._exchange.office.opening, not self._exchange.failed
        body: dict[str, Any] = {
            "exchange_active": up and opening.active,
            "trading_active": up and opening.active and opening.trading,
        }
        if opening.resumes_at:
            body["exchange_estimated_resume_time"] = wire.instant(opening.resumes_at)
        return answer(body)

    async def schedule(self, http: web.Request) -> web.Response:
        """Open round the clock; what is closed are the windows the operator announced."""
        whole = [{"open_time": "00:00", "close_time": "00:00"}]
        week: dict[str, Any] = {"start_time": _FOREVER[0], "end_time": _FOREVER[1]} | dict.fromkeys(_DAYS, whole)
        windows = [
            {"start_datetime": wire.instant(one.start), "end_datetime": wire.instant(one.end)}
            for one in self._exchange.office.opening.windows
        ]
        return answer({"schedule": {"standard_hours": [week], "maintenance_windows": windows}})

    async def announcements(self, http: web.Request) -> web.Response:
        told = [
            {"type": one.kind, "message": one.message, "delivery_time": wire.instant(one.at), "status": "active"}
            for one in self._exchange.office.opening.notices
        ]
        return answer({"announcements": told})

    async def no_fee_changes(self, http: web.Request) -> web.Response:
        """Fees of a session never change."""
        return answer({"series_fee_change_arr": []})

    # -- the account's standing -------------------------------------------------------------------------------------

    async def limits(self, http: web.Request) -> web.Response:
        # A simulator has no reason to make a client wait: the largest tier's budget.
        bucket = {"bucket_capacity": 4000, "refill_rate": 4000}
        return answer({"grants": [], "read": bucket, "usage_tier": "prime", "write": bucket})

    async def costs(self, http: web.Request) -> web.Response:
        listed = [{"cost": cost, "method": method, "path": f"{PREFIX}{path}"} for method, path, cost in _COSTS]
        return answer({"default_cost": 10, "endpoint_costs": listed})

    async def api_keys(self, http: web.Request) -> web.Response:
        keys = [{"api_key_id": key, "name": "paper", "scopes": ["read", "write::trade"]} for key in sorted(self._keys)]
        return answer({"api_keys": keys})

    # -- market data for everybody ----------------------------------------------------------------------------------

    async def trades(self, http: web.Request) -> web.Response:
        """Our own trades: the recording's are not prints of this exchange."""
        return self._trades(http, (self.since(), self._exchange.now()))

    async def historical_trades(self, http: web.Request) -> web.Response:
        return self._trades(http, (0, self.since() - 1))

    def _trades(self, http: web.Request, span: tuple[int, int]) -> web.Response:
        limit, (low, high) = limit_of(http, "GetTrades"), window_of(http, "GetTrades", span[1])
        found = self._exchange.store.fills(
            ticker=http.query.get("ticker") or None, at=(max(low, span[0]), high), before=cursor_of(http)
        )
        rows, cursor = page_of(found, limit)
        return answer({"cursor": cursor, "trades": [_print(row) for row in rows]})

    async def orderbooks(self, http: web.Request) -> web.Response:
        """Up to a hundred books at once, by `tickers` (repeated, or one list with commas)."""
        asked = [ticker for text in http.query.getall("tickers", []) for ticker in text.split(",") if ticker]
        if not asked:
            raise refusals.query("GetMarketOrderbooks", "Tickers", "required")
        if len(asked) > 100:
            raise refusals.query("GetMarketOrderbooks", "Tickers", "max")
        listed = [one for one in map(self._exchange.listings.get, dict.fromkeys(asked)) if one is not None]
        return answer({"orderbooks": [{"ticker": one.ticker, "orderbook_fp": self._book(one)} for one in listed]})

    def _book(self, listing: Listing) -> dict[str, list[list[str]]]:
        book = self._exchange.levels(listing.ticker)
        return {f"{side}_dollars": [[price_text(p), count_text(s)] for p, s in book[side]] for side in ("no", "yes")}

    # -- history ----------------------------------------------------------------------------------------------------

    async def cutoff(self, http: web.Request) -> web.Response:
        since = wire.instant(self.since())
        names = ("market_positions_last_updated_ts", "market_settled_ts", "orders_updated_ts", "trades_created_ts")
        return answer(dict.fromkeys(names, since))

    async def historical_orders(self, http: web.Request) -> web.Response:
        limit, since = limit_of(http, "GetHistoricalOrders"), self.since()
        listed = self._exchange.store.orders(
            ticker=http.query.get("ticker") or None,
            created=window_of(http, "GetHistoricalOrders", self._exchange.now()),
            before=cursor_of(http),
        )
        old = (order for order in listed if order.status != "resting" and order.updated_at < since)
        rows, cursor = page_of(old, limit)
        return answer({"cursor": cursor, "orders": [wire.order(row, self._exchange.user_id) for row in rows]})

    async def historical_fills(self, http: web.Request) -> web.Response:
        limit, (low, high) = (
            limit_of(http, "GetHistoricalFills"),
            window_of(http, "GetHistoricalFills", self.since() - 1),
        )
        found = self._exchange.store.fills(
            ticker=http.query.get("ticker") or None, at=(low, high), before=cursor_of(http)
        )
        rows, cursor = page_of(found, limit)
        return answer({"cursor": cursor, "fills": [wire.fill(row) for row in rows]})


def _print(row: FillRow) -> dict[str, Any]:
    """A public trade; the taker's side is the fill's own if we took, the other one if we made."""
    bought = (row.side == "bid") == row.is_taker
    return {
        "count_fp": count_text(row.count),
        "created_time": wire.instant(row.at),
        "is_block_trade": False,
        "no_price_dollars": price_text(ONE - row.price),
        "taker_book_side": "bid" if bought else "ask",
        "taker_outcome_side": "yes" if bought else "no",
        "taker_side": "yes" if bought else "no",
        "ticker": row.ticker,
        "trade_id": row.trade_id,
        "yes_price_dollars": price_text(row.price),
    }
