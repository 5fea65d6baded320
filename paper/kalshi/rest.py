"""The venue's HTTP routes over the exchange. Paths, parameters, bodies and codes are the recorded ones.

Reads of the account answer as of `now − lag` (see `history`). Market data never lags: on the venue it is a different
service. `order`, `fill` and `position` reads, the create and the cancel want a signature; public market data does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from paper.core.filling import PLAIN, Filling
from paper.core.metrics import Metrics
from paper.core.records import Order
from paper.kalshi import refusals, request, wire
from paper.kalshi.exchange import Exchange
from paper.kalshi.listing import Listing
from paper.kalshi.paging import answer, cursor_of, encode_cursor, integer_of, limit_of, page_of, window_of
from paper.kalshi.placing import create
from venues.kalshi.frames import count_text, price_text

PREFIX = "/trade-api/v2"
PUBLIC = (f"{PREFIX}/markets", f"{PREFIX}/events", f"{PREFIX}/series", f"{PREFIX}/exchange")

LAG = web.RequestKey("lag", int)  # microseconds; set by a fault for one request
FILLING = web.RequestKey("filling", Filling)  # how an order is filled; a fault may want it otherwise

_SETTLED = {"unsettled": False, "settled": True, "all": None}
_STATUSES = ("unopened", "open", "paused", "closed", "settled")


def is_public(method: str, path: str) -> bool:
    return method == "GET" and path.startswith(PUBLIC) and not path.endswith("/orderbook")


class Playing(Protocol):
    """The session that plays: its first and last moment, in the exchange's microseconds."""

    @property
    def window(self) -> tuple[int, int]: ...


class Routes:
    """`lag` is the configured read lag in microseconds; a fault may set another for one request (`LAG`). `timer` is the
    settlement timer, microseconds too; `since` says from which moment on orders and fills are not history yet,
    `due` is told when an order that ends by itself was taken."""

    def __init__(  # noqa: PLR0917 - the parts of one server
        self,
        exchange: Exchange,
        playback: Playing,
        metrics: Metrics,
        lag: int,
        timer: int,
        since: Callable[[], int] = lambda: 0,
        due: Callable[[], None] = lambda: None,
    ) -> None:
        self._exchange = exchange
        self._playback = playback
        self._metrics = metrics
        self._lag = lag
        self._timer = timer
        self._since = since
        self._due = due

    def add_to(self, app: web.Application) -> None:
        get, post, delete = app.router.add_get, app.router.add_post, app.router.add_delete
        post(f"{PREFIX}/portfolio/events/orders", self.create_order)
        delete(f"{PREFIX}/portfolio/events/orders/{{order_id}}", self.cancel_order)
        post(f"{PREFIX}/portfolio/orders", self.retired)
        delete(f"{PREFIX}/portfolio/orders/{{order_id}}", self.retired)
        get(f"{PREFIX}/portfolio/orders", self.list_orders)
        get(f"{PREFIX}/portfolio/orders/{{order_id}}", self.get_order)
        get(f"{PREFIX}/portfolio/fills", self.list_fills)
        get(f"{PREFIX}/portfolio/positions", self.positions)
        get(f"{PREFIX}/portfolio/balance", self.balance)
        get(f"{PREFIX}/portfolio/settlements", self.settlements)
        get(f"{PREFIX}/markets", self.list_markets)
        get(f"{PREFIX}/markets/{{ticker}}", self.get_market)
        get(f"{PREFIX}/markets/{{ticker}}/orderbook", self.orderbook)
        get(f"{PREFIX}/historical/markets/{{ticker}}", self.get_market)
        get(f"{PREFIX}/events/{{ticker}}", self.get_event)
        get(f"{PREFIX}/series/{{ticker}}", self.get_series)
        get(f"{PREFIX}/exchange/user_data_timestamp", self.user_data_timestamp)

    # -- orders -----------------------------------------------------------------------------------------------------

    async def create_order(self, http: web.Request) -> web.Response:
        body = await http.read()
        try:
            wanted = self._parsed(body)
            order = create(self._exchange, wanted, body, http.get(FILLING, PLAIN))
        except refusals.Refusal as refusal:
            self._metrics.orders.labels(refusal.code).inc()
            raise
        self._metrics.orders.labels(_outcome(order)).inc()
        if order.expires_at:
            self._due()
        return answer(wire.created(order), 201)

    def _parsed(self, body: bytes) -> request.OrderRequest:
        try:
            return request.parse(body)
        except refusals.Refusal:
            self._exchange.receive(request.client_order_id(body), body)
            raise

    async def cancel_order(self, http: web.Request) -> web.Response:
        gone = self._exchange.cancel(http.match_info["order_id"])
        return answer(wire.cancelled(gone))

    async def retired(self, http: web.Request) -> web.Response:
        raise refusals.retired()

    # -- the account, as of a moment --------------------------------------------------------------------------------

    async def get_order(self, http: web.Request) -> web.Response:
        latest = self._exchange.store.order(http.match_info["order_id"])
        shown = None if latest is None else self._exchange.history.order(latest, self._as_of(http))
        if shown is None or not self._lives(shown):
            raise refusals.not_found()
        return answer({"order": wire.order(shown, self._exchange.user_id)})

    async def list_orders(self, http: web.Request) -> web.Response:
        as_of, query = self._as_of(http), http.query
        status = query.get("status") or None
        if status not in (None, "resting", "canceled", "executed"):
            raise refusals.query("GetOrders", "Status", "oneof")
        limit = limit_of(http, "GetOrders")
        latest = self._exchange.store.orders(
            ticker=query.get("ticker") or None,
            status=status,
            changed_after=as_of,  # these may have had another status then
            created=window_of(http, "GetOrders", as_of),
            before=cursor_of(http),
        )
        versions = (self._exchange.history.order(order, as_of) for order in latest)
        chosen = (o for o in versions if o is not None and status in (None, o.status) and self._lives(o))
        page, cursor = page_of(chosen, limit)
        return answer({"cursor": cursor, "orders": [wire.order(order, self._exchange.user_id) for order in page]})

    async def list_fills(self, http: web.Request) -> web.Response:
        limit = limit_of(http, "GetFills")
        found = self._exchange.store.fills(
            ticker=http.query.get("ticker") or None,
            order_id=http.query.get("order_id") or None,
            at=window_of(http, "GetFills", self._as_of(http)),
            before=cursor_of(http),
        )
        since = self._since()
        page, cursor = page_of((fill for fill in found if fill.at >= since), limit)
        return answer({"cursor": cursor, "fills": [wire.fill(fill) for fill in page]})

    async def positions(self, http: web.Request) -> web.Response:
        view = self._exchange.history.account(self._as_of(http))
        status = http.query.get("settlement_status") or "unsettled"
        if status not in _SETTLED:
            raise refusals.query("GetPositions", "SettlementStatus", "oneof")
        return answer(wire.positions(view, _SETTLED[status]))

    async def balance(self, http: web.Request) -> web.Response:
        as_of = self._as_of(http)
        return answer(wire.balance(self._exchange.history.account(as_of), as_of))

    async def settlements(self, http: web.Request) -> web.Response:
        limit = limit_of(http, "GetSettlements")
        found = self._exchange.store.settlements(
            ticker=http.query.get("ticker") or None,
            at=window_of(http, "GetSettlements", self._as_of(http)),
            before=cursor_of(http),
        )
        page, cursor = page_of(found, limit)
        return answer({"cursor": cursor, "settlements": [wire.settlement(row) for row in page]})

    async def user_data_timestamp(self, http: web.Request) -> web.Response:
        return answer({"as_of_time": wire.instant(self._as_of(http))})

    def _lives(self, order: Order) -> bool:
        """Whether an order is listed among the living: it works, or ended since the cut-off."""
        return order.status == "resting" or order.updated_at >= self._since()

    def _as_of(self, http: web.Request) -> int:
        lag: int = http.get(LAG, self._lag)
        return self._exchange.now() - lag

    # -- markets ----------------------------------------------------------------------------------------------------

    async def list_markets(self, http: web.Request) -> web.Response:
        limit = limit_of(http, "GetMarkets")
        query = http.query
        wanted = set(filter(None, query.get("tickers", "").split(",")))
        status = query.get("status") or None
        if status is not None and status not in _STATUSES:
            raise refusals.query("GetMarkets", "Status", "oneof")
        chosen = [
            listing
            for listing in self._exchange.listings.all()
            if (not wanted or listing.ticker in wanted)
            and query.get("event_ticker") in (None, "", listing.spec.event)
            and query.get("series_ticker") in (None, "", wire.series_of(listing.spec.event))
            and status in (None, listing.filter)
        ]
        start = cursor_of(http) or 0
        page = chosen[start : start + limit]
        more = start + limit < len(chosen)
        return answer(
            {"cursor": encode_cursor(start + limit) if more else "", "markets": [self._market(one) for one in page]}
        )

    async def get_market(self, http: web.Request) -> web.Response:
        return answer({"market": self._market(self._known(http))})

    async def orderbook(self, http: web.Request) -> web.Response:
        ticker = self._known(http).ticker
        depth = integer_of(http, "depth", ("GetMarketOrderbook", "Depth"), 0, 100) or None
        book = self._exchange.levels(ticker)
        sides = {
            f"{side}_dollars": [[price_text(p), count_text(s)] for p, s in _deepest(book[side], depth)]
            for side in ("no", "yes")
        }
        return answer({"orderbook_fp": sides})

    async def get_event(self, http: web.Request) -> web.Response:
        ticker = http.match_info["ticker"]
        listed = self._exchange.listings.of_event(ticker)
        if not listed:
            raise refusals.api(404, "not_found")
        event = wire.event(ticker, [listing.spec for listing in listed])
        markets = [self._market(listing) for listing in listed]
        if http.query.get("with_nested_markets") == "true":
            # In both places: the outer list is deprecated and still required by the venue's own client.
            return answer({"event": event | {"markets": markets}, "markets": markets})
        return answer({"event": event, "markets": markets})

    async def get_series(self, http: web.Request) -> web.Response:
        ticker = http.match_info["ticker"]
        for listing in sorted(self._exchange.listings.all(), key=lambda listing: -listing.opened_at):
            if wire.series_of(listing.spec.event) == ticker:
                return answer({"series": wire.series(ticker, listing.spec)})
        raise refusals.api(404, "not_found")

    def _known(self, http: web.Request) -> Listing:
        listing = self._exchange.listings.get(http.match_info["ticker"])
        if listing is None:
            raise refusals.api(404, "not_found")
        return listing

    def _market(self, listing: Listing) -> dict[str, Any]:
        held = self._exchange.account.positions.get(listing.ticker)
        return wire.market(
            listing,
            bid=self._exchange.best(listing.ticker, "bid"),
            ask=self._exchange.best(listing.ticker, "ask"),
            last_price=held.last_price if held else 0,
            closes=self._playback.window[1],
            timer=self._timer,
        )


def _outcome(order: Order) -> str:
    if order.status == "resting":
        return "resting"
    if not order.filled:
        return "unfilled"
    return "filled" if order.status == "executed" else "partly_filled"


def _deepest(levels: list[tuple[int, int]], depth: int | None) -> list[tuple[int, int]]:
    return levels if depth is None else levels[-depth:]
