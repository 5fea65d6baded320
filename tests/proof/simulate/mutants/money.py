"""Fees, capital, and the final word."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from activities import settlement
from domain import fees
from domain.evidence import OrderEvidence, OrderStatus, Redemption
from domain.intent import Intent
from domain.trade import TradeState
from tests.proof.simulate.mutants import Mutant, Patch
from workflows.tail import Tail


def polymarkets_fee_is_floored(patch: Patch) -> None:
    def floored(rate: int, exponent: int, price: int, size: int) -> int:
        exact: int = rate * size * (price * (1_000_000 - price)) ** exponent
        unit: int = 10 ** (6 + 12 * exponent) * 10
        return exact // unit * 10

    _fee(patch, "power_fee", floored)


def kalshis_fee_is_rounded_to_the_nearest(patch: Patch) -> None:
    def nearest(rate: int, price: int, size: int) -> int:
        unit = 10**20
        return (2 * rate * size * price * (1_000_000 - price) + unit) // (2 * unit) * 100

    _fee(patch, "quadratic_fee", nearest)


def _fee(patch: Patch, name: str, wrong: Callable[..., int]) -> None:
    fees._trade_fee.cache_clear()  # known answers are right ones
    patch.setattr(fees, name, wrong)
    patch.setattr(fees, "_trade_fee", fees._trade_fee.__wrapped__)


def nothing_is_reserved(patch: Patch) -> None:
    patch.setattr(Intent, "worst_cost_at", lambda intent, venue: Decimal(0))


def closed_without_the_final_word(patch: Patch) -> None:
    async def close(tail: Tail) -> object:
        trade = tail._trade
        trade.memory.state, trade.memory.outcome = TradeState.CLOSED, tail._ending()
        trade.final = trade.record()
        return trade.final

    patch.setattr(Tail, "run", close)


def provisional_means_final(patch: Patch) -> None:
    patch.setattr(OrderEvidence, "provisional", property(lambda evidence: False))


def voids_are_not_noticed(patch: Patch) -> None:
    patch.setattr(settlement, "_agree", lambda record, evidence: True)


def fills_need_not_explain_the_count(patch: Patch) -> None:
    """A fill listed twice counts twice, one listed late not at all."""
    patch.setattr(OrderEvidence, "complete", property(lambda evidence: evidence.status is OrderStatus.DONE))


def shares_held_short_are_paid_for(patch: Patch) -> None:
    patch.setattr(Redemption, "cash", property(lambda redemption: abs(redemption.shares) * redemption.payout))


MUTANTS: tuple[Mutant, ...] = (
    polymarkets_fee_is_floored,
    kalshis_fee_is_rounded_to_the_nearest,
    nothing_is_reserved,
    closed_without_the_final_word,
    provisional_means_final,
    voids_are_not_noticed,
    fills_need_not_explain_the_count,
    shares_held_short_are_paid_for,
)
