"""One run as people read it: what was planned, everything that happened in order, and what did not hold."""

from __future__ import annotations

from collections.abc import Iterator

from domain.money import plain
from proof.simulate.scenario import START, Plan, Scenario
from proof.simulate.world import World


def render(world: World, wrong: list[str]) -> Iterator[str]:
    """Lines. Times are milliseconds since the start of the world."""
    yield from _scenario(world.scenario)
    for at, who, what in world.trace:
        yield f"{(at - START) / 1_000:>14,.3f}  {who:<13} {what}"
    yield ""
    if not wrong:
        yield "everything holds"
    for text in wrong:
        yield f"DOES NOT HOLD  {text}"


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield f"seed {scenario.seed}"
    cash = ", ".join(f"{venue} ${plain(amount)}" for venue, amount in scenario.cash.items())
    rates = ", ".join(f"{group} {rate:.0%}" for group, rate in scenario.rates.items() if rate) or "none"
    crashes = "once at every await" if scenario.crashes >= 1 else f"{scenario.crashes:.0%} of awaits"
    fills = f"provisional, {scenario.void_rate:.0%} void" if scenario.provisional else "final at once"
    paid = scenario.payment
    won = (
        f"winner {paid.winner}"
        if not paid.kind
        else f"{paid.kind}: "
        + ", ".join(
            f"{market} {plain(dollars)} at {venue}"
            for venue, here in paid.payouts.items()
            for market, dollars in here.items()
        )
    )
    yield f"  cash      {cash}"
    yield f"  faults    {rates} of calls; processes die at {crashes}"
    yield f"  reads     {scenario.lag_ms} ms behind, fills {scenario.fills_lag_ms} ms more; fills are {fills}"
    yield f"  calm      at {scenario.calm_ms / 1000:g} s; markets pay at {scenario.pays_ms / 1000:g} s; {won}"
    for plan in scenario.plans:
        yield from _plan(plan)
    yield ""


def _plan(plan: Plan) -> Iterator[str]:
    intent, policy = plan.intent, plan.intent.policy
    late = (intent.expires_at - intent.decided_at) // 1000
    merge = f", sets go back to {intent.set_id}" if intent.set_id else ""
    yield (
        f"  trade {intent.id[2:8]}  starts at {plan.starts_ms} ms, fresh for {late} ms; a set pays "
        f"${plain(intent.payoff)}, edge ${plain(intent.edge)}{merge}"
    )
    yield (
        f"    policy  {'/'.join(policy.ways)}, budget ${plain(policy.loss_budget)}, dust {plain(policy.dust)}, ladder "
        f"{policy.ladder_ticks}, repair {policy.repair_deadline_ms} ms, unknown {policy.unknown_deadline_ms} ms"
    )
    for leg in intent.legs:
        style = f"{leg.tif}{', post-only' if leg.post_only else ''}{f', {leg.rest_ms} ms' if leg.rest_ms else ''}"
        yield (
            f"    leg {leg.name}   {leg.side} {plain(leg.size)} {leg.market} on {leg.venue} at {plain(leg.limit)} "
            f"({style}), at least {plain(leg.min_size)}"
        )
