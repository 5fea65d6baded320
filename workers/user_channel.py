"""The account's private frames: fills into the ledger, and a nudge to the trades that should look again.

Nothing is believed from a frame alone; a nudge only ends a trade's wait early, and it reads the venue itself. A signal
is a hop and a durable write, so a trade that has heard already gets none:

| frame | order or trade | nudged |
|---|---|---|
| fill, own order | its outcome is unknown, or no answer came within half a second | yes |
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

import msgspec
import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import SurefootError
from domain.evidence import Fill, FillStatus
from domain.market import Venue
from domain.orders import Verdict
from domain.snapshot import OrderFacts
from ingest.events import Resolved, TickChange
from ledger.port import OrderLedger
from venues.kalshi.messages import FillMessage, LifecycleMessage, UserOrderMessage
from venues.kalshi.translate import fill_from_stream
from venues.polymarket.user_stream import UserEvent, UserOrder
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


_BOOK = b'{"type":"orderbook_'
_OUTSIDE = msgspec.json.Decoder(_Type)


class _Fill(msgspec.Struct):
    msg: FillMessage


class _Order(msgspec.Struct):
    msg: UserOrderMessage


class _Lifecycle(msgspec.Struct):
    msg: LifecycleMessage


class UserChannel:
    """Takes what the streams say of the account, on the trading side's loop: Kalshi's `fill`, `user_order` and
    `market_lifecycle_v2` frames, Polymarket's user events, and markets that have a result or another grid, of which
    `on_rules(venue, market)` is told."""

    def __init__(
        self,
        client: Client,
        ledger: OrderLedger,
        on_rules: Callable[[Venue, str], None] = lambda venue, market: None,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._on_rules = on_rules
        self._fills = msgspec.json.Decoder(_Fill)
        self._orders = msgspec.json.Decoder(_Order)
        self._lifecycles = msgspec.json.Decoder(_Lifecycle)

    async def hear(self, news: bytes | UserEvent | Resolved | TickChange) -> None:
        """Whatever it is. Never raises for what a venue says."""
        if isinstance(news, bytes):
            await self.take(news)
            return
        try:
            if isinstance(news, Resolved):
                for market in news.markets:
                    await self._resolved(market, "resolved")
            elif isinstance(news, TickChange):
                self._on_rules(news.venue, news.market)
            else:
                await self._event(news)
        except (SurefootError, RPCError) as trouble:
            log.warning("user event not taken", error=str(trouble))

    async def _event(self, event: UserEvent) -> None:
        """See the second table above."""
        if isinstance(event, UserOrder):
            await self._look(event.order_id, at_once=False)
        elif event.status in _FINAL_WORDS:
            for order_id in event.order_ids:
                order = await self._ledger.order_at(Venue.POLYMARKET, order_id)
                if order is not None:
                    await self._signal(order.ticket.intent_id, order.client_order_id, late=True)
        elif event.status not in _NO_NEWS:
            for order_id in event.order_ids:
                await self._look(order_id, at_once=order_id != event.taker_order_id)

    async def _look(self, order_id: str, *, at_once: bool) -> None:
        """Nudge the trade of one of our orders while its answer has not told what became of it."""
        if await self._ledger.order_at(Venue.POLYMARKET, order_id) is None:
            return  # somebody else's side of a trade, or an order that nobody here sent
        if not at_once:
            await asyncio.sleep(_ANSWER_TIME_S)
        order = await self._ledger.order_at(Venue.POLYMARKET, order_id)
        if order is not None and _is_news(order, None):
            await self._signal(order.ticket.intent_id, order.client_order_id)

    async def take(self, raw: bytes) -> None:
        """One frame. What cannot be read or stored is logged: the trade's own settling reads every fill again."""
        try:
            match _OUTSIDE.decode(raw).type:
                case "fill":
                    await self._fill(self._fills.decode(raw).msg)
                case "user_order":
                    await self._wake(self._orders.decode(raw).msg.client_order_id or "", None)
                case "market_lifecycle_v2":
                    news = self._lifecycles.decode(raw).msg
                    if news.event_type in _PAYING:
                        await self._resolved(news.market_ticker, news.event_type)
                    elif news.event_type == _NEW_GRID:
                        self._on_rules(Venue.KALSHI, news.market_ticker)
        except (SurefootError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, RPCError) as trouble:
            log.warning("user channel frame not taken", error=str(trouble))

    async def _fill(self, message: FillMessage) -> None:
        fill = fill_from_stream(message)
        if fill is not None and fill.client_order_id:
            await self._ledger.record_fills([fill])
        await self._wake(message.client_order_id or "", fill)

    async def _wake(self, client_order_id: str, fill: Fill | None) -> None:
        """Nudge the order's trade if what came is news to it. See the table above."""
        if not client_order_id:
            return
        if fill is None or fill.taker:
            await asyncio.sleep(_ANSWER_TIME_S)
        order = await self._ledger.order_outcome(client_order_id)
        if order is not None and _is_news(order, fill):
            await self._signal(order.ticket.intent_id, client_order_id)

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
        """`late` news may well find the trade over."""
        try:
            await self._client.get_workflow_handle(trade).signal(names.SIGNAL_ORDER_UPDATE, about)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and late:
                log.info("the trade was over before its venue's last word", trade=trade, about=about)
            elif error.status is RPCStatusCode.NOT_FOUND:  # reconciliation compares what closed trades left behind
                log.warning("news for a trade that has ended", trade=trade, about=about)
            else:
                log.info("trade not nudged; it asks again by itself", trade=trade, about=about, error=error.message)


def _is_news(order: OrderFacts, fill: Fill | None) -> bool:
    """Whether the trade cannot have heard it from the order's own answer."""
    if not order.settled and (order.ticket.rests or order.verdict in (None, Verdict.UNKNOWN)):
        return True
    if fill is None:
        return False
    return fill.status is FillStatus.VOID or fill.at > order.last_sent_at + _LATE_US


def is_user_frame(raw: bytes) -> bool:
    """Whether a frame is the account's business, not the books'. The books' frames, nearly all there are, are told at
    a glance."""
    if raw.startswith(_BOOK):
        return False
    try:
        return _OUTSIDE.decode(raw).type in ("fill", "user_order", "market_lifecycle_v2")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
