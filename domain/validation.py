"""Every obstacle on every leg, found before the first order exists: a later leg's must surface before leg A is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.intent import Intent, IntentLeg
from domain.market import MarketSpec, Venue
from domain.money import plain, whole_lots
from domain.naming import shown as named
from domain.orders import SETS, Side, TimeInForce

MarketKey = tuple[Venue, str]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`code` is stable; `text` says what was seen, what was expected and what to do."""

    code: str
    text: str


def obstacles(
    intent: Intent,
    specs: Mapping[MarketKey, MarketSpec],
    cash: Mapping[Venue, Decimal],
    now: int,
    *,
    pools: Mapping[Venue, Mapping[str, Decimal]] | None = None,
) -> list[Obstacle]:
    """What forbids sending `intent`, all of it at once; empty when nothing does.

    `specs` holds the markets their venues know, `cash` the free dollars of every venue we are connected to, `now` is
    wall-clock microseconds. `pools` divides a venue's cash where it keeps several pools that do not help each other
    (`MarketSpec.pool`); a venue that is not in it has one.
    """
    found = _intent_obstacles(intent, now)
    for leg in intent.legs:
        if leg.venue not in cash:
            continue  # named once for the venue below
        spec = specs.get((leg.venue, leg.market))
        if spec is None:
            found.append(
                Obstacle("unknown_market", f"{named(leg.market)} is not a market of {leg.venue}; check the ticker")
            )
            continue
        found.extend(_leg_obstacles(leg, spec))
    if len({leg.size for leg in intent.legs}) > 1:
        shown = ", ".join(f"{leg.name} {plain(leg.size)}" for leg in intent.legs)
        found.append(
            Obstacle("unequal_legs", f"legs have different sizes ({shown}); equal shares hedge, others do not")
        )
    for venue in intent.venues:
        found.extend(_cash_obstacles(intent, venue, cash.get(venue)))
        held = (pools or {}).get(venue)
        if held is not None and intent.worst_cost_at(venue) <= cash.get(venue, Decimal(0)):
            found.extend(_pool_obstacles(intent, venue, specs, held))
    return found


def _intent_obstacles(intent: Intent, now: int) -> list[Obstacle]:
    """What is wrong with the decision itself, whatever the venues say."""
    found: list[Obstacle] = []
    if now > intent.expires_at:
        late = (now - intent.expires_at) // 1000
        found.append(
            Obstacle(
                "expired", f"the intent expired {late} ms ago; a decision is only sent while it is fresh: decide anew"
            )
        )
    if len(intent.legs) < 2:
        found.append(
            Obstacle("too_few_legs", f"the intent has {len(intent.legs)} leg(s), a trade needs two or more to hedge")
        )
    names = Counter(leg.name for leg in intent.legs)
    if SETS in names or max(names.values(), default=1) > 1:
        shown = ", ".join(leg.name for leg in intent.legs)
        found.append(
            Obstacle(
                "same_name", f"legs are named {shown}; each needs a name of its own, and {SETS!r} means whole sets"
            )
        )
    for (venue, market), times in Counter((leg.venue, leg.market) for leg in intent.legs).items():
        if times > 1:
            found.append(
                Obstacle("same_market", f"{times} legs trade {market} on {venue}; a market hedges others, not itself")
            )
    return found


def _leg_obstacles(leg: IntentLeg, spec: MarketSpec) -> list[Obstacle]:
    """What the venue's rules for the leg's market say against its first order."""
    found: list[Obstacle] = []
    if not spec.open:
        found.append(
            Obstacle("market_closed", f"{named(leg.market)} is not open for trading; wait for it or drop the pair")
        )
    if leg.size <= 0 or leg.size < spec.min_size:
        found.append(
            Obstacle(
                "below_minimum",
                f"leg {leg.name}: {plain(leg.size)} shares of {named(leg.market)} is below the venue's minimum of "
                f"{plain(spec.min_size)}; raise strategy.min_size to it",
            )
        )
    if leg.limit * leg.size < spec.min_notional:
        found.append(
            Obstacle(
                "below_notional",
                f"leg {leg.name}: {plain(leg.size)} shares of {named(leg.market)} at {plain(leg.limit)} are worth "
                f"${plain(leg.limit * leg.size)}, below the venue's minimum of ${plain(spec.min_notional)}; "
                "raise the strategy's min_size",
            )
        )
    if leg.size % spec.size_step:
        found.append(
            Obstacle(
                "off_lot",
                f"leg {leg.name}: {plain(leg.size)} shares of {named(leg.market)} is no multiple of "
                f"{plain(spec.size_step)}; "
                f"nearest {plain(max(whole_lots(leg.size, spec.size_step), spec.size_step))}",
            )
        )
    if not spec.on_grid(leg.limit):
        found.append(
            Obstacle(
                "off_tick",
                f"leg {leg.name}: price {plain(leg.limit)} is off the {plain(spec.step_at(leg.limit))} grid of "
                f"{named(leg.market)}; nearest {plain(spec.nearest(leg.limit))}",
            )
        )
    style = _style_obstacle(leg)
    if style:
        found.append(Obstacle("order_style", f"leg {leg.name}: {style}"))
    return found


def _style_obstacle(leg: IntentLeg) -> str:
    """Why no order can be sent in this style; empty if one can. An order that rests for good is never hedged."""
    rests = leg.tif in (TimeInForce.GTC, TimeInForce.GTD)
    if leg.post_only and not rests:
        return f"post-only never takes and {leg.tif} never rests, so nothing could fill; make it {TimeInForce.GTC}"
    if rests and leg.rest_ms <= 0:
        return f"{leg.tif} without a time to rest would stay in the book for good; set rest_ms above 0"
    return ""


def _cash_obstacles(intent: Intent, venue: Venue, cash: Decimal | None) -> list[Obstacle]:
    """Whether the venue's cash covers the worst the trade may have out there; shares sold short need collateral."""
    if cash is None:
        return [Obstacle("unknown_venue", f"no account at {venue} is connected; configure it or drop its markets")]
    worst = intent.worst_cost_at(venue)
    if worst <= cash:
        return []
    short = any(leg.side is Side.SELL for leg in intent.legs if leg.venue is venue)
    what = "at worst, collateral of its sales included," if short else "at worst"
    return [
        Obstacle(
            "above_balance",
            f"the trade may need ${plain(worst)} {what} and the account at {venue} has ${plain(cash)} free; "
            "lower strategy.max_size or add funds",
        )
    ]


def _pool_obstacles(
    intent: Intent, venue: Venue, specs: Mapping[MarketKey, MarketSpec], held: Mapping[str, Decimal]
) -> list[Obstacle]:
    """Whether each pool of the venue's collateral covers the legs that are paid from it, richer pools or not."""
    legs: dict[str, list[IntentLeg]] = {}
    for leg in intent.legs:
        spec = specs.get((leg.venue, leg.market))
        if leg.venue is venue and spec is not None and spec.pool:
            legs.setdefault(spec.pool, []).append(leg)
    found = []
    for pool, paid in legs.items():
        worst, there = intent.worst_cost_of(paid), held.get(pool, Decimal(0))
        if worst > there:
            others = ", ".join(f"{name} ${plain(amount)}" for name, amount in sorted(held.items()) if name != pool)
            markets = ", ".join(leg.market for leg in paid)
            found.append(
                Obstacle(
                    "wrong_shard",
                    f"{markets}: orders at {venue} are paid from exchange shard {pool}, which has ${plain(there)} free "
                    f"of the ${plain(worst)} the trade may need there (elsewhere: {others or 'nothing'}); move "
                    f"${plain(worst - there)} to shard {pool} first",
                )
            )
    return found
