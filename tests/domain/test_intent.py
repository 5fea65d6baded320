"""An intent's id is its content, and its worst cost bounds whatever a repair may spend."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fees import FeeSchedule
from domain.intent import Intent, canonical
from tests.ledger.samples import D, intent


def test_equal_content_is_the_same_intent_however_its_numbers_are_written() -> None:
    one = intent()
    padded = replace(one, edge=one.edge + D("0.00000"), payoff=D("1.000"))
    assert padded.id == one.id == replace(one).id
    assert replace(one, payoff=-D(0)).id == replace(one, payoff=D(0)).id


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "other"},
        {"strategy_version": "2"},
        {"edge": D("0.1588")},
        {"decided_at": 1},
        {"expires_at": 2},
        {"evidence": ()},
        {"legs": ()},
    ],
)
def test_any_change_makes_another_intent(change: dict[str, object]) -> None:
    assert replace(intent(), **change).id != intent().id  # type: ignore[arg-type]


def test_the_order_of_the_legs_is_part_of_the_decision() -> None:
    one = intent()
    assert replace(one, legs=one.legs[::-1]).id != one.id


def test_the_id_is_the_hash_of_the_canonical_text_which_has_no_exponent_and_no_spaces() -> None:
    small = replace(intent(), edge=D("1E-7"))
    text = canonical(small)
    assert small.id == "i-" + hashlib.sha256(text.encode()).hexdigest()[:32]
    assert '"edge":"0.0000001"' in text
    assert ": " not in text


def test_what_has_no_exact_text_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical(replace(intent(), edge=object()))  # type: ignore[arg-type]


def completed_at_break_even(planned: Intent, price_b: Decimal) -> Decimal:
    """What both legs cost when leg B is bought at `price_b` instead of as planned."""
    leg_a, leg_b = planned.legs
    fees = FeeSchedule()
    return leg_a.expected_cost + price_b * leg_b.size + fees.trade_fee(price_b, leg_b.size)


@given(st.integers(1, 60), st.integers(1, 38), st.integers(1, 1000))
def test_the_worst_cost_covers_the_plan_and_any_repair_the_loss_budget_allows(a: int, b: int, size: int) -> None:
    planned = intent(size=str(size), limit_a=str(D(a) / 100), limit_b=str(D(b) / 100))
    assert planned.worst_cost >= planned.planned_cost
    budget = planned.policy.loss_budget
    for price in (D(n) / 100 for n in range(b, 100)):
        cost = completed_at_break_even(planned, price)
        if planned.payoff * size - cost >= -budget:  # what the repair may do
            assert planned.worst_cost >= cost
