"""What venues push of the account, spoiled on its way, into the channel that fills the ledger and wakes the trade.

The frames are those of the paper exchange's streams, Polymarket's read as its own stream reads them; sockets,
subscriptions and books are tried elsewhere. A frame may be lost, late, doubled, cut or wrong; the channel may refuse it
(`BadInput`), and nothing else may come out of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from domain.errors import BadInput
from paper.core.book import Change
from paper.core.records import FillRow, Order, Position
from paper.kalshi.groups import Group, GroupEvent
from paper.kalshi.listing import Listing
from paper.kalshi.listings import Event
from paper.kalshi.wire_frames import fill_message, lifecycle_message, order_message
from paper.polymarket import wire
from paper.polymarket.conditions import Market
from paper.polymarket.facade import PolymarketSide
from paper.polymarket.records import ClobOrder, ClobTrade
from paper.polymarket.step import MarketNews, OrderNews
from proof.wire_fuzz.honest import Told, wallet
from proof.wire_fuzz.kinds import PUSH, Asked
from proof.wire_fuzz.lies import RIGHT, Liar
from venues.polymarket.user_stream import USER_PATH, events
from workers.user_channel import ChannelLedger, UserChannel

_KALSHI, _POLYMARKET = Asked(PUSH, "/trade-api/ws/v2", b""), Asked(PUSH, USER_PATH, b"")
_ON_THE_WAY = frozenset({"lost", "unreachable", "reset", "refused", "swallowed", "busy"})
_LATE_S = (0.2, 3.0, 30.0, 300.0)


class Delivery:
    """The way of a frame to the channel. `nudge` wakes the trade `trade`; `raised` hears what came out of the channel
    that may not; `at_ms` is the world's time."""

    def __init__(  # noqa: PLR0917 - the ends of one line
        self,
        liar: Liar,
        rng: Random,
        ledger: ChannelLedger,
        trade: str,
        nudge: Callable[[], None],
        raised: Callable[[str], None],
        at_ms: Callable[[], int],
    ) -> None:
        temporal: Any = _Temporal(trade, nudge)
        self._channel = UserChannel(temporal, ledger)
        self._liar, self._rng, self._raised, self._at_ms = liar, rng, raised, at_ms
        self._taking: set[asyncio.Task[None]] = set()

    def push(self, asked: Asked, message: dict[str, Any]) -> None:
        said = Told(200, {}, msgspec.json.encode(message))
        lie, wait = self._liar.decide(asked), self._rng.uniform(0.001, 0.05)
        self._liar.remember(asked, said)
        told, what = said, ""
        if lie.name in ("late", "slow"):
            wait = self._rng.choice(_LATE_S)
        elif lie.name not in (RIGHT, "twice", *_ON_THE_WAY):
            told, what = self._liar.spoiled(asked, lie, said)
        self._liar.note(asked, lie, what, self._at_ms())
        if lie.name in _ON_THE_WAY:
            return
        for n in range(2 if lie.name == "twice" else 1):
            self._later(asked, told.body, wait + n * self._rng.choice(_LATE_S))

    def _later(self, asked: Asked, frame: bytes, wait: float) -> None:
        task = asyncio.get_running_loop().create_task(self._take(asked, frame, wait))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, asked: Asked, frame: bytes, wait: float) -> None:
        await asyncio.sleep(wait)
        try:
            if asked is _KALSHI:
                await self._channel.take(frame)
                return
            for event in events(frame)[0]:  # what it cannot read goes to the dead letters, and no further
                await self._channel.hear(event)
        except BadInput:
            return
        except Exception as error:
            self._raised(f"the user channel raised {type(error).__name__}: {str(error)[:120]} at {frame[:200]!r}")


class Pushes:
    """A `paper.kalshi.step.Listener` of Kalshi's side."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._seq = 0

    def filled(self, fill: FillRow) -> None:
        self._delivery.push(_KALSHI, fill_message(1, fill))

    def order_changed(self, order: Order) -> None:
        self._delivery.push(_KALSHI, order_message(2, order))

    def market_changed(self, listing: Listing, event: Event) -> None:
        self._seq += 1
        self._delivery.push(_KALSHI, lifecycle_message(3, self._seq, listing, event))

    def book_changed(self, ticker: str, changes: list[Change], at: int) -> None:
        """Not of the account."""

    def book_replaced(self, ticker: str) -> None:
        """As above."""

    def group_changed(self, group: Group, event: GroupEvent, at: int) -> None:
        """As above."""

    def position_changed(self, ticker: str, held: Position) -> None:
        """Nobody listens to it."""


class ClobPushes:
    """A `paper.polymarket.step.ClobListener` in front of Polymarket's side, which hears everything too."""

    def __init__(self, delivery: Delivery, side: PolymarketSide) -> None:
        self._delivery, self._side = delivery, side

    def order_changed(self, order: ClobOrder, news: OrderNews) -> None:
        self._side.order_changed(order, news)
        market = self._side.clob.markets.get(order.condition)
        if market is not None and _ours(order.keeper):
            self._delivery.push(_POLYMARKET, wire.order_event(order, market, news))

    def trade_changed(self, trade: ClobTrade) -> None:
        self._side.trade_changed(trade)
        if _ours(trade.keeper):
            self._delivery.push(_POLYMARKET, wire.trade_event(trade))

    def book_changed(self, market: Market, changes: list[Change], at: int) -> None:
        self._side.book_changed(market, changes, at)

    def book_replaced(self, market: Market) -> None:
        self._side.book_replaced(market)

    def printed(self, trade: ClobTrade) -> None:
        self._side.printed(trade)

    def market_changed(self, market: Market, news: MarketNews, old_tick: int) -> None:
        self._side.market_changed(market, news, old_tick)


def _ours(keeper: str) -> bool:
    """Whether the private channel of our account speaks of it."""
    return keeper.lower() == wallet().address.lower()


@dataclass(frozen=True, slots=True)
class _Execution:
    id: str


class _Handle:
    def __init__(self, nudge: Callable[[], None]) -> None:
        self._nudge = nudge

    async def signal(self, name: str, about: str) -> None:
        self._nudge()


class _Temporal:
    """The one running trade, as the channel finds and wakes it."""

    def __init__(self, trade: str, nudge: Callable[[], None]) -> None:
        self._trade, self._nudge = trade, nudge

    def get_workflow_handle(self, trade: str) -> _Handle:
        return _Handle(self._nudge)

    async def list_workflows(self, query: str) -> AsyncIterator[_Execution]:
        yield _Execution(self._trade)
