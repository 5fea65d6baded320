"""What the script asks of a client, whichever venue it is made for. Each desk translates; it never decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

Levels = dict[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Wish:
    """An order: dollars and shares. `how`: rest (GTC), take (IOC/FAK: what can be had now), all (FOK: all or none)."""

    market: str
    side: Literal["buy", "sell"]
    price: Decimal
    size: Decimal
    how: Literal["rest", "take", "all"] = "rest"
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """What the venue answered. `filled` is None where its answer does not say."""

    order_id: str
    filled: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderState:
    """`resting` as long as more of it can fill."""

    order_id: str
    resting: bool
    filled: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Filled:
    """One fill row. `fee` is None where the venue lists none."""

    fill_id: str
    order_id: str
    market: str
    side: Literal["buy", "sell"]
    price: Decimal
    size: Decimal
    fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BookView:
    bids: Levels
    asks: Levels

    def __str__(self) -> str:
        bid = max(self.bids, default=None)
        ask = min(self.asks, default=None)
        return f"{len(self.bids)} bids from {bid}, {len(self.asks)} asks from {ask}"


class Refused(Exception):
    """The client reports that the venue said no. `by_client`: it never left, the client itself would not send it."""

    def __init__(self, words: str, *, status: int | None = None, by_client: bool = False) -> None:
        super().__init__(words)
        self.words = " ".join(words.split())
        self.status = status
        self.by_client = by_client


@dataclass(slots=True)
class Ears:
    """What the streams brought so far. `orders` holds order ids by each message about them."""

    up: bool = False
    orders: list[str] = field(default_factory=list)
    fills: list[Filled] = field(default_factory=list)
    books: dict[str, BookView] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Extra:
    """A call only this client is asked for. `call` raises `Wrong` or anything else if it does not do as expected, and
    answers with what was seen. It leaves working orders as they were, and `shares` more of the traded market. `late`:
    only once nothing of the script rests any more."""

    name: str
    expected: str
    call: Callable[[], Awaitable[object]]
    shares: Decimal = Decimal(0)
    late: bool = False


class Desk(Protocol):
    """One client, opened against one stand. Whatever refuses raises `Refused`; anything else is the client's own
    failure and is reported as it is."""

    @property
    def version(self) -> str: ...

    @property
    def lacks(self) -> dict[str, str]:
        """What this client cannot do, and why, by name: `batch`, `cancel_all`, `cancel_again` (say that a cancel came
        too late)."""
        ...

    def extras(self) -> list[Extra]:
        """What else this client can do at the stand."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def wrong_key(self) -> None:
        """An account read signed with a key or secret the venue does not know."""
        ...

    async def make(self, wish: Wish) -> Any:
        """The order ready to send; sending it twice sends the same order twice."""
        ...

    async def send(self, made: Any) -> Placed: ...

    async def send_many(self, made: list[Any]) -> list[Placed | Refused]: ...

    async def cancel(self, market: str, order_id: str) -> None: ...

    async def cancel_all(self) -> None: ...

    async def order(self, order_id: str) -> OrderState: ...

    async def open_orders(self) -> dict[str, Decimal]:
        """Order ids and what is still unfilled."""
        ...

    async def fills(self) -> list[Filled]: ...

    async def position(self, market: str) -> Decimal: ...

    async def cash(self) -> Decimal:
        """Dollars; asked only while nothing rests."""
        ...

    async def book(self, market: str) -> BookView: ...

    async def rules(self, market: str) -> tuple[Decimal, Decimal]:
        """Price step at the middle of the range, and the smallest order in shares (0 where nobody says)."""
        ...

    async def listen(self, markets: list[str], ears: Ears) -> None:
        """Subscribe and keep `ears` current in the background until `close`; returns once the venue has accepted."""
        ...


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> bool:
    """Ask again and again; whether it came true in time."""
    end = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


async def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """`until` for what needs no asking."""

    async def look() -> bool:
        return holds()

    return await until(look, seconds)
