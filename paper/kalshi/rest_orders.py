"""Routes that change working orders, take many at once, brake them in groups, and say where they stand in line.

A batch is not atomic: each entry is taken or refused by itself, in order, and its errors always carry `details`, empty
where there is nothing to add. Source: docs.kalshi.com, orders V2, order groups and order_errors; specification 3.34.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from paper.core.metrics import Metrics
from paper.core.records import Order
from paper.kalshi import collateral, placing, refusals, request, request_changes, wire
from paper.kalshi.exchange import Exchange
from paper.kalshi.paging import answer
from paper.kalshi.placing import create
from venues.kalshi.frames import count_text

PREFIX = "/trade-api/v2"
_ORDERS = f"{PREFIX}/portfolio/events/orders"
_GROUPS = f"{PREFIX}/portfolio/order_groups"
_CENT = 10_000


class OrderRoutes:
    """`due` is told when an order that ends by itself was taken."""

    def __init__(self, exchange: Exchange, metrics: Metrics, due: Callable[[], None]) -> None:
        self._exchange = exchange
        self._metrics = metrics
        self._due = due

    def add_to(self, app: web.Application) -> None:
        """To be added before the routes of single orders, whose paths would swallow `batched` and `queue_positions`."""
        get, post, put, delete = app.router.add_get, app.router.add_post, app.router.add_put, app.router.add_delete
        post(f"{_ORDERS}/batched", self.create_many)
        delete(f"{_ORDERS}/batched", self.cancel_many)
        delete(_ORDERS, self.cancel_all)
        post(f"{_ORDERS}/{{order_id}}/amend", self.amend)
        post(f"{_ORDERS}/{{order_id}}/decrease", self.decrease)
        get(f"{PREFIX}/portfolio/orders/queue_positions", self.queue_positions)
        get(f"{PREFIX}/portfolio/orders/{{order_id}}/queue_position", self.queue_position)
        get(f"{PREFIX}/portfolio/summary/total_resting_order_value", self.resting_value)
        get(_GROUPS, self.list_groups)
        post(f"{_GROUPS}/create", self.create_group)
        get(f"{_GROUPS}/{{group_id}}", self.get_group)
        delete(f"{_GROUPS}/{{group_id}}", self.delete_group)
        put(f"{_GROUPS}/{{group_id}}/reset", self.reset_group)
        put(f"{_GROUPS}/{{group_id}}/trigger", self.trigger_group)
        put(f"{_GROUPS}/{{group_id}}/limit", self.limit_group)

    # -- working orders ---------------------------------------------------------------------------------------------

    async def amend(self, http: web.Request) -> web.Response:
        order_id, wanted = http.match_info["order_id"], request_changes.parse_amend(await http.read())
        done = self._exchange.attempt(lambda: placing.amend(self._exchange, order_id, wanted))
        order = self._exchange.working.get(order_id, done.order)  # its group may have ended it by now
        body: dict[str, Any] = {"order_id": order.order_id, "client_order_id": order.client_order_id}
        if done.filled:
            body["average_fill_price"] = wire.average(done.cost, done.filled)
            body["average_fee_paid"] = wire.average(done.fees, done.filled)
        self._due()
        return answer(
            body
            | {
                "fill_count": count_text(done.filled),
                "remaining_count": count_text(order.remaining),
                "ts_ms": order.updated_at // 1000,
            }
        )

    async def decrease(self, http: web.Request) -> web.Response:
        order_id, wanted = http.match_info["order_id"], request_changes.parse_decrease(await http.read())
        order = self._exchange.attempt(lambda: placing.decrease(self._exchange, order_id, wanted))
        return answer(
            {
                "client_order_id": order.client_order_id,
                "order_id": order.order_id,
                "remaining_count": count_text(order.remaining),
                "ts_ms": order.updated_at // 1000,
            }
        )

    async def create_many(self, http: web.Request) -> web.Response:
        body = await http.read()
        entries = request_changes.parse_orders(body, "BatchCreateOrdersV2Request")
        raw = request_changes.entries_of(body)
        answers = [self._created(entry, as_sent) for entry, as_sent in zip(entries, raw, strict=True)]
        self._due()
        return answer({"orders": answers}, 201)

    def _created(self, entry: dict[str, Any], body: bytes) -> dict[str, Any]:
        name = entry.get("client_order_id")
        try:
            try:
                wanted = request.parse_fields(entry)
            except refusals.Refusal:
                self._exchange.receive(name if isinstance(name, str) else "", body)
                raise
            order = create(self._exchange, wanted, body)
        except refusals.Refusal as refusal:
            self._metrics.orders.labels(refusal.code).inc()
            return {"client_order_id": name, "error": _item_error(refusal)}
        self._metrics.orders.labels("resting" if order.status == "resting" else "batched").inc()
        return wire.created(order)

    async def cancel_many(self, http: web.Request) -> web.Response:
        entries = request_changes.parse_orders(await http.read(), "BatchCancelOrdersV2Request")
        return answer({"orders": [self._cancelled(str(entry.get("order_id", ""))) for entry in entries]})

    def _cancelled(self, order_id: str) -> dict[str, Any]:
        try:
            gone = self._exchange.cancel(order_id)
        except refusals.Refusal as refusal:
            return {"order_id": order_id, "reduced_by": "0.00", "error": _item_error(refusal)}
        return wire.cancelled(gone)

    async def cancel_all(self, http: web.Request) -> web.Response:
        for order_id in tuple(self._exchange.working):
            self._exchange.cancel(order_id)
        return web.Response(status=204)

    # -- the line ---------------------------------------------------------------------------------------------------

    async def queue_position(self, http: web.Request) -> web.Response:
        order = self._exchange.working.get(http.match_info["order_id"])
        if order is None:
            raise refusals.not_found()
        return answer({"queue_position_fp": self._ahead(order)})

    async def queue_positions(self, http: web.Request) -> web.Response:
        tickers = {ticker for ticker in http.query.get("market_tickers", "").split(",") if ticker}
        event = http.query.get("event_ticker") or None
        if not tickers and event is None:
            raise refusals.api(400, "missing_parameters", "market_tickers or event_ticker is required")
        rows = [
            {"market_ticker": o.ticker, "order_id": o.order_id, "queue_position_fp": self._ahead(o)}
            for o in sorted(self._exchange.working.values(), key=lambda o: o.seq)
            if o.ticker in tickers or wire.event_of(o.ticker) == event
        ]
        return answer({"queue_positions": rows})

    def _ahead(self, order: Order) -> str:
        return count_text(self._exchange.engines[order.ticker].ahead(order.order_id))

    async def resting_value(self, http: web.Request) -> web.Response:
        """What working orders hold back, in cents and by shard."""
        exchange = self._exchange
        held = collateral.held_back(exchange.account, exchange.specs, exchange.working)
        shards = [{"balance": wire.dollars(held, 4), "exchange_index": wire.SHARD}]
        return answer({"resting_order_value_breakdown": shards, "total_resting_order_value": held // _CENT})

    # -- groups -----------------------------------------------------------------------------------------------------

    async def create_group(self, http: web.Request) -> web.Response:
        limit = request_changes.parse_limit(await http.read(), "CreateOrderGroupRequest")
        group = self._exchange.attempt(lambda: self._exchange.groups.create(limit))
        return answer({"exchange_index": wire.SHARD, "order_group_id": group.id, "subaccount": 0}, 201)

    async def list_groups(self, http: web.Request) -> web.Response:
        return answer({"order_groups": [{"id": group.id} | wire.group(group) for group in self._exchange.groups.all()]})

    async def get_group(self, http: web.Request) -> web.Response:
        group = self._exchange.groups.get(http.match_info["group_id"])
        orders = [order.order_id for order in self._exchange.working.values() if order.group == group.id]
        return answer(wire.group(group) | {"orders": orders})

    async def delete_group(self, http: web.Request) -> web.Response:
        return self._on_group(http, self._exchange.groups.delete)

    async def reset_group(self, http: web.Request) -> web.Response:
        return self._on_group(http, self._exchange.groups.reset)

    async def trigger_group(self, http: web.Request) -> web.Response:
        return self._on_group(http, self._exchange.groups.trigger)

    async def limit_group(self, http: web.Request) -> web.Response:
        limit = request_changes.parse_limit(await http.read(), "UpdateOrderGroupLimitRequest")
        now = self._exchange.now()
        return self._on_group(http, lambda group_id: self._exchange.groups.limit(group_id, limit, now))

    def _on_group(self, http: web.Request, do: Callable[[str], None]) -> web.Response:
        if http.query.get("exchange_index", "0") not in ("0", "-1"):
            raise refusals.not_found()
        self._exchange.attempt(lambda: do(http.match_info["group_id"]))
        return answer({})


def _item_error(refusal: refusals.Refusal) -> dict[str, Any]:
    inner = refusal.body.get("error", refusal.body)
    error = inner if isinstance(inner, dict) else {"code": "", "message": str(inner)}
    return {"code": error.get("code", ""), "message": error.get("message", ""), "details": error.get("details", "")}
