"""The ledger's side of a venue account, as a reconciliation reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from domain.custody import OpenTrade
from domain.evidence import Fill, FillStatus
from domain.money import tidy
from domain.snapshot import OrderFacts, VenueSnapshot
from domain.trade import TradeState

FillKey = tuple[str, str]
"""The venue's trade id and order id: with the venue, what names a fill."""


@dataclass(frozen=True, slots=True)
class DeclaredTransfer:
    """Dollars that a person says were moved to (negative: from) a venue. `ref` names the movement; `at` (µs) is when
    it was said. `seen`: what was declared known is a difference that a run had found, so the balance has shown it."""

    ref: str
    amount: Decimal
    author: str
    reason: str
    at: int
    seen: bool = False

    def __str__(self) -> str:
        return f"${tidy(self.amount)} by {self.author} ({self.reason})"


DECLARED_FOR_US = 3_600_000_000
"""How long a declared transfer may take to show in the balance: it is declared when it leaves, or is about to come."""


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """The ledger's side of one venue account.

    `cash` adds up every entry; `opened_at` is when the opening balance among them was read, None without one: fills
    from before are part of it. `orders` are at least those that are open, those that own something the venue works or
    the ledger lacks, and those of closed trades whose fills on record are not as many shares as the trade counted;
    `states` of the trades that own them (CLOSED ones included). `unowned` are the fills on record of orders that are
    not. `known` is what a person has acknowledged, as `Finding.known_as`, and `known_shares` the shares by market that
    a person has declared to be nobody's. `declared` are the transfers that a person has declared and the ledger has
    not booked: none was seen in the balance yet.
    """

    opened_at: int | None
    cash: Decimal
    positions: Mapping[str, Decimal]
    fills: tuple[Fill, ...]
    orders: tuple[OrderFacts, ...]
    states: Mapping[str, TradeState]
    open_trades: tuple[OpenTrade, ...]
    known: frozenset[str] = frozenset()
    known_shares: Mapping[str, Decimal] = field(default_factory=dict)
    declared: tuple[DeclaredTransfer, ...] = ()
    unowned: frozenset[FillKey] = frozenset()


def key_of(fill: Fill) -> FillKey:
    return (fill.trade_id, fill.order_id)


def unrecorded(account: VenueSnapshot, books: VenueBooks) -> tuple[Fill, ...]:
    """Fills since the opening that the venue lists and the ledger lacks, and those the venue has voided since."""
    ours = {key_of(fill): fill for fill in books.fills}
    news = []
    for fill in account.fills:
        mine = ours.get(key_of(fill))
        if mine is None and books.opened_at is not None and fill.at < books.opened_at:
            continue
        void = fill.status is FillStatus.VOID
        if (mine is None and not void) or (mine is not None and void and mine.status is not FillStatus.VOID):
            news.append(fill)
    return tuple(news)
