"""Every feature of one instrument and the spot price it follows, kept by folds and read as one vector.

Fed in exchange order as events come. Reading changes nothing that another read sees, and computes the whole vector:
read where a decision needs it, not at every event. Two panels fed the same events say the same.

| name | what | unit |
|---|---|---|
| `mid`, `spread`, `weighted_mid`, `imbalance` | of the touch | dollars; imbalance from 0 to 1 |
| `micro_price` | mid + g(I, spread), with a fitted table | dollars |
| `flow` | order-flow imbalance over `flow_window` | shares |
| `mid_ema` | the mid held until it changed, `mid_halflife` | dollars |
| `spot` | the last tick at or before the moment, by exchange time | the spot's own |
| `spot_age` | the moment minus that tick's time | seconds |
| `spot_ema` | of the spot, `spot_halflife` | the spot's own |
| `sigma` | realised volatility of the spot at the traded horizon | per √second |
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.features.ema import Ema, Hold
from domain.features.feature import Feature, FeatureVector, Flaw, flawed
from domain.features.flow import FlowImbalance
from domain.features.join import Tolerance
from domain.features.micro_price import MicroPrice
from domain.features.spot_folds import SpotFolds, SpotParams
from domain.features.touch import Touch, imbalance, mid, spread, weighted_mid
from domain.features.volatility import Sampling
from domain.spot import SpotSource, SpotTick

_TOUCH = {"mid": mid, "spread": spread, "weighted_mid": weighted_mid, "imbalance": imbalance}


@dataclass(frozen=True, slots=True)
class PanelParams:
    """Microseconds. `book_age` is how old a touch may be; the spot is that of `source` and `symbol` and no other."""

    source: SpotSource = SpotSource.CHAINLINK
    symbol: str = "btcusd"
    book_age: int = 5_000_000
    flow_window: int = 10_000_000
    mid_halflife: int = 5_000_000
    spot_halflife: int = 10_000_000
    sampling: Sampling = field(default_factory=Sampling)
    tolerance: Tolerance = field(default_factory=Tolerance)

    @property
    def spot(self) -> SpotParams:
        """The part of them that is about the spot alone."""
        return SpotParams(self.source, self.symbol, self.spot_halflife, self.sampling, self.tolerance)


class FeaturePanel:
    """One instrument of one market; of a binary condition, one of its two tokens.

    `spot` may be shared by all instruments that follow it: whoever made it then feeds it, once a tick."""

    __slots__ = ("_flow", "_micro", "_mid_ema", "_params", "_spot", "_touch", "market")

    def __init__(
        self, market: str, params: PanelParams, micro: MicroPrice | None = None, spot: SpotFolds | None = None
    ) -> None:
        self.market = market
        self._params = params
        self._micro = micro
        self._touch: Touch | None = None
        self._flow = FlowImbalance(params.flow_window)
        self._mid_ema = Ema(params.mid_halflife, Hold.PREVIOUS)
        self._spot = spot if spot is not None else SpotFolds(params.spot)

    def on_touch(self, touch: Touch) -> None:
        """The book's touch after an event; an older one than the last is left out."""
        if self._touch is not None and touch.at < self._touch.at:
            self._flow.late += 1
            return
        self._touch = touch
        self._flow.update(touch)
        centre = mid(touch)
        if centre.valid:
            self._mid_ema.update(touch.at, centre.value)

    def on_book_lost(self) -> None:
        """The book is not believed until its next snapshot: nothing is known of its touch, and flow begins anew."""
        self._touch = None
        self._flow.reset()

    def on_spot(self, tick: SpotTick) -> None:
        """A tick of any source; those of others, or of another symbol, are ignored."""
        self._spot.update(tick)

    def vector(self, at: int) -> FeatureVector:
        """All features at exchange time `at` (µs), each with its own flaw."""
        touch = self._fresh(at)
        features = {name: measure(touch) if isinstance(touch, Touch) else touch for name, measure in _TOUCH.items()}
        if self._micro is not None:
            features["micro_price"] = self._micro.of(touch) if isinstance(touch, Touch) else touch
        features["flow"] = self._flow.at(at) if isinstance(touch, Touch) else touch
        features["mid_ema"] = self._mid_ema.at(at)
        self._spot.into(features, at)
        return FeatureVector(self.market, at, features)

    def _fresh(self, at: int) -> Touch | Feature:
        touch = self._touch
        if touch is None:
            return flawed(Flaw.MISSING, "no book")
        if at - touch.at > self._params.book_age:
            return flawed(Flaw.STALE, f"book {(at - touch.at) / 1e6:.1f} s old")
        return touch
