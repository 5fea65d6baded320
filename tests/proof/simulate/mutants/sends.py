"""What may leave, how much of it, and what holds it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from activities import orders as activity_orders
from activities import settlement
from domain import residual
from domain.intent import IntentLeg
from domain.orders import Purpose, Side, SubmitResult
from tests.proof.simulate.mutants import Mutant, Patch
from workflows import bounds, lifecycle
from workflows.lifecycle import Trade
from workflows.orders import Order
from workflows.repair import Repairs


def a_list_outweighs_fills_in_hand(patch: Patch) -> None:
    for module in (activity_orders, settlement):
        patch.setattr(module, "held_against", lambda hand, ticket, evidence, now: evidence)


def _without_bounds(patch: Patch) -> None:
    """Nothing holds an order to what may be out and what is surely held."""

    async def unheld(*asked: Any) -> str:
        return ""

    async def taken_on_trust(*asked: Any) -> bool:
        return True

    patch.setattr(activity_orders, "beyond_bounds", unheld)
    patch.setattr(bounds, "refusal", lambda *asked, **given: "")
    patch.setattr(bounds, "corroborate", taken_on_trust)


def a_lost_sign_is_bounded_by_nothing(patch: Patch) -> None:
    """Answers lose the sign of their count, past the edge, and no bound holds what repairs make of it."""
    honest = activity_orders.judged_result

    def lost(*judged: Any) -> SubmitResult:
        result = honest(*judged)
        return replace(result, filled=-result.filled) if result.filled else result

    _without_bounds(patch)
    patch.setattr(activity_orders, "judged_result", lost)


def the_hedge_is_as_planned_not_as_filled(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def planned(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, leg.size if purpose is Purpose.HEDGE else size, *limit)

    patch.setattr(Trade, "new_order", planned)


def a_hedge_knows_no_limit_of_capital(patch: Patch) -> None:
    _without_bounds(patch)
    patch.setattr(lifecycle, "hedgeable", lambda intent, leg, limit, wanted, out: wanted)


def the_opening_is_larger_than_planned(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def larger(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, size + Decimal("0.5") if purpose is Purpose.OPEN else size, *limit)

    _without_bounds(patch)
    patch.setattr(Trade, "new_order", larger)


def a_repair_may_cost_anything(patch: Patch) -> None:
    patch.setattr(residual._Bounds, "allow", lambda *a, **k: True)


def fees_are_forgotten_while_unsettled(patch: Patch) -> None:
    def gross(order: Order) -> Decimal:
        price = order.price if order.price is not None else order.ticket.limit
        return price * (order.filled if order.ticket.side is Side.SELL else -order.filled)

    patch.setattr(Order, "cash", property(gross))


def what_stands_alone_is_left(patch: Patch) -> None:
    async def leave(repairs: Repairs, last: object) -> None:
        return None

    patch.setattr(Repairs, "run", leave)
    patch.setattr(Trade, "may_stay", lambda trade: True)


def a_repair_sells_too_much(patch: Patch) -> None:
    new: Callable[..., Order] = Trade.new_order

    def double(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, size * 2 if purpose is Purpose.UNWIND else size, *limit)

    patch.setattr(Trade, "new_order", double)


MUTANTS: tuple[Mutant, ...] = (
    the_hedge_is_as_planned_not_as_filled,
    a_list_outweighs_fills_in_hand,
    a_lost_sign_is_bounded_by_nothing,
    a_repair_may_cost_anything,
    fees_are_forgotten_while_unsettled,
    what_stands_alone_is_left,
    a_repair_sells_too_much,
    a_hedge_knows_no_limit_of_capital,
    the_opening_is_larger_than_planned,
)
