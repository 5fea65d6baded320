"""Which markets follow which spot price, and over which times features look: settings as plain data.

A recording keeps them, so that a replay computes the same features.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.features.join import Tolerance
from domain.features.panel import PanelParams
from domain.features.volatility import Sampling
from domain.market import MarketSpec
from domain.spot import SpotSource


@dataclass(frozen=True, slots=True)
class Follow:
    """Markets whose name, event, set or title begins with `markets` follow the price of `symbol` by `source`: a whole
    name is one market, a Kalshi series all of its markets. The longest that fits a market counts."""

    markets: str
    source: SpotSource
    symbol: str


@dataclass(frozen=True, slots=True)
class FeatureParams:
    """Milliseconds. A market that follows nothing has no features.

    `join_age_ms` is how much older than the book a spot tick may be, `join_ahead_ms` how much newer. `book_age_ms` is
    how old a touch may be. `sigma_*` are the volatility's horizon, its step (a divisor of it), the window it is taken
    over, how old the price at a step may be, and how many returns it needs.
    """

    follow: tuple[Follow, ...] = ()
    join_age_ms: int = 2_000
    join_ahead_ms: int = 0
    book_age_ms: int = 5_000
    flow_window_ms: int = 10_000
    mid_halflife_ms: int = 5_000
    spot_halflife_ms: int = 10_000
    sigma_horizon_ms: int = 30_000
    sigma_step_ms: int = 1_000
    sigma_window_ms: int = 600_000
    sigma_tolerance_ms: int = 3_000
    sigma_least: int = 120

    def panel(self, follow: Follow) -> PanelParams:
        """What a panel of a market that follows so takes. Raises ValueError for times that make no sense together."""
        return PanelParams(
            source=follow.source,
            symbol=follow.symbol,
            book_age=self.book_age_ms * 1000,
            flow_window=self.flow_window_ms * 1000,
            mid_halflife=self.mid_halflife_ms * 1000,
            spot_halflife=self.spot_halflife_ms * 1000,
            sampling=Sampling(
                horizon=self.sigma_horizon_ms * 1000,
                step=self.sigma_step_ms * 1000,
                window=self.sigma_window_ms * 1000,
                tolerance=self.sigma_tolerance_ms * 1000,
                least=self.sigma_least,
            ),
            tolerance=Tolerance(age=self.join_age_ms * 1000, ahead=self.join_ahead_ms * 1000),
        )

    def followed_by(self, spec: MarketSpec) -> Follow | None:
        """What a market follows; None for nothing."""
        names = [name for name in (spec.market, spec.event, spec.set_id, spec.title) if name]
        fitting = [each for each in self.follow if any(name.startswith(each.markets) for name in names)]
        return max(fitting, key=lambda each: len(each.markets), default=None)
