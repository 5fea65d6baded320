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
    | DECIDED-n  | 15 / 52     | 48 / 52      | RED offers ten shares at 20 once: ingest decides by itself       |

All else is worth less than the 20 cents a share that the stack's strategy asks for, so ingest leaves it alone. The
last three are used up by a trade, so each trade has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.market import MarketSpec
from domain.money import MICRO
from venues.recording.session import BookDelta, BookReset, RecordedSession
from venues.recording.tickers import market

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
    "DECIDED": ((15, 52, _DEEP), (48, 52, _DEEP)),
}
STANDING = ("CALM", "CLIFF", "TRAP", "HALTED", "RICH", "BASKET-0", "BASKET-1", "BASKET-2")


def ticker(event: str, colour: str) -> str:
    return f"{event}-{colour}"


def session(name: str, more: Iterable[str] = ()) -> RecordedSession:
    """The standing events and `more` numbered ones; the offers come `OFFER_AFTER_S` after it began."""
    events = [(event, *_TABLE[event.rpartition("-")[0] or event]) for event in (*STANDING, *more)]
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
    return RecordedSession(name, tuple(markets), (*opening, *offers))


def _book(name: str, bid: int, ask: int, size: int) -> BookReset:
    """Eight levels a side, a cent apart; a thin book shows `size` at its ask and nothing behind within reach."""
    rungs = range(8)
    bids = tuple(((bid - rung) * _CENT, _DEEP) for rung in rungs if bid - rung > 0)
    if size == _THIN:
        asks: tuple[tuple[int, int], ...] = (((100 - ask) * _CENT, size), ((100 - ask - 15) * _CENT, _DEEP))
    else:
        asks = tuple(((100 - ask - rung) * _CENT, size) for rung in rungs if 100 - ask - rung > 0)
    return BookReset(_START, name, bids, asks)
