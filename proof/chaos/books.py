"""The markets chaos trades on: a session of books that stand, deep where a path needs depth and thin where not.

    | event      | RED bid/ask | BLUE bid/ask | what it is for                                                   |
    |------------|-------------|--------------|------------------------------------------------------------------|
    | CALM       | 44 / 45     | 44 / 45      | both legs at once, ten cents below a dollar                      |
    | CLIFF      | 44 / 45     | 60 / 80      | the other leg is dear: what stands is sold again                 |
    | TRAP       | 10 / 45     | 50 / 95      | neither way out fits a small loss budget                         |
    | HALTED     | 44 / 45     | 44 / 45      | stands under a halt                                              |
    | RICH       | 55 / 56     | 55 / 56      | both bids together above a dollar: sold                          |
    | BASKET-n   | 25 / 30     | 70 / 80      | three RED make a basket                                          |
    | THIN-n     | 44 / 45 × 2 | 44 / 45      | two shares at the touch, the rest of an order rests              |
    | PAID-n     | 44 / 45     | 44 / 45      | is resolved, RED wins                                            |
    | BROKEN-n   | 44 / 45     | 44 / 45      | as CALM; a trade that is parked there stops these markets alone  |
    | DECIDED-n  | 15 / 52     | 48 / 52      | RED offers ten shares at 20 once: ingest decides by itself       |
    | POOL       | 44 / 45     | 55 / 56      | two tokens of one condition at Polymarket: a leg at each venue   |
    | POOLTHIN-n | 44 / 45 × 2 | 55 / 56      | the same, two shares at the touch                                |
    | POOLPAID-n | 44 / 45     | 55 / 56      | the same, is resolved, RED wins                                  |

All else is worth less than the 20 cents a share that the stack's strategy asks for, so ingest leaves it alone. Those
with a number are used up by a trade, so each trade has one of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal

from domain.fees import FeeModel, FeeSchedule
from domain.market import CENT_GRID, MarketSpec, Venue
from domain.money import MICRO
from recording.sources.session import BookDelta, BookReset, Condition, RecordedSession
from recording.sources.tickers import market

OFFER_AFTER_S = 1.5
_START = 1_767_225_600 * MICRO
_CENT = 10_000
_DEEP = 1_000_000 * MICRO
_THIN = 2 * MICRO
_OFFER = 10 * MICRO


_TABLE: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "CALM": ((44, 45, _DEEP), (44, 45, _DEEP)),
    "CLIFF": ((44, 45, _DEEP), (60, 80, _DEEP)),
    "TRAP": ((10, 45, _DEEP), (50, 95, _DEEP)),
    "HALTED": ((44, 45, _DEEP), (44, 45, _DEEP)),
    "RICH": ((55, 56, _DEEP), (55, 56, _DEEP)),
    "BASKET": ((25, 30, _DEEP), (70, 80, _DEEP)),
    "THIN": ((44, 45, _THIN), (44, 45, _DEEP)),
    "PAID": ((44, 45, _DEEP), (44, 45, _DEEP)),
    "BROKEN": ((44, 45, _DEEP), (44, 45, _DEEP)),
    "DECIDED": ((15, 52, _DEEP), (48, 52, _DEEP)),
}
_POOLS: dict[str, int] = {"POOL": _DEEP, "POOLTHIN": _THIN, "POOLPAID": _DEEP}
POOL_FEES = FeeSchedule(taker=Decimal("0.05"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET)
POOL_LEAST = Decimal(5)
STANDING = ("CALM", "CLIFF", "TRAP", "HALTED", "RICH", "BASKET-0", "BASKET-1", "BASKET-2", "POOL")


def ticker(event: str, colour: str) -> str:
    return f"{event}-{colour}"


def token(event: str, colour: str) -> str:
    """The Polymarket token of a pool; its last four digits tell the colour."""
    return f"{int.from_bytes(_digest(event)[:26])}{'0001' if colour == 'RED' else '0002'}"


def condition(event: str) -> str:
    return f"0x{_digest(event).hex()}"


def is_pool(event: str) -> bool:
    return _kind(event) in _POOLS


def session(name: str, more: Iterable[str] = ()) -> RecordedSession:
    """The standing events and `more`, each once; the offers come `OFFER_AFTER_S` after it began."""
    named = tuple(dict.fromkeys((*STANDING, *more)))
    pools = [event for event in named if is_pool(event)]
    events = [(event, *_TABLE[_kind(event)]) for event in named if not is_pool(event)]
    markets: list[MarketSpec] = []
    opening: list[BookReset | BookDelta] = []
    offers: list[BookReset | BookDelta] = []
    for event, red, blue in events:
        for colour, (bid, ask, size) in (("RED", red), ("BLUE", blue)):
            spec = market(ticker(event, colour), event, f"{colour.title()} wins")
            markets.append(spec)
            opening.append(_book(spec.market, bid, ask, size))
        if event.startswith("DECIDED"):
            at = _START + int(OFFER_AFTER_S * MICRO) + len(offers) * 5_000
            offers.append(BookDelta(at, ticker(event, "BLUE"), "yes", 47 * _CENT, MICRO))
            offers.append(BookDelta(at + 1, ticker(event, "RED"), "no", 80 * _CENT, _OFFER))
    for event in pools:
        markets.append(_first_token(event))
        opening.append(_book(token(event, "RED"), 44, 45, _POOLS[_kind(event)]))
    conditions = tuple(Condition(token(event, "RED"), condition(event), ("Red", "Blue")) for event in pools)
    return RecordedSession(name, tuple(markets), (*opening, *offers), conditions=conditions)


def _first_token(event: str) -> MarketSpec:
    return MarketSpec(
        venue=Venue.POLYMARKET,
        market=token(event, "RED"),
        event=condition(event),
        title=f"{event}: red against blue",
        fees=POOL_FEES,
        price_ranges=CENT_GRID,
        min_size=POOL_LEAST,
        min_notional=Decimal(1),
        outcomes=2,
        outcome="Red",
        complement=token(event, "BLUE"),
    )


def _kind(event: str) -> str:
    return event.partition("-")[0]


def _digest(event: str) -> bytes:
    return hashlib.sha256(f"chaos {event}".encode()).digest()


def _book(name: str, bid: int, ask: int, size: int) -> BookReset:
    """Eight levels a side, a cent apart; a thin book shows `size` at its ask and nothing behind within reach."""
    rungs = range(8)
    bids = tuple(((bid - rung) * _CENT, _DEEP) for rung in rungs if bid - rung > 0)
    if size == _THIN:
        asks: tuple[tuple[int, int], ...] = (((100 - ask) * _CENT, size), ((100 - ask - 15) * _CENT, _DEEP))
    else:
        asks = tuple(((100 - ask - rung) * _CENT, size) for rung in rungs if 100 - ask - rung > 0)
    return BookReset(_START, name, bids, asks)
