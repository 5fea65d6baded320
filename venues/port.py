"""The port to a venue: what activities and ingest may ask, whichever venue answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from domain.evidence import Fill, ForeignOrder, OrderEvidence, Resolution
from domain.market import MarketSpec
from domain.orders import OrderTicket, PreparedOrder, Quote, SubmitResult


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A working order as the venue lists it. `client_order_id` is empty where the venue knows only its own ids."""

    order_id: str
    client_order_id: str
    market: str
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """One venue account at one moment: cash in dollars, signed YES shares by market, working orders, all fills.

    Markets that have paid out are no position any more. Cash is what may be spent plus what working orders hold back;
    the collateral of shares held short is not in it.

    Cash and positions may be as they were up to `late_us` microseconds before the read, whatever the fills beside them
    say: venues answer balances from caches. A difference is believed once it has stood for longer than that.
    """

    cash: Decimal
    positions: dict[str, Decimal]
    open_orders: tuple[OpenOrder, ...]
    fills: tuple[Fill, ...]
    late_us: int = 0


@runtime_checkable
class Refreshable(Protocol):
    """A venue that keeps balances and reads them again when it is asked to."""

    async def refresh_balances(self, markets: Sequence[str]) -> None:
        """Have it read again what it keeps of these markets, and of our cash. Never raises: a refresh that cannot be
        had leaves balances as late as their reads say."""
        ...


@runtime_checkable
class Pooled(Protocol):
    """A venue whose money lies in several pools that do not help each other (`MarketSpec.pool`)."""

    async def pools(self) -> dict[str, Decimal]:
        """Free dollars by pool."""
        ...


class VenueClient(Protocol):
    """What a trade needs of a venue. Reads raise `Unavailable` when they could not be asked, `Rejected` when refused.

    `submit` never raises for an outcome: it returns one of the four verdicts. `cancel` proves nothing about fills.
    """

    async def submit(self, ticket: OrderTicket) -> SubmitResult: ...

    async def cancel(self, market: str, order_id: str) -> None: ...

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        """The venue's word on one order, fills included.

        `sent_at` is when the last copy left (wall-clock microseconds). ABSENT is answered only when a complete
        listing, provably fresher than `sent_at + grace_ms`, lacks the order; before that it is UNSEEN.
        """
        ...

    async def quote(self, market: str) -> Quote: ...

    async def market(self, market: str) -> MarketSpec: ...

    def forget_rules(self, market: str) -> None:
        """The venue said that the rules of `market` changed: the next look asks anew."""
        ...

    async def cash(self) -> Decimal:
        """Free dollars, as late as `Account.late_us` says: enough to decide on, since the venue has the last word."""
        ...

    async def account(self) -> Account: ...

    async def resolution(self, market: str) -> Resolution:
        """What the market has paid; `payout` None until it has."""
        ...

    async def look_up(self, order_id: str) -> ForeignOrder:
        """An order of this account by the venue's own id, fills included. Raises `Rejected` when there is none."""
        ...

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        """The exact bytes `submit` sends for this ticket: a pure function of it, of the account's key, and of what
        never changes about its market. Raises `Denied` for a ticket the wire cannot carry, `Unavailable` when the
        market's rules have to be read and cannot be.
        """
        ...
