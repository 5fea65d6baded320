"""The quote firewall: a book may be whole, fresh and uncrossed, and still not say what anything costs.

Each instrument's touch passes through here, in order; the first rule that holds is the answer.

    IMPOSSIBLE  a price not between 0 and 1 dollar or off the tick grid, a price without a size, a quote older than the
                one before it
    CROSSED     the best bid is not below the best ask
    DEGENERATE  a side is empty; or the spread is `void` or more: nobody quotes; or it is above `wide` and neither price
                has moved for `still`: what was left behind by those who quoted
    ARTEFACT    |weighted mid − mid| > `lean` ticks: sizes alone move the price, and a size is gone in a moment; it
                takes a spread of more than 2·`lean` ticks
    JUMP        |mid − last believed mid| > max(k·σ_p·√Δt, `floor` ticks), Δt since it was last believed and at least
                `moment`. A mid that stays within those bounds of its new place for `stands` is believed from then on:
                news is a jump too, and a firewall that never gives in trades on the past
    MIRRORED    two tokens of a condition do not show one book from its two sides (`PairFirewall`)

σ_p is in dollars per √second, from the quadratic variation of believed mids with an exponential window: v ← u·v +
(1 − u)·Δ²/Δt, u = e^(−Δt/τ). It starts from `prior`, and a jump counts as no more than its bound: one wild quote must
not make the next one look calm. Refused quotes of the other kinds teach nothing.

Pure: no clock (exchange times come with the quotes), no I/O; the same quotes give the same refusals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from domain.decisions import Gate, Refused
from domain.features.touch import Touch
from domain.money import MICRO, from_micros
from ingest.gates import mirrored

_SECOND = 1e6
_LN2 = math.log(2.0)


@dataclass(frozen=True, slots=True)
class QuoteLimits:
    """Spreads in micros of a dollar, times in microseconds, `prior` in dollars per √second, the rest as said above.

    The defaults fit five- and fifteen-minute markets on a cent grid (docs/features.md says what they refuse there).
    """

    void: int = 500_000
    wide: int = 100_000
    still: int = 5_000_000
    lean: float = 2.0
    sigmas: float = 6.0
    floor: float = 2.0
    moment: int = 1_000_000
    stands: int = 2_000_000
    halflife: int = 60_000_000
    prior: float = 0.005

    def __post_init__(self) -> None:
        if min(self.void, self.wide, self.sigmas, self.moment, self.halflife, self.prior) <= 0:
            raise ValueError(f"{self}: expected void, wide, sigmas, moment, halflife and prior above 0")
        if min(self.still, self.lean, self.floor, self.stands) < 0:
            raise ValueError(f"{self}: expected still, lean, floor and stands of at least 0")


class QuoteFirewall:
    """One instrument. `tick` in micros; set it anew when the grid changes."""

    __slots__ = (
        "_believed",
        "_believed_at",
        "_jump_at",
        "_jumped",
        "_limits",
        "_moved_at",
        "_refused",
        "_touch",
        "_variance",
        "tick",
    )

    def __init__(self, tick: int, limits: QuoteLimits) -> None:
        if not 0 < tick < MICRO:
            raise ValueError(f"tick {tick} micros; expected between 0 and a dollar")
        self.tick = tick
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """The book was lost: its next touch is believed as a place to start from, and the volatility is the prior."""
        self._touch: Touch | None = None
        self._moved_at = 0  # when either best price last moved
        self._refused: Refused | None = None  # by a rule that needs no time to pass
        self._variance = (self._limits.prior * MICRO) ** 2  # micros² per second
        self._believed: float | None = None  # mid in micros
        self._believed_at = 0
        self._jumped: float | None = None  # the mid a jump began with
        self._jump_at = 0

    @property
    def sigma(self) -> float:
        """σ_p as of the last believed mid, in dollars per √second."""
        return math.sqrt(self._variance) / MICRO

    def update(self, touch: Touch) -> Refused | None:
        """Take the touch of now; what `refusal` says at its time."""
        last = self._touch
        if last is not None and touch.at < last.at:
            self._refused = Refused(
                Gate.IMPOSSIBLE, f"a quote {(last.at - touch.at) / _SECOND:.3f} s older than the one before it"
            )
            return self._refused
        if last is None or (touch.best_bid, touch.best_ask) != (last.best_bid, last.best_ask):
            self._moved_at = touch.at
        self._touch = touch
        self._refused = self._senseless(touch) or self._nobodys(touch) or self._lopsided(touch)
        if self._refused is None and touch.best_bid is not None and touch.best_ask is not None:
            self._weigh((touch.best_bid + touch.best_ask) / 2.0, touch.at)
        return self.refusal(touch.at)

    def refusal(self, now: int) -> Refused | None:
        """Why the last touch is not believed at exchange time `now` (µs); None when it is, or when none was seen."""
        if self._refused is not None or self._touch is None:
            return self._refused
        return self._abandoned(self._touch, now) or self._leapt(now)

    # ------------------------------------------------------------------ rules

    def _senseless(self, touch: Touch) -> Refused | None:
        for name, price, size in (("bid", touch.best_bid, touch.bid_size), ("ask", touch.best_ask, touch.ask_size)):
            if price is None:
                if size:
                    return Refused(Gate.IMPOSSIBLE, f"a {name} without a price for {from_micros(size)} shares")
                continue
            if not 0 < price < MICRO:
                return Refused(Gate.IMPOSSIBLE, f"{name} {from_micros(price)}; expected between 0 and 1")
            if price % self.tick:
                return Refused(Gate.IMPOSSIBLE, f"{name} {from_micros(price)} is off the {from_micros(self.tick)} grid")
            if size <= 0:
                return Refused(Gate.IMPOSSIBLE, f"{name} {from_micros(price)} for {from_micros(size)} shares")
        if touch.best_bid is not None and touch.best_ask is not None and touch.best_bid >= touch.best_ask:
            bid, ask = from_micros(touch.best_bid), from_micros(touch.best_ask)
            return Refused(Gate.CROSSED, f"bid {bid} is not below ask {ask}")
        return None

    def _nobodys(self, touch: Touch) -> Refused | None:
        if touch.best_bid is None or touch.best_ask is None:
            side = "bids" if touch.best_bid is None else "asks"
            return Refused(Gate.DEGENERATE, f"nobody {side}")
        spread = touch.best_ask - touch.best_bid
        if spread >= self._limits.void:
            return Refused(
                Gate.DEGENERATE, f"spread {from_micros(spread)}; nobody means {from_micros(self._limits.void)} or more"
            )
        return None

    def _abandoned(self, touch: Touch, now: int) -> Refused | None:
        if touch.best_bid is None or touch.best_ask is None:
            return None
        spread, still = touch.best_ask - touch.best_bid, now - self._moved_at
        if spread > self._limits.wide and still >= self._limits.still:
            return Refused(
                Gate.DEGENERATE,
                f"spread {from_micros(spread)} and no price moved for {still / _SECOND:.1f} s; a spread above "
                f"{from_micros(self._limits.wide)} is believed for {self._limits.still / _SECOND:g} s",
            )
        return None

    def _lopsided(self, touch: Touch) -> Refused | None:
        if touch.best_bid is None or touch.best_ask is None:
            return None
        total = touch.bid_size + touch.ask_size
        # |weighted mid − mid| = spread · |Q_b − Q_a| / 2(Q_b + Q_a)
        lean = (touch.best_ask - touch.best_bid) * abs(touch.bid_size - touch.ask_size) / (2 * total)
        if lean > self._limits.lean * self.tick:
            return Refused(
                Gate.ARTEFACT,
                f"micro-price {lean / MICRO:.4f} from the mid by sizes {from_micros(touch.bid_size)} and "
                f"{from_micros(touch.ask_size)} alone; limit {self._limits.lean:g} ticks",
            )
        return None

    def _leapt(self, now: int) -> Refused | None:
        if self._jumped is None or self._believed is None or now - self._jump_at >= self._limits.stands:
            return None
        bound = self._bound(self._jump_at - self._believed_at)
        return Refused(
            Gate.JUMP,
            f"mid moved {abs(self._jumped - self._believed) / MICRO:.4f}; {self._limits.sigmas:g} σ_p·√Δt allows "
            f"{bound / MICRO:.4f}, until it stands for {self._limits.stands / _SECOND:g} s",
        )

    # ------------------------------------------------------------------ the mid's own pace

    def _bound(self, gap: int) -> float:
        """The furthest the mid is believed to move in `gap` microseconds, in micros."""
        seconds = max(gap, self._limits.moment) / _SECOND
        return max(self._limits.sigmas * math.sqrt(self._variance * seconds), self._limits.floor * self.tick)

    def _weigh(self, mid: float, at: int) -> None:
        if self._believed is None:
            self._believed, self._believed_at = mid, at
            return
        moved = abs(mid - self._believed)
        bound = self._bound(at - self._believed_at)
        if moved > bound:
            if self._jumped is None or abs(mid - self._jumped) > self._bound(at - self._jump_at):
                self._jumped, self._jump_at = mid, at
            if at - self._jump_at < self._limits.stands:
                return
        self._learn(min(moved, bound), at - self._believed_at)
        self._believed, self._believed_at, self._jumped = mid, at, None

    def _learn(self, moved: float, gap: int) -> None:
        tau = self._limits.halflife / _LN2 / _SECOND
        seconds = gap / _SECOND
        kept = math.exp(-seconds / tau)
        rate = (1.0 - kept) / seconds if seconds > 0.0 else 1.0 / tau
        self._variance = kept * self._variance + rate * moved * moved


class PairFirewall:
    """The two tokens of one condition: each by itself, and both as one book seen from its two sides."""

    __slots__ = ("no", "yes")

    def __init__(self, tick: int, limits: QuoteLimits) -> None:
        self.yes = QuoteFirewall(tick, limits)
        self.no = QuoteFirewall(tick, limits)

    def reset(self) -> None:
        self.yes.reset()
        self.no.reset()

    def update(self, yes: Touch, no: Touch) -> Refused | None:
        """Both touches as seen at one moment; the first refusal, the mirror's last."""
        first, second = self.yes.update(yes), self.no.update(no)
        return first or second or mirror_refusal(yes, no)


def mirror_refusal(yes: Touch, no: Touch) -> Refused | None:
    """YES.bid + NO.ask and YES.ask + NO.bid are one dollar each, or these are views of two instants."""
    if mirrored(yes, no):
        return None
    prices = " and ".join(f"{_dollars(touch.best_bid)}/{_dollars(touch.best_ask)}" for touch in (yes, no))
    return Refused(Gate.MIRRORED, f"{prices} do not mirror each other: two views of different instants")


def _dollars(price: int | None) -> str:
    return "none" if price is None else str(from_micros(price))
