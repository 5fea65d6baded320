"""Finding an order again: by the venue's id, or in listings by our own id, since the venue has no look-up by that.

What ended long ago is listed under `/historical` alone; `GET /historical/cutoff` says since when it is not. So a
listing is complete for an order only if the order cannot be older than the cut-off, or the historical one was read too.
"""

from __future__ import annotations

from domain.errors import Rejected, Unavailable
from domain.evidence import Fill
from venues.kalshi.exchange_messages import HistoricalCutoff
from venues.kalshi.messages import FillRow, FillsPage, Order, OrderAnswer, OrdersPage, UserDataTimestamp
from venues.kalshi.rest import RestWire, segment
from venues.kalshi.translate import fill_from_row, micros_of, name_of

NOT_FOUND = "not_found"

_CUTOFF_TTL = 3_600_000_000  # µs; the cut-off only ever moves forward, a day at a time or slower
_FAR_AHEAD = 300_000_000  # µs; no clock of a venue leads ours by so much: such a time is a mistake
_MARGIN = 86_400_000_000  # µs; how far ahead of the last known cut-off one counts as old already


class OrderFinder:
    """Reads raise `Unavailable` when they could not be asked or understood, `Rejected` when the venue refused."""

    def __init__(self, wire: RestWire) -> None:
        self._wire = wire
        self._cutoff: tuple[int, int, int] | None = None  # asked at, orders', fills'

    async def by_id(self, order_id: str, *, market: str = "", since: int = 0) -> Order | None:
        """The order, None if the venue lists none. `since` (µs) is a moment before which it cannot have been placed,
        `market` narrows the historical listing."""
        try:
            found = (await self._wire.get(f"/portfolio/orders/{segment(order_id)}", OrderAnswer)).order
            if found.order_id != order_id:
                raise Unavailable(f"asked for order {order_id}, told of {found.order_id}; ask again", "unparseable")
            return found
        except Rejected as refused:
            if refused.code != NOT_FOUND:
                raise
        for order in await self._historical_orders(market, since):
            if order.order_id == order_id:
                return order
        return None

    async def by_name(self, market: str, client_order_id: str, *, since_s: int = 0) -> Order | None:
        """From the market's live listing, of orders created since `since_s` (seconds; 0: all)."""
        params: dict[str, str | int] = {"ticker": market}
        if since_s:
            params["min_ts"] = since_s
        for page in await self._wire.pages("/portfolio/orders", OrdersPage, params):
            for order in page.orders or ():
                if name_of(order) == client_order_id:
                    return order
        return None

    async def by_name_in_history(self, market: str, client_order_id: str, *, since: int) -> Order | None:
        """From the historical listing; it is not asked where an order placed at `since` (µs) cannot be in it yet."""
        for order in await self._historical_orders(market, since):
            if name_of(order) == client_order_id:
                return order
        return None

    async def fills_of(self, order: Order, client_order_id: str) -> tuple[Fill, ...]:
        """Every fill of the order the venue lists, each once, in time. They may lag behind the order's own count."""
        rows: dict[str, FillRow] = {}
        if order.fill_count_fp:
            listed = await self._wire.pages("/portfolio/fills", FillsPage, {"order_id": order.order_id})
            _gather(rows, listed, order)
            if sum(row.count_fp for row in rows.values()) < order.fill_count_fp and await self._fills_may_be_old(order):
                _gather(rows, await self._wire.pages("/historical/fills", FillsPage, {"ticker": order.ticker}), order)
        return in_time(tuple(fill_from_row(row, client_order_id) for row in rows.values()))

    async def fresh_at(self) -> int:
        """The venue's user-data time on our clock, in microseconds; never later than it really is.

        Where the Date header proves the venue's clock to be ahead of ours, the lead is taken off: a fast clock there
        must not make a stale listing look fresh. Nothing is fresher than its answer: a time beyond that is a clock's
        too, whoever's header did not show it. One of far beyond says nothing of the listing: 0, and nothing is absent.
        """
        stamp, answer = await self._wire.get_answer("/exchange/user_data_timestamp", UserDataTimestamp)
        lead = max(0, answer.server_at - answer.answered_at) if answer.server_at else 0
        told = micros_of(stamp.as_of_time) - lead
        return min(told, answer.answered_at) if told <= answer.answered_at + _FAR_AHEAD else 0

    async def _historical_orders(self, market: str, since: int) -> list[Order]:
        """Those of one market, or of all; none where nothing placed at `since` can have moved there."""
        cutoff, _ = await self._cutoffs()
        if since > cutoff + _MARGIN:
            return []
        params = {"ticker": market} if market else {}
        pages = await self._wire.pages("/historical/orders", OrdersPage, params)
        return [order for page in pages for order in page.orders or ()]

    async def _fills_may_be_old(self, order: Order) -> bool:
        if not order.created_time:
            return True
        _, cutoff = await self._cutoffs()
        return micros_of(order.created_time) <= cutoff + _MARGIN

    async def _cutoffs(self) -> tuple[int, int]:
        """(orders, fills): what ended, or traded, before these moments (µs) is historical."""
        now = self._wire.clock()
        if self._cutoff is None or not 0 <= now - self._cutoff[0] < _CUTOFF_TTL:
            try:
                told = await self._wire.get("/historical/cutoff", HistoricalCutoff)
            except Rejected as refused:  # nothing can be called absent while this is not known
                raise Unavailable(refused.message, "no_cutoff") from None
            self._cutoff = (now, micros_of(told.orders_updated_ts), micros_of(told.trades_created_ts))
        return self._cutoff[1], self._cutoff[2]


def in_time(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.at, fill.trade_id)))


def _gather(rows: dict[str, FillRow], pages: list[FillsPage], order: Order) -> None:
    for page in pages:
        for row in page.fills or ():
            if row.order_id == order.order_id:
                rows[row.trade_id or row.fill_id or ""] = row
