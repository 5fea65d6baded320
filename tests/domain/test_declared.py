"""What sets and claims declared, beside what their markets paid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.claims import ClaimStatus, EquivalenceRecord, Instrument, JointOutcome, Pays, proposal
from domain.declared import contradictions
from domain.evidence import Redemption
from domain.halt import Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from domain.orders import Side
from domain.reconcile import Finding, Kind, Trigger, stops
from tests.ledger.samples import START, A, B, D, intent

PLANNED = intent()
ONE, ZERO = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))
CLAIM = proposal(
    "A or B",
    (Instrument(Venue.KALSHI, A, "A wins", "0" * 64), Instrument(Venue.KALSHI, B, "B wins", "1" * 64)),
    (
        JointOutcome("A", (ONE, ZERO)),
        JointOutcome("B", (ZERO, ONE)),
        JointOutcome("void", (Pays(D("0.4"), D("0.6")),) * 2),
    ),
    "surefoot match",
    "names agree",
    1,
).decided(ClaimStatus.APPROVED, "Ada", "read both texts", 2)
ON_CLAIM = replace(PLANNED, claim=CLAIM.pin)


def paid(*payouts: str | None, of: Intent = PLANNED) -> tuple[Redemption, ...]:
    """What each leg's market paid; None for one that has not."""
    legs = zip(of.legs, payouts, strict=True)
    return tuple(Redemption(g.venue, g.market, of.id, of.size, D(p), START) for g, p in legs if p is not None)


def found(of: Intent, *payouts: str | None, claim: EquivalenceRecord | None = None) -> list[Finding]:
    return list(contradictions([of], paid(*payouts, of=of), {claim.pin: claim} if claim else {}))


@pytest.mark.parametrize("payouts", [("1", "0"), ("0", "1"), ("0.5", "0.5"), ("1", None), ("0", None), (None, None)])
def test_a_set_that_pays_what_it_declares_or_still_may_is_no_finding(payouts: tuple[str | None, ...]) -> None:
    assert found(PLANNED, *payouts) == []


@pytest.mark.parametrize(
    ("payouts", "differs", "said"),
    [(("0", "0"), "-1", "pays $0 "), (("1", "1"), "1", "pays $2 "), (("0.5", "0"), "-0.5", "pays $0.5 ")],
)
def test_payouts_of_a_set_that_do_not_sum_to_its_payoff_halt_its_markets(
    payouts: tuple[str, str], differs: str, said: str
) -> None:
    [finding] = found(PLANNED, *payouts)
    assert (finding.kind, finding.amount, finding.intent_id) == (Kind.DECLARATION, D(differs), PLANNED.id)
    assert "declared to pay $1 together" in finding.text
    assert said in finding.text
    halted = {(one.scope, one.target, one.rule) for one in stops([finding], Trigger.SCHEDULE)}
    assert halted == {(Scope.MARKET, f"kalshi/{market}", Rule.MISMATCH) for market in (A, B)}


def test_a_set_is_contradicted_before_its_last_market_has_paid_where_no_payout_can_mend_it() -> None:
    third = replace(PLANNED.legs[0], name="C", market="GAME-CCC")
    basket = replace(PLANNED, legs=(*PLANNED.legs, third))
    assert found(basket, "1", "0", None) == []
    [finding] = found(basket, "1", "1", None)
    assert "pays $2 to $3" in finding.text


def test_a_set_held_short_is_held_to_what_it_pays_too() -> None:
    short = replace(PLANNED, legs=tuple(replace(leg, side=Side.SELL) for leg in PLANNED.legs), payoff=D(-1))
    assert found(short, "1", "0") == []
    assert [one.amount for one in found(short, "1", "1")] == [D(-1)]
    assert [one.amount for one in found(short, "0", "0")] == [D(1)]


def test_a_combination_declares_a_least_and_more_than_that_contradicts_nothing() -> None:
    mixed = replace(PLANNED, legs=(PLANNED.legs[0], replace(PLANNED.legs[1], side=Side.SELL)), payoff=D(0))
    assert found(mixed, "1", "0") == []
    assert [one.amount for one in found(mixed, "0", "1")] == [D(-1)]


@pytest.mark.parametrize("payouts", [("1", "0"), ("0", "1"), ("0.5", "0.6"), ("1", None)])
def test_markets_of_a_claim_that_pay_as_a_row_of_its_table_says_are_no_finding(payouts: tuple[str, str]) -> None:
    assert found(ON_CLAIM, *payouts, claim=CLAIM) == []


@pytest.mark.parametrize("payouts", [("1", "1"), ("0", "0"), ("0.5", "0.3"), ("0.9", None)])
def test_two_markets_of_one_claim_that_pay_otherwise_contradict_the_claim(payouts: tuple[str, str]) -> None:
    [finding] = found(ON_CLAIM, *payouts, claim=CLAIM)
    assert (finding.kind, finding.subject) == (Kind.DECLARATION, CLAIM.id)
    assert "approved by Ada" in finding.text
    assert finding.markets == (f"kalshi/{A}", f"kalshi/{B}")


def test_a_claim_whose_record_is_gone_is_held_to_its_trades_payoff() -> None:
    assert [one.subject for one in found(ON_CLAIM, "0", "0")] == [f"set {PLANNED.pair}"]


def test_a_market_that_pays_two_trades_differently_is_a_finding() -> None:
    other = intent(1)
    rows = (*paid("1", "0"), Redemption(Venue.KALSHI, A, other.id, D(10), D("0.9"), START))
    [finding] = contradictions([PLANNED, other], rows, {})
    assert finding.subject == f"kalshi/{A}"
    assert "$1" in finding.text
    assert "$0.9" in finding.text


def test_what_a_person_has_acknowledged_is_not_found_again_and_each_declaration_is_found_once() -> None:
    trades = [PLANNED, intent(1), intent(2)]
    [finding] = contradictions(trades, paid("0", "0"), {})
    assert contradictions(trades, paid("0", "0"), {}, frozenset({finding.known_as})) == ()
