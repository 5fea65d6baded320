"""What one step of the Polymarket side changed: written as one transaction, then told to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from paper.core.book import Change
from paper.core.engine import MarketEngine
from paper.polymarket.conditions import Market, Markets
from paper.polymarket.records import ClobOrder, ClobTrade, Wallet
from paper.polymarket.store import ClobStore

OrderNews = Literal["PLACEMENT", "UPDATE", "CANCELLATION"]
MarketNews = Literal["new_market", "market_resolved", "tick_size_change"]


class ClobListener(Protocol):
    """Hears what happened, after it is durable. Times are exchange time in microseconds."""

    def book_changed(self, market: Market, changes: list[Change], at: int) -> None: ...

    def book_replaced(self, market: Market) -> None: ...

    def printed(self, trade: ClobTrade) -> None: ...

    def order_changed(self, order: ClobOrder, news: OrderNews) -> None: ...

    def trade_changed(self, trade: ClobTrade) -> None: ...

    def market_changed(self, market: Market, news: MarketNews, old_tick: int) -> None: ...


class Changes:
    """Collected while a step runs, and over the steps of one event until it is told. `rich` are wallets that changed,
    `moved` the conditions whose book or last price did, `emptied` those whose book was taken away."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[ClobOrder, OrderNews]] = {}
        self.trades: dict[str, ClobTrade] = {}
        self.prints: list[ClobTrade] = []
        self.news: list[tuple[Market, MarketNews, int]] = []
        self.rich: set[str] = set()
        self.moved: set[str] = set()
        self.emptied: set[str] = set()

    def note(self, order: ClobOrder, news: OrderNews) -> None:
        first = self.orders.get(order.order_id)
        self.orders[order.order_id] = (order, "PLACEMENT" if first and first[1] == "PLACEMENT" else news)

    def write(
        self,
        store: ClobStore,
        wallets: Mapping[str, Wallet],
        markets: Markets,
        engines: Mapping[str, MarketEngine],
        applied: int,
    ) -> None:
        """Into the transaction that is open. `applied` counts the session's events that made the books."""
        for order, _ in self.orders.values():
            store.put_order(order)
        for trade in self.trades.values():
            store.put_trade(trade)
        for address in self.rich:
            store.put_wallet(wallets[address])
        for condition in markets.changed:
            market = markets.get(condition)
            assert market is not None
            store.put_market(market)
        for condition in self.moved & engines.keys():
            store.put_taken(condition, applied, engines[condition].book.taken)
        markets.changed.clear()
        self.rich.clear()

    def tell(self, listener: ClobListener, markets: Markets) -> None:
        for order, kind in self.orders.values():
            listener.order_changed(order, kind)
        for trade in self.trades.values():
            listener.trade_changed(trade)
        for trade in self.prints:
            listener.printed(trade)
        for condition in self.emptied:
            market = markets.get(condition)
            assert market is not None
            listener.book_replaced(market)
        for market, what, old_tick in self.news:
            listener.market_changed(market, what, old_tick)
