"""Every obstacle on every leg, found before the first order exists: leg B's must surface before leg A is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.intent import Intent, IntentLeg
from domain.market import MarketSpec
from domain.money import plain


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`code` is stable; `text` says what was seen, what was expected and what to do."""

    code: str
    text: str


def obstacles(intent: Intent, specs: Mapping[str, MarketSpec], cash: Decimal, now: int) -> list[Obstacle]:
    """What forbids sending `intent`. `specs` by market, `cash` free dollars on the venue, `now` in microseconds."""
    found: list[Obstacle] = []
    if now > intent.expires_at:
        late = (now - intent.expires_at) // 1000
        found.append(
            Obstacle(
                "expired", f"the intent expired {late} ms ago; a decision is only sent while it is fresh: decide anew"
            )
        )
    for leg in intent.legs:
        spec = specs.get(leg.market)
        if spec is None:
            found.append(Obstacle("unknown_market", f"{leg.market} is not a market of {leg.venue}; check the ticker"))
            continue
        found.extend(_leg_obstacles(leg, spec))
    sizes = {leg.size for leg in intent.legs}
    if len(sizes) > 1:
        shown = ", ".join(f"{leg.name} {plain(leg.size)}" for leg in intent.legs)
        found.append(
            Obstacle("unequal_legs", f"legs have different sizes ({shown}); equal shares hedge, others do not")
        )
    if intent.worst_cost > cash:
        found.append(
            Obstacle(
                "above_balance",
                f"the trade may need ${plain(intent.worst_cost)} at worst and the account has ${plain(cash)} free; "
                "lower strategy.max_size or add funds",
            )
        )
    return found


def _leg_obstacles(leg: IntentLeg, spec: MarketSpec) -> list[Obstacle]:
    found: list[Obstacle] = []
    if not spec.open:
        found.append(Obstacle("market_closed", f"{leg.market} is not open for trading; wait for it or drop the pair"))
    if leg.size < spec.min_size:
        found.append(
            Obstacle(
                "below_minimum",
                f"leg {leg.name}: {plain(leg.size)} shares of {leg.market} is below the venue's minimum of "
                f"{plain(spec.min_size)}; raise strategy.min_size",
            )
        )
    if leg.size % spec.size_step:
        found.append(
            Obstacle(
                "off_lot",
                f"leg {leg.name}: {plain(leg.size)} shares of {leg.market} is no multiple of {plain(spec.size_step)}",
            )
        )
    if not spec.on_grid(leg.limit):
        found.append(
            Obstacle(
                "off_tick",
                f"leg {leg.name}: price {plain(leg.limit)} is off the {plain(spec.step_at(leg.limit))} grid of "
                f"{leg.market}; nearest {plain(spec.nearest(leg.limit))}",
            )
        )
    return found
