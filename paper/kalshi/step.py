"""What one step of the exchange changed: written as one transaction, then told to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from paper.core.book import Change
from paper.core.engine import MarketEngine
from paper.core.records import FillRow, Order, Position, SettlementRow
from paper.kalshi.account import Account
from paper.kalshi.groups import Group, GroupEvent, Groups
from paper.kalshi.listing import Listing
from paper.kalshi.listings import Event, Listings
from paper.kalshi.store import Store


class Listener(Protocol):
    """Hears what happened, after it is durable. `at` is exchange time in microseconds."""

    def book_changed(self, ticker: str, changes: list[Change], at: int) -> None: ...

    def book_replaced(self, ticker: str) -> None: ...

    def filled(self, fill: FillRow) -> None: ...

    def order_changed(self, order: Order) -> None: ...

    def market_changed(self, listing: Listing, event: Event) -> None: ...

    def group_changed(self, group: Group, event: GroupEvent, at: int) -> None: ...

    def position_changed(self, ticker: str, held: Position) -> None: ...


class Changes:
    """Collected while a step runs. `orders` keeps the version before the step beside the
    latest; `moved` are markets whose position or book changed, `emptied` those whose book was taken away."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[Order | None, Order]] = {}
        self.fills: list[FillRow] = []
        self.paid: list[SettlementRow] = []
        self.emptied: list[str] = []
        self.moved: set[str] = set()

    @property
    def of_account(self) -> bool:
        return bool(self.orders or self.fills or self.paid)

    def note(self, before: Order | None, order: Order) -> None:
        first, _ = self.orders.get(order.order_id, (before, order))
        self.orders[order.order_id] = (first, order)

    def write(
        self, store: Store, account: Account, engines: Mapping[str, MarketEngine], listings: Listings, applied: int
    ) -> None:
        """Into the transaction that is open. `applied` counts the session's events that made the books."""
        for _, order in self.orders.values():
            store.put_order(order)
        for fill in self.fills:
            store.put_fill(fill)
        for row in self.paid:
            store.put_settlement(row)
        listings.write()
        for ticker in self.moved:
            if ticker in account.positions:
                store.put_position(ticker, account.positions[ticker])
            if ticker in engines:
                store.put_taken(ticker, applied, engines[ticker].book.taken)
        if self.fills or self.paid:
            store.put("cash", str(account.signed_cash))

    def tell(self, listener: Listener, listings: Listings, groups: Groups, account: Account, at: int) -> None:
        for fill in self.fills:
            listener.filled(fill)
        for ticker in sorted({fill.ticker for fill in self.fills} | {row.ticker for row in self.paid}):
            listener.position_changed(ticker, account.positions[ticker])
        for group, happened in groups.take_news():
            listener.group_changed(group, happened, at)
        for _, order in self.orders.values():
            listener.order_changed(order)
        for ticker in self.emptied:
            listener.book_replaced(ticker)
        for listing, event in listings.take_news():
            listener.market_changed(listing, event)
