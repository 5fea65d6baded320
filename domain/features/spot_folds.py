"""What is kept of one spot price: its last ticks, an average, a volatility. One for all instruments that follow it."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field

from domain.features.ema import Ema, EmaState, Hold
from domain.features.feature import Feature, Flaw, flawed
from domain.features.join import AsOf, Tolerance
from domain.features.volatility import RealisedVolatility, Sampling, VolatilityState
from domain.spot import ATTO, SpotSource, SpotTick


@dataclass(frozen=True, slots=True)
class SpotParams:
    """Whose price of what, and how it is looked at; microseconds."""

    source: SpotSource = SpotSource.CHAINLINK
    symbol: str = "btcusd"
    halflife: int = 10_000_000
    sampling: Sampling = field(default_factory=Sampling)
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True, slots=True)
class SpotState:
    """What was learned of one spot price, as plain data. Ticks to join with are not in it: those must be fresh."""

    params: SpotParams
    ema: EmaState
    sigma: VolatilityState


class SpotFolds:
    """Fed ticks, read as the features `spot`, `spot_age`, `spot_ema`, `sigma`. `ticks` counts those taken."""

    __slots__ = ("_ema", "_join", "_sigma", "params", "ticks")

    def __init__(self, params: SpotParams) -> None:
        self.params = params
        self.ticks = 0
        self._join = AsOf(params.tolerance, keep=max(10_000_000, params.tolerance.age))
        self._ema = Ema(params.halflife, Hold.PREVIOUS)
        self._sigma = RealisedVolatility(params.sampling)

    def update(self, tick: SpotTick) -> None:
        """A tick of any source; those of others, or of another symbol, are ignored."""
        if tick.source is not self.params.source or tick.symbol != self.params.symbol:
            return
        self.ticks += 1
        self._join.update(tick)
        price = tick.price / ATTO
        self._ema.update(tick.exchange_at, price)
        self._sigma.update(tick.exchange_at, price)

    def state(self) -> SpotState:
        return SpotState(self.params, self._ema.state(), self._sigma.state())

    def restore(self, state: SpotState) -> bool:
        """Go on where `state` was, if it is of this price and looked at alike, if it makes sense, and if no tick came
        yet; whether it was so. To be done before anything is read."""
        if self.ticks or state.params != self.params:
            return False
        ema, sigma = Ema(self.params.halflife, Hold.PREVIOUS), RealisedVolatility(self.params.sampling)
        try:
            ema.restore(state.ema)
            sigma.restore(state.sigma)
        except ValueError:
            return False
        self._ema, self._sigma = ema, sigma
        return True

    def into(self, features: MutableMapping[str, Feature], at: int) -> None:
        """Its features as of exchange time `at` (µs), added to `features`."""
        joined = self._join.at(at)
        if joined.tick is not None and joined.flaw is None:
            features["spot"] = Feature(joined.tick.price / ATTO)
            features["spot_age"] = Feature(joined.gap / 1e6)
        else:
            nearest = f"nearest tick {joined.gap / 1e6:.1f} s before" if joined.tick is not None else "no tick yet"
            features["spot"] = features["spot_age"] = flawed(joined.flaw or Flaw.MISSING, nearest)
        features["spot_ema"] = self._ema.at(at)
        features["sigma"] = self._sigma.at(at)
