"""The account's private frames: fills into the ledger, and a nudge to the trades that should look again.

Nothing is believed from a frame alone; a nudge only ends a trade's wait early, and it reads the venue itself. A signal
is a hop and a durable write, so a trade that has heard already gets none:

| frame | order or trade | nudged |
|---|---|---|
| fill, own order | its outcome is unknown, or no answer came within half a second | yes |
| fill, nobody's order | not recorded: the reconciliation finds, records and halts what the venue lists | no |
| fill, order of a trade that trades no more | not recorded either, for the same reason | as below |
| fill, own order, another market than the order's | not recorded: a dead letter | yes |
| fill, own order | it rests in the book | yes; for a fill as the maker at once |
| fill | answered or settled, and the fill is of the moment it was sent | no: the answer told it |
| fill | answered or settled, and the fill is void or came long after it was sent | yes, also at rest |
| market determined or settled | every open trade of that market | yes |
| another price grid | – | no: its rules are read again |

Polymarket's events name orders by the venue's own id, which the ledger has from before the send. Its trades bring no
fee and no final word of their own, so no fill is recorded from them:

| event | order or trade | nudged |
|---|---|---|
| order, trade MATCHED | its outcome is unknown, or no answer came within half a second | yes |
| trade MATCHED | it rests in the book | yes, at once |
| trade CONFIRMED or FAILED | waits for the final word of its fills, or rests on it | yes |
| trade MINED, RETRYING | – | no: neither is final |
| market resolved | every open trade of that market | yes |
| tick size changed | – | no: its rules are read again |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import msgspec
import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput, Unavailable
from domain.evidence import Fill, FillStatus
from domain.market import Venue
from domain.orders import Verdict
from domain.snapshot import OrderFacts
from ledger.port import OrderLedger, TradeReads
from venues.kalshi.messages import FillMessage, LifecycleMessage, UserOrderMessage
from venues.kalshi.translate import fill_from_stream
from venues.market_events import Resolved, TickChange
from venues.polymarket.user_stream import UserEvent, UserOrder
from venues.registry import adapter_of
from workers.news import Look, News
from workflows import names

log = structlog.get_logger(__name__)

_ANSWER_TIME_S = 0.5  # an order's own answer is on its way; only one that stays away needs a nudge
_LATE_US = 2_000_000  # a fill so long after its order left is no part of that order's answer
_PAYING = frozenset({"determined", "settled"})
_NEW_GRID = "price_level_structure_updated"
_FINAL_WORDS = frozenset({"CONFIRMED", "FAILED"})
_NO_NEWS = frozenset({"MINED", "RETRYING"})


class _Type(msgspec.Struct):
    type: str = ""


_OUTSIDE = msgspec.json.Decoder(_Type)


class _Fill(msgspec.Struct):
    msg: FillMessage


class _Order(msgspec.Struct):
    msg: UserOrderMessage


class _Lifecycle(msgspec.Struct):
    msg: LifecycleMessage


class ChannelLedger(OrderLedger, TradeReads, Protocol):
    """What of the ledger the channel reads and writes."""


class UserChannel:
    """Takes what the streams say of the account, on the trading side's loop: Kalshi's `fill`, `user_order` and
    `market_lifecycle_v2` frames, Polymarket's user events, and markets that have a result or another grid, of which
    `on_rules(venue, market)` is told.

    `later` is given what `look` should be called with: most looks wait for half a second, and the next news of the
    market should not. Without one they are looked at before `hear` returns. Both may be called again with the same:
    fills have keys, and a nudge only makes a trade look once more.
    """

    def __init__(
        self,
        client: Client,
        ledger: ChannelLedger,
        on_rules: Callable[[Venue, str], None] = lambda venue, market: None,
        later: Callable[[Look], None] | None = None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._on_rules = on_rules
        self._later = later
        self._fills = msgspec.json.Decoder(_Fill)
        self._orders = msgspec.json.Decoder(_Order)
        self._lifecycles = msgspec.json.Decoder(_Lifecycle)

    async def hear(self, news: News) -> None:
        """Whatever it is. Raises BadInput for what cannot be read, and what ledger and Temporal raise when they are
        away."""
        if isinstance(news, bytes):
            await self.take(news)
        elif isinstance(news, Resolved):
            for market in news.markets:
                await self._resolved(market, "resolved")
        elif isinstance(news, TickChange):
            self._on_rules(news.venue, news.market)
        else:
            await self._event(news)

    async def _event(self, event: UserEvent) -> None:
        """See the second table above."""
        if isinstance(event, UserOrder):
            await self._look_later(Look(Venue.POLYMARKET, event.order_id))
        elif event.status in _FINAL_WORDS:
            for order_id in event.order_ids:
                order = await self._ledger.order_at(Venue.POLYMARKET, order_id)
                if order is not None:
                    await self._signal(order.ticket.intent_id, order.client_order_id, late=True)
        elif event.status not in _NO_NEWS:
            for order_id in event.order_ids:
                await self._look_later(Look(Venue.POLYMARKET, order_id, at_once=order_id != event.taker_order_id))

    async def take(self, raw: bytes) -> None:
        """One frame of Kalshi's. Raises as `hear`."""
        try:
            match _OUTSIDE.decode(raw).type:
                case "fill":
                    news: FillMessage | UserOrderMessage | LifecycleMessage = self._fills.decode(raw).msg
                case "user_order":
                    news = self._orders.decode(raw).msg
                case "market_lifecycle_v2":
                    news = self._lifecycles.decode(raw).msg
                case _:
                    return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise BadInput(f"a frame of the user channel that cannot be read: {wrong}", "user_frame") from None
        if isinstance(news, FillMessage):
            await self._fill(news)
        elif isinstance(news, UserOrderMessage):
            await self._wake(await self._name(news.client_order_id, news.order_id), None)
        elif news.event_type in _PAYING:
            await self._resolved(news.market_ticker, news.event_type)
        elif news.event_type == _NEW_GRID:
            self._on_rules(Venue.KALSHI, news.market_ticker)

    async def _fill(self, message: FillMessage) -> None:
        name = await self._name(message.client_order_id, message.order_id)
        try:
            fill = fill_from_stream(message)
        except Unavailable as impossible:  # tried again, the same frame is no better: its trade looks for itself
            await self._wake(name, None)
            raise BadInput(f"a frame of the user channel: {impossible.message}", "user_frame") from None
        if fill is not None and name:
            fill = replace(fill, client_order_id=name)
            order = await self._ledger.order_outcome(name)
            if order is None:
                # A frame's word alone would be in the books for ever: with no trade that goes on asking, no list of the
                # venue takes it back.
                log.debug("a fill of an order that nobody here sent", fill=fill.trade_id, order=name)
                return
            if order.ticket.market != fill.market:  # its trade asks the venue itself
                await self._wake(name, None)
                raise BadInput(
                    f"a frame of the user channel: fill {fill.trade_id} of order {name} in {fill.market}, "
                    f"and the order is for {order.ticket.market}",
                    "user_frame",
                )
            if not await self._ledger.done_trading([order.ticket.intent_id]):
                await self._ledger.record_fills([fill])
        await self._wake(name, fill)

    async def _name(self, said: str | None, order_id: str) -> str:
        """Our own name of an order: the message's, or else, since the venue has ceased to say it in fills elsewhere,
        the one on record under the venue's id; "" for an order that nobody here sent."""
        if said or not order_id:
            return said or ""
        order = await self._ledger.order_at(Venue.KALSHI, order_id)
        return "" if order is None else order.client_order_id

    async def _wake(self, client_order_id: str, fill: Fill | None) -> None:
        if client_order_id:
            at_once = fill is not None and not fill.taker
            await self._look_later(Look(Venue.KALSHI, client_order_id, fill, at_once))

    async def _look_later(self, look: Look) -> None:
        if self._later is None:
            await self.look(look)
        else:
            self._later(look)

    async def look(self, look: Look) -> None:
        """Nudge the trade of one of our orders if what came is news to it (see the tables above); nothing for an order
        that nobody here sent. Raises as `hear`."""
        if await self._order(look) is None:
            return
        if not look.at_once:
            await asyncio.sleep(_ANSWER_TIME_S)
        order = await self._order(look)
        if order is not None and _is_news(order, look.fill):
            await self._signal(order.ticket.intent_id, order.client_order_id)

    async def _order(self, look: Look) -> OrderFacts | None:
        if adapter_of(look.venue).tells_our_ids:
            return await self._ledger.order_outcome(look.order_id)
        return await self._ledger.order_at(look.venue, look.order_id)

    async def _resolved(self, market: str, what: str) -> None:
        """Wake the open trades that hold this market: it has a result, or has paid."""
        quoted = market.replace("'", "''")
        woken = 0
        async for execution in self._client.list_workflows(
            f"WorkflowType = '{names.TRADE_WORKFLOW}' AND ExecutionStatus = 'Running' "
            f"AND {names.SEARCH_MARKETS} = '{quoted}'"
        ):
            await self._signal(execution.id, market)
            woken += 1
        if woken:
            log.info("market resolved; its trades look", market=market, what=what, trades=woken)

    async def _signal(self, trade: str, about: str, *, late: bool = False) -> None:
        """`late` news may well find the trade over. Raises RPCError while Temporal is away."""
        try:
            await self._client.get_workflow_handle(trade).signal(names.SIGNAL_ORDER_UPDATE, about)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and late:
                log.info("the trade was over before its venue's last word", trade=trade, about=about)
            elif error.status is RPCStatusCode.NOT_FOUND:  # reconciliation compares what closed trades left behind
                log.warning("news for a trade that has ended", trade=trade, about=about)
            else:
                raise


def _is_news(order: OrderFacts, fill: Fill | None) -> bool:
    """Whether the trade cannot have heard it from the order's own answer."""
    if not order.settled and (order.ticket.rests or order.verdict in (None, Verdict.UNKNOWN)):
        return True
    if fill is None:
        return False
    return fill.status is FillStatus.VOID or fill.at > order.last_sent_at + _LATE_US
