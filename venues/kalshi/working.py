"""Orders that are out already: change them, place and cancel many at once, and see where they stand in the queue.

An amend and a decrease say absolute things ("be 10 in all at 0.45", "rest with 3"), so repeating one after a lost
answer does no more than it did. Their answers are advice; what became of the order is read from the order itself.
Source: docs.kalshi.com, orders V2; specification 3.34.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from domain.errors import BadInput, Denied, Unavailable
from domain.orders import OrderTicket, Side, SubmitResult, Verdict
from venues.kalshi.errors import judge_answer, judge_item
from venues.kalshi.messages import OrdersPage
from venues.kalshi.order_messages import (
    Amended,
    BatchCancelled,
    BatchCancelledAnswer,
    BatchCreatedAnswer,
    Decreased,
    Empty,
    QueuePositionAnswer,
    QueuePositions,
)
from venues.kalshi.orders import CREATE_PATH, contracts, order_body, price
from venues.kalshi.rest import RestWire, segment
from venues.verdicts import judge_failure
from venues.wire import WireFailure

BATCH_PATH = f"{CREATE_PATH}/batched"
SWEEP_US = 60_000_000
"""For how long after a cancel of everything the venue may cancel what is placed (specification 3.34)."""

_CANCELS_AT_ONCE = 20
_CREATED = 201


class WorkingOrders:
    """Every write but `submit_many` raises `Denied` for what the wire cannot carry, `Rejected`, `Unavailable` (nothing
    left) or `Unknown`."""

    def __init__(self, wire: RestWire, clock: Callable[[], int]) -> None:
        self._wire = wire
        self._clock = clock
        self._swept_until = 0

    async def amend(self, market: str, order_id: str, *, side: Side, limit: Decimal, total: Decimal) -> Amended:
        """Another price or size. `total` counts what the order has filled already; a smaller one at the same price
        keeps its place in the queue, anything else loses it."""
        body = {
            "ticker": market,
            "side": "bid" if side is Side.BUY else "ask",
            "price": price(limit, market),
            "count": contracts(total),
            "exchange_index": -1,
        }
        return await self._wire.change("POST", f"{CREATE_PATH}/{segment(order_id)}/amend", Amended, body)

    async def decrease(self, market: str, order_id: str, *, remaining: Decimal) -> Decreased:
        """Let the order rest with `remaining` contracts, 0 to take it out. Its place in the queue stays."""
        count = contracts(remaining) if remaining else "0.00"
        body = {"reduce_to": count, "market_ticker": market, "exchange_index": -1}
        return await self._wire.change("POST", f"{CREATE_PATH}/{segment(order_id)}/decrease", Decreased, body)

    async def submit_many(self, tickets: Sequence[OrderTicket]) -> list[SubmitResult]:
        """One request for several orders, one verdict for each, in their order; never raises for an outcome.

        Each order is billed by itself, and the whole must fit the write budget at once: a batch above it is DENIED
        whole. An order that the wire cannot carry is DENIED alone; the others go."""
        results: dict[int, SubmitResult] = {}
        bodies: dict[int, bytes] = {}
        for n, ticket in enumerate(tickets):
            try:
                self.refuse_swept()
                bodies[n] = order_body(ticket)
            except Denied as refused:
                results[n] = self._denied(refused)
        if bodies:
            results |= await self._send({n: tickets[n] for n in bodies}, bodies)
        return [results[n] for n in range(len(tickets))]

    async def _send(self, tickets: dict[int, OrderTicket], bodies: dict[int, bytes]) -> dict[int, SubmitResult]:
        try:
            await self._wire.take_write("POST", CREATE_PATH, len(bodies))
        except (Denied, Unavailable) as refused:
            return dict.fromkeys(bodies, self._denied(refused))
        # The orders' own bytes, so that an order is the same whether it goes alone or in company.
        content = b'{"orders":[' + b",".join(bodies.values()) + b"]}"
        try:
            answer = await self._wire.post_order(BATCH_PATH, content)
        except WireFailure as failure:
            return dict.fromkeys(bodies, judge_failure(failure, self._clock()))
        at = answer.answered_at
        if answer.status != _CREATED:
            return {n: judge_answer(t.client_order_id, answer.status, answer.body, at, t) for n, t in tickets.items()}
        try:
            items = msgspec.json.decode(answer.body, type=BatchCreatedAnswer).orders
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            items = []
        if len(items) != len(tickets):
            detail = f"HTTP 201 of a batch of {len(tickets)} that cannot be read or names {len(items)} orders"
            return dict.fromkeys(bodies, SubmitResult(Verdict.UNKNOWN, "unparseable", detail, at=at))
        named = {item.client_order_id: item for item in items if item.client_order_id}
        # By name where every item has one; the order of the request otherwise.
        by_name = len(named) == len(tickets)
        pairs = zip(tickets.items(), items, strict=True)
        return {
            n: judge_item(t.client_order_id, named.get(t.client_order_id) if by_name else item, at, t)
            for (n, t), item in pairs
        }

    async def cancel_many(self, orders: Sequence[tuple[str, str]]) -> list[BatchCancelled]:
        """Cancel orders given as (market, order id). An entry of the answer proves as little as a cancel does."""
        if not orders:
            return []
        body = {
            "orders": [
                {"order_id": order_id, "market_ticker": market, "exchange_index": -1} for market, order_id in orders
            ]
        }
        answer = await self._wire.change("DELETE", BATCH_PATH, BatchCancelledAnswer, body, items=len(orders))
        return answer.orders

    async def cancel_all(self) -> None:
        """Cancel every resting order of the account on every shard.

        The venue may cancel orders placed within the following minute as well, so until that is over `refuse_swept`
        lets no order leave, exits among them. Whoever wants to get out cancels by id: `cancel_resting`."""
        self._swept_until = self._clock() + SWEEP_US
        await self._wire.change("DELETE", CREATE_PATH, Empty)
        self._swept_until = self._clock() + SWEEP_US

    async def cancel_resting(self) -> int:
        """Cancel by id every order that the account has working now; how many were asked for. Orders sent after it are
        not touched, so exits may follow at once."""
        rows: dict[str, str] = {}
        for page in await self._wire.pages("/portfolio/orders", OrdersPage, {"status": "resting"}):
            rows.update((order.order_id, order.ticker) for order in page.orders or ())
        listed = [(market, order_id) for order_id, market in rows.items()]
        for start in range(0, len(listed), _CANCELS_AT_ONCE):
            await self.cancel_many(listed[start : start + _CANCELS_AT_ONCE])
        return len(listed)

    def refuse_swept(self) -> None:
        """Raise `Denied` (`cancel_all_minute`) while an order would fall under a `cancel_all` of a moment ago."""
        left = self._swept_until - self._clock()
        if left > 0:
            raise Denied(
                "everything was cancelled less than a minute ago, and the venue may cancel what is placed within that "
                f"minute too: nothing was sent; ask again in {left / 1e6:.0f} s",
                "cancel_all_minute",
            )

    async def queue_position(self, order_id: str) -> Decimal:
        """Contracts ahead of a resting order at its price."""
        path = f"/portfolio/orders/{segment(order_id)}/queue_position"
        return (await self._wire.get(path, QueuePositionAnswer)).queue_position_fp

    async def queue_positions(self, markets: Sequence[str]) -> dict[str, Decimal]:
        """Contracts ahead, by order id, of all resting orders in these markets."""
        if not markets:
            raise BadInput("queue positions were asked of no market; name at least one")
        params = {"market_tickers": ",".join(markets)}
        listed = await self._wire.get("/portfolio/orders/queue_positions", QueuePositions, params)
        return {one.order_id: one.queue_position_fp for one in listed.queue_positions or ()}

    def _denied(self, refused: Denied | Unavailable) -> SubmitResult:
        return SubmitResult(Verdict.DENIED, refused.code, refused.message, sent=False, at=self._clock())
