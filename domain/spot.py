"""What the market behind a market costs: one price of an asset, from an exchange or from an index.

Spot prices are data for features, never money: nothing is bought at them here. They are exact all the same, because
a market may pay by `closing price ≥ opening price`, and because a replay must see what the recording saw. The unit is
1e-18 of the quote currency (an *atto*), the unit of Chainlink's own answers; no source writes finer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

ATTO = 10**18
_PLACES = 18
_MOST_DIGITS = 15
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class SpotSource(StrEnum):
    """Who says the price. Two sources are two prices, even of one asset: each has its own delay and its own basis."""

    COINBASE = "coinbase"
    BINANCE = "binance"
    CHAINLINK = "chainlink"
    CHAINLINK_TWAP = "chainlink_twap"
    PYTH = "pyth"


class SpotFeed(StrEnum):
    """Who carries prices to us: one connection each. The value is the stable word in settings, files and metrics, and
    none of them is a venue's."""

    COINBASE = "coinbase"  # Coinbase Exchange
    COINBASE_ADVANCED = "coinbase_advanced"  # Coinbase Advanced Trade
    BINANCE = "binance"
    POLYMARKET_PRICES = "polymarket_prices"  # oracles, as Polymarket's price topics report them

    @property
    def sources(self) -> tuple[SpotSource, ...]:
        """Whose prices it carries."""
        return _CARRIED[self]


_CARRIED = {
    SpotFeed.COINBASE: (SpotSource.COINBASE,),
    SpotFeed.COINBASE_ADVANCED: (SpotSource.COINBASE,),
    SpotFeed.BINANCE: (SpotSource.BINANCE,),
    SpotFeed.POLYMARKET_PRICES: (SpotSource.CHAINLINK, SpotSource.CHAINLINK_TWAP, SpotSource.PYTH),
}


class SpotKind(StrEnum):
    TRADE = "trade"  # the price somebody paid
    QUOTE = "quote"  # the middle of the best bid and ask
    INDEX = "index"  # what an oracle reports


@dataclass(frozen=True, slots=True)
class SpotTick:
    """One price, in attos. `symbol` is the source's own word for the pair (`BTC-USD`, `BTCUSDT`, `btcusd`).

    `exchange_at` is the source's time of the price and `received_at` ours, in microseconds since the epoch. Where the
    source says no time (`timed` false) both are ours. `bid` and `ask` are the best prices in attos where the source
    says them; `bid_size` and `ask_size` in attos of the asset. 0 where it does not.
    """

    source: SpotSource
    symbol: str
    kind: SpotKind
    price: int
    exchange_at: int
    received_at: int
    timed: bool = True
    bid: int = 0
    ask: int = 0
    bid_size: int = 0
    ask_size: int = 0


def to_attos(text: str) -> int:
    """A plain decimal, exactly. Raises ValueError for what is not finite, is 1e15 or more, or is finer than 1e-18."""
    whole_part, _, places = text.partition(".")
    digits = whole_part + places
    if len(whole_part) <= _MOST_DIGITS and len(places) <= _PLACES and digits.isascii() and digits.isdecimal():
        return int(digits + "0" * (_PLACES - len(places)))  # as feeds write it: no need of a Decimal
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number; expected a plain decimal such as 61837.63")
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        raise ValueError(f"{text!r} is not a price; expected a number below 1e{_MOST_DIGITS}") from None
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"{text!r} is not a price; expected a finite number below 1e{_MOST_DIGITS}")
    sign, figures, exponent = number.as_tuple()
    shift = int(exponent) + _PLACES
    whole = int("".join(map(str, figures)))
    if shift >= 0:
        whole *= 10**shift
    elif shift < -len(figures) or whole % 10**-shift:
        if whole:
            raise ValueError(f"{text!r} is finer than 1e-{_PLACES}, the unit of spot prices")
    else:
        whole //= 10**-shift
    return -whole if sign else whole


def price_attos(text: str) -> int:
    """As `to_attos`; raises ValueError for what is not above zero as well."""
    price = to_attos(text)
    if price <= 0:
        raise ValueError(f"price {text!r} is not above zero")
    return price


def size_attos(text: str) -> int:
    """As `to_attos`; raises ValueError for a negative size as well."""
    size = to_attos(text)
    if size < 0:
        raise ValueError(f"size {text!r} is negative")
    return size
