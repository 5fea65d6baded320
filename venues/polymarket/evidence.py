"""What the venue says of one order, and when its silence proves something.

The order's id is known before it is sent, so it is asked for by name; its fills are the trades that name it, as taker
or as one of the makers. Reads lag and forget here: an order that filled may be missing from `/data/order`, one that
matched may have no trade for a minute. So:

| order listed as | trades | told |
|---|---|---|
| working | any | resting, with what traded so far |
| dead | explain every matched share, and every trade it names is among them | done |
| dead | fewer than matched, or a trade it names is missing | resting: the counts are not final |
| dead, and does not say what it matched | any, before trades are believed complete | resting |
| nowhere | some; and it cannot be cancelled any more | done, with what they count |
| nowhere | none; a cancel by id found it | unseen: it was there, look again |
| nowhere | none; the cancel says it matched | unseen: its trades must come |
| nowhere | none; a cancel by id does not know it, long after the last send | absent; or done with nothing, see below |
| nowhere, too early to tell | any | unseen |

An order known to have arrived is never absent: one that was killed is forgotten, so it is done with nothing filled.
"Long after" is `grace_ms` and never less than `silence_ms` past the last send: confirmations of more than 40 s have
been seen (github.com/Polymarket/py-clob-client/issues/261). A trade or an order that names this order and cannot be
read makes the whole answer `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from decimal import Decimal

import msgspec

from domain.errors import Rejected, Unavailable
from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.fees import FeeSchedule
from venues.polymarket.errors import NOT_FOUND
from venues.polymarket.limits import Endpoint
from venues.polymarket.messages import RestOrder, RestTrade, decode
from venues.polymarket.rest import OnDeadLetter, PolymarketWire
from venues.polymarket.translate import maker_fills, matched_shares, order_dead, original_shares, taker_fill

CancelById = Callable[[str], Awaitable[str]]
"""Cancels one order: "" if that ended it now, else the venue's reason why not."""

_ZERO = Decimal(0)


class Orders:
    """Orders and trades of one account by the venue's order id."""

    def __init__(
        self,
        wire: PolymarketWire,
        cancel: CancelById,
        on_dead_letter: OnDeadLetter,
        *,
        clock: Callable[[], int],
        silence_ms: int,
        trades_lag_ms: int,
    ) -> None:
        self._wire, self._cancel, self._dead, self._clock = wire, cancel, on_dead_letter, clock
        self._silence_ms, self._trades_lag_ms = silence_ms, trades_lag_ms

    async def read(self, order_id: str) -> RestOrder | None:
        """The order as listed, else None, which proves nothing. Raises `Unavailable` for one that cannot be read."""
        try:
            answer = await self._wire.read(f"/data/order/{order_id}", Endpoint.LEDGER, private=True)
        except Rejected as refused:
            if refused.code not in (NOT_FOUND, "invalid_order_id"):  # what it says of an id it does not know
                raise
        else:
            body = answer.body.strip()
            if body not in (b"", b"null", b"{}"):
                order = self._order(msgspec.Raw(body))
                if order.id.lower() != order_id.lower():
                    raise Unavailable(f"asked for order {order_id}, told of {order.id}; ask again", "unparseable")
                return order
        for raw in await self._wire.rows("/data/orders", {"id": order_id}):  # lists orders of any status
            order = self._order(raw)
            if order.id.lower() == order_id.lower():
                return order
        return None

    async def trades(self, order_id: str, condition: str) -> list[RestTrade]:
        """The trades of a condition that name the order, each once."""
        name = order_id.lower().encode()
        found: dict[str, RestTrade] = {}
        for raw in await self._wire.rows("/data/trades", {"market": condition}):
            named = name in bytes(raw).lower()
            try:
                trade = decode(RestTrade, raw)
            except ValueError as wrong:
                self._dead("trade", bytes(raw), str(wrong))
                if named:
                    raise Unavailable(f"a trade of order {order_id} cannot be read ({wrong})", "unparseable") from None
                continue
            if named:
                found[trade.id] = trade
        return list(found.values())

    def fills(
        self,
        order_id: str,
        trades: list[RestTrade],
        fees: FeeSchedule,
        client_order_id: str,
        pair: Container[str] | None = None,
    ) -> tuple[Fill, ...]:
        """The order's part of its trades, oldest first. Raises `Unavailable` for one that cannot be understood."""
        name = order_id.lower()
        found: list[Fill] = []
        for trade in trades:
            try:
                if trade.taker_order_id.lower() == name:
                    found.append(taker_fill(trade, fees, client_order_id, pair))
                found.extend(
                    maker_fills(trade, lambda row: row.order_id.lower() == name, lambda _: fees, client_order_id)
                )
            except ValueError as wrong:
                self._dead("trade", msgspec.json.encode(trade), str(wrong))
                raise Unavailable(f"trade {trade.id} cannot be understood ({wrong})", "unparseable") from None
        return tuple(sorted(found, key=lambda fill: (fill.at, fill.trade_id)))

    async def evidence(
        self,
        order_id: str,
        condition: str,
        fees: FeeSchedule,
        client_order_id: str,
        *,
        token: str,
        landed: bool,
        sent_at: int,
        grace_ms: int,
        pair: Container[str] | None = None,
    ) -> OrderEvidence:
        """The table above. `landed` says that the order is known to have arrived; `sent_at` is wall-clock µs."""
        asked_at = self._clock()  # before the reads: what they say is at least this fresh
        order = await self.read(order_id)
        if order is not None and order.asset_id != token:
            raise Rejected(f"order {order_id} is for token {order.asset_id}; expected one for {token}", "not_ours")
        trades = await self.trades(order_id, condition)
        fills = self.fills(order_id, trades, fees, client_order_id, pair)
        counted = sum((fill.size for fill in fills), _ZERO)
        void = sum((fill.size for fill in fills if fill.status is FillStatus.VOID), _ZERO)

        def told(status: OrderStatus, filled: Decimal, remaining: Decimal = _ZERO) -> OrderEvidence:
            at = max((fill.at for fill in fills), default=0)
            return OrderEvidence(client_order_id, status, order_id, filled, remaining, fills, fresh_at=asked_at, at=at)

        since_ms = (asked_at - sent_at) // 1000
        if order is not None:
            said = matched_shares(order)
            matched = max(said or _ZERO, counted)
            named = set(order.associate_trades or ()) - {trade.id for trade in trades}
            late = said is None and since_ms < max(grace_ms, self._trades_lag_ms)
            if order_dead(order) and counted >= matched and not named and not late:
                return told(OrderStatus.DONE, counted - void)
            size = original_shares(order)
            left = _ZERO if order_dead(order) or size is None else max(size - matched, _ZERO)
            return told(OrderStatus.RESTING, matched - void, left)
        if since_ms < max(grace_ms, self._trades_lag_ms if fills else self._silence_ms):
            return told(OrderStatus.UNSEEN, counted - void)
        reason = await self._cancel(order_id)
        if not reason:  # it was there after all, and working until now
            return told(OrderStatus.UNSEEN, counted - void)
        if fills:
            return told(OrderStatus.DONE, counted - void)
        only_matched = "matched" in reason.lower() and "cancel" not in reason.lower()
        if only_matched:
            return told(OrderStatus.UNSEEN, _ZERO)
        return told(OrderStatus.DONE if landed else OrderStatus.ABSENT, _ZERO)

    def _order(self, raw: msgspec.Raw) -> RestOrder:
        try:
            order = decode(RestOrder, raw)
            matched_shares(order), original_shares(order)
        except ValueError as wrong:
            self._dead("order", bytes(raw), str(wrong))
            raise Unavailable(f"an order cannot be read ({wrong}); it is in the dead letters", "unparseable") from None
        return order
