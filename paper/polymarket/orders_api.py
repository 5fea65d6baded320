"""The routes that take, cancel and list orders and trades. Every one of them is signed (L2)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from domain.errors import Rejected
from paper.core.filling import PLAIN, Filling
from paper.core.metrics import Metrics
from paper.polymarket import refusals, wire
from paper.polymarket.answers import FILLING, KEY, LAG, answer, document
from paper.polymarket.clock import Clock
from paper.polymarket.desk import Admitted, Desk
from paper.polymarket.exchange import Clob
from paper.polymarket.lagging import order_at, trade_at
from paper.polymarket.limits import Limits
from paper.polymarket.records import ApiKey, ClobOrder, ClobTrade
from venues.polymarket.proof import Posted, read_posted

MOST_ORDERS = 15
MOST_CANCELS = 1000
_PAGE = 100
_START, _END = "MA==", "LTE="
_LONG_DELAY = 1000  # milliseconds from which an answer does not wait for the delay

_Row = TypeVar("_Row", ClobOrder, ClobTrade)


class OrderRoutes:
    def __init__(self, clob: Clob, desk: Desk, clock: Clock, metrics: Metrics, limits: Limits | None) -> None:
        self._clob = clob
        self._desk = desk
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._delayed: set[asyncio.Task[None]] = set()

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/order", self.post_one)
        app.router.add_post("/orders", self.post_many)
        app.router.add_delete("/order", self.cancel_one)
        app.router.add_delete("/orders", self.cancel_many)
        app.router.add_delete("/cancel-all", self.cancel_all)
        app.router.add_delete("/cancel-market-orders", self.cancel_market)
        app.router.add_get("/data/order/{order_id}", self.get_order)
        app.router.add_get("/data/orders", self.list_orders)
        app.router.add_get("/data/trades", self.list_trades)
        app.router.add_get("/order-scoring", self.scoring)
        app.router.add_post("/orders-scoring", self.scorings)

    async def close(self) -> None:
        for task in self._delayed:
            task.cancel()
        await asyncio.gather(*self._delayed, return_exceptions=True)

    # -- posts ------------------------------------------------------------------------------------------------------

    async def post_one(self, http: web.Request) -> web.Response:
        body = await http.read()
        try:
            told = await self._post(http[KEY], body, http.get(FILLING, PLAIN))
        except refusals.PolyRefusal as refused:
            self._metrics.orders.labels(_short(refused.text)).inc()
            raise
        return answer(told)

    async def post_many(self, http: web.Request) -> web.Response:
        """Not atomic: each entry is taken or refused by itself, and its refusal stands in `errorMsg`."""
        try:
            entries = msgspec.json.decode(await http.read(), type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise refusals.bad_payload() from None
        if not entries:
            raise refusals.bad_payload()
        if len(entries) > MOST_ORDERS:
            raise refusals.too_many(len(entries), MOST_ORDERS)
        told = []
        for entry in entries:
            try:
                told.append(await self._post(http[KEY], bytes(entry), http.get(FILLING, PLAIN)))
            except refusals.PolyRefusal as refused:
                self._metrics.orders.labels(_short(refused.text)).inc()
                if refused.status in (425, 503) and "code" not in refused.body:
                    raise
                told.append(wire.refused(refused.text))
        return answer(told)

    async def _post(self, key: ApiKey, body: bytes, filling: Filling) -> dict[str, Any]:
        admitted = self._desk.admit(_posted(body), key, body)
        delay = admitted.market.spec.delay_ms
        if delay and self._desk.takes(admitted):
            admitted = self._desk.hold(admitted)
            if delay >= _LONG_DELAY:
                task = asyncio.create_task(self._later(admitted, delay, filling))
                self._delayed.add(task)
                task.add_done_callback(self._delayed.discard)
                return wire.posted(admitted.order, [])
            await asyncio.sleep(delay / 1000)
        order = self._desk.execute(admitted, filling)
        self._clock.wake()
        trades = [trade for one in order.trades if (trade := self._clob.unfinished.get(one)) is not None]
        self._metrics.orders.labels(order.status.lower()).inc()
        return wire.posted(order, trades)

    async def _later(self, admitted: Admitted, delay: int, filling: Filling) -> None:
        await asyncio.sleep(delay / 1000)
        try:
            self._desk.execute(admitted, filling)
        except refusals.PolyRefusal as refused:
            self._metrics.orders.labels(_short(refused.text)).inc()
        self._clock.wake()

    # -- cancels ----------------------------------------------------------------------------------------------------

    async def cancel_one(self, http: web.Request) -> web.Response:
        body = document(await http.read())
        order_id = body.get("orderID") if isinstance(body, dict) else None
        if not isinstance(order_id, str):
            raise refusals.bad_order_id()
        return self._cancelled(http, [order_id])

    async def cancel_many(self, http: web.Request) -> web.Response:
        ids = document(await http.read())
        if not isinstance(ids, list):
            raise refusals.bad_payload()
        if len(ids) > MOST_CANCELS:
            raise refusals.too_many_cancels(MOST_CANCELS)
        return self._cancelled(http, ids)

    async def cancel_all(self, http: web.Request) -> web.Response:
        return self._cancelled(http, self._desk.mine(http[KEY].address), all_of_them=True)

    async def cancel_market(self, http: web.Request) -> web.Response:
        body = document(await http.read())
        if not isinstance(body, dict) or not (body.get("market") or body.get("asset_id")):
            raise refusals.bad_payload()
        market, asset = str(body.get("market") or ""), str(body.get("asset_id") or "")
        return self._cancelled(http, self._desk.mine(http[KEY].address, condition=market, token=asset), True)

    def _cancelled(self, http: web.Request, ids: list[str], all_of_them: bool = False) -> web.Response:
        done, not_done = self._desk.cancel(ids, http[KEY].address)
        if all_of_them and self._limits is not None:
            self._limits.cancelled(http[KEY].address, len(done))
        return answer({"canceled": done, "not_canceled": not_done})

    # -- reads ------------------------------------------------------------------------------------------------------

    async def get_order(self, http: web.Request) -> web.Response:
        found = self._clob.store.order(http.match_info["order_id"].lower())
        order = None if found is None else self._seen(http, found)
        if order is None or order.keeper != http[KEY].address:
            raise refusals.refusal(404, "order not found")
        return answer(self._order(order))

    async def list_orders(self, http: web.Request) -> web.Response:
        query, keeper = http.query, http[KEY].address
        if wanted := query.get("id"):
            one = self._clob.store.order(wanted.lower())
            one = None if one is None else self._seen(http, one)
            found = [one] if one is not None and one.keeper == keeper else []
            return answer(_page([self._order(order) for order in found], ""))
        rows = self._clob.store.orders(
            keeper=keeper,
            condition=query.get("market"),
            token=query.get("asset_id"),
            working=LAG not in http,
            before=_before(query.get("next_cursor", "")),
        )
        versions = (self._seen(http, row) for row in rows)
        page, cursor = _cut(row for row in versions if row is not None and row.working)
        return answer(_page([self._order(order) for order in page], cursor))

    async def list_trades(self, http: web.Request) -> web.Response:
        query, keeper = http.query, http[KEY].address
        if wanted := query.get("id"):
            one = self._clob.store.trade(wanted)
            one = trade_at(one, self._clob.now() - http[LAG]) if one is not None and LAG in http else one
            found = [one] if one is not None and one.keeper == keeper else []
            return answer(_page([wire.trade(trade) for trade in found], ""))
        rows = self._clob.store.trades(
            keeper=keeper,
            condition=query.get("market"),
            token=query.get("asset_id"),
            at=(_seconds(query.get("after"), 0), _seconds(query.get("before"), 2**62)),
            before=_before(query.get("next_cursor", "")),
        )
        maker = query.get("maker_address", "").lower()
        if LAG in http:
            then = self._clob.now() - http[LAG]
            rows = (row for one in rows if (row := trade_at(one, then)) is not None)
        page, cursor = _cut(row for row in rows if maker in ("", row.account))
        return answer(_page([wire.trade(trade) for trade in page], cursor))

    def _seen(self, http: web.Request, order: ClobOrder) -> ClobOrder | None:
        """The order as this read may show it."""
        return order if LAG not in http else order_at(self._clob.store, order, self._clob.now() - http[LAG])

    async def scoring(self, http: web.Request) -> web.Response:
        return answer({"scoring": False})

    async def scorings(self, http: web.Request) -> web.Response:
        ids = document(await http.read())
        return answer({str(one): False for one in ids} if isinstance(ids, list) else {})

    def _order(self, order: ClobOrder) -> dict[str, Any]:
        market = self._clob.markets.get(order.condition)
        assert market is not None
        return wire.order(order, market)


def _posted(body: bytes) -> Posted:
    try:
        return read_posted(body)
    except Rejected:
        raise refusals.bad_payload() from None


def _short(text: str) -> str:
    """A refusal as a metric label: its words without ids and figures."""
    words = [word for word in text.split(":", maxsplit=1)[0].split() if word.isalpha()]
    return "_".join(words[:5]).lower() or "refused"


def _page(rows: list[dict[str, Any]], cursor: str) -> dict[str, Any]:
    return {"limit": _PAGE, "count": len(rows), "next_cursor": cursor or _END, "data": rows}


def _cut(rows: Iterator[_Row]) -> tuple[list[_Row], str]:
    page = list(islice(rows, _PAGE))
    more = next(rows, None) if len(page) == _PAGE else None
    return page, base64.b64encode(str(page[-1].seq).encode()).decode() if more is not None else ""


def _before(cursor: str) -> int | None:
    """An exclusive bound on `seq`; 400 for a cursor that is none of ours."""
    if cursor in ("", _START):
        return None
    if cursor == _END:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error):
        raise refusals.refusal(400, "invalid next_cursor") from None


def _seconds(text: str | None, otherwise: int) -> int:
    if not text:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) < 14):
        raise refusals.refusal(400, "invalid timestamp")
    return int(text) * 1_000_000
