"""What one leg risks, read off its book: plain estimates, each with its reason, for `domain.sequence` to order by.

* **How soon its price moves.** A touch that moves every `gap` microseconds is gone after w of them with about
  w / (w + gap). `gap` is the book's own smoothed pace, or how long it has been silent now if that is longer: an old,
  unmoved touch is a calm one. (An old *message* is the gates' business.)
* **How long it is exposed.** Sent first: the way to the exchange, PATH_US, and what the venue itself holds a taking
  order back. Sent later: one leg longer, LEG_US, and the same delay. What other legs' venues hold back is left out: a
  leg that waits for them is looked at again before it is sent, a delayed order is not.
* **How scarce it is.** Where n times what we need stands at the limit or better, a move takes our part of it about one
  time in n.
* **What unwinding it loses.** Its exact cost, less what the other side of its own book pays for it now after fees, plus
  one tick a share for the move that made it necessary. Shares that find nobody bring nothing.

PATH_US and LEG_US are measured on one machine against the paper exchange (docs/benchmarks.md): the median way of a
first order, and between two legs the 99th percentile, since π should be taken at its upper end.
"""

from __future__ import annotations

from domain.book import Book
from domain.depth import TakerFees, Walk, buy, sell
from domain.market import MarketSpec
from domain.money import from_micros, to_micros
from domain.orders import Side
from domain.sequence import PPM, LegRisk

PATH_US = 20_000
LEG_US = 40_000


def risk_of(book: Book, walk: Walk, side: Side, spec: MarketSpec, at: int) -> LegRisk:
    """The risk of taking `walk` on `side` of `book`, decided at `at` (exchange microseconds)."""
    gap = max(book.touch_gap, at - book.touched_at)
    delay = spec.delay_ms * 1000
    need, standing = walk.filled, max(_standing(book, walk, side), walk.filled, 1)
    return LegRisk(
        key=spec.market,
        fills=PPM - _moves(PATH_US + delay, gap) * need // standing,
        gone=min(_moves(LEG_US + delay, gap) * need // standing, PPM - 1),
        loss=max(_unwinding(book, walk, side, spec), 1),
    )


def _moves(waits: int, gap: int) -> int:
    """Chance in ppm that a touch of this pace moves within so many microseconds."""
    return PPM * waits // (waits + gap)


def _standing(book: Book, walk: Walk, side: Side) -> int:
    """Micro-shares at the walk's worst price or better."""
    if side is Side.BUY:
        return sum(size for price, size in book.asks.items() if price <= walk.worst)
    return sum(size for price, size in book.bids.items() if price >= walk.worst)


def _unwinding(book: Book, walk: Walk, side: Side, spec: MarketSpec) -> int:
    """Picos lost by giving all of `walk` back to the same book."""
    fees = TakerFees.of(spec.fees)
    drift = to_micros(spec.step_at(from_micros(walk.worst))) * walk.filled
    if side is Side.BUY:
        back = sell(book.bid_levels(), walk.filled, fees)
        return walk.cost - back.proceeds + drift
    back = buy(book.ask_levels(), walk.filled, fees)
    unfound = (walk.filled - back.filled) * to_micros(spec.payoff)
    return back.cost + unfound - walk.proceeds + drift
