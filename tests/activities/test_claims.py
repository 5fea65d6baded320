"""A trade whose payoff rests on a claim opens only while that version is approved, and says so when it does not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.claims import ClaimStatus, EquivalenceRecord, Instrument, JointOutcome, Pays, proposal
from domain.market import Venue
from domain.trade import Outcome
from tests.ledger.samples import A, B
from tests.workflows.rehearsal import BOTH, Rehearsal

ONE, ZERO = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))
PROPOSED = proposal(
    "A or B",
    (Instrument(Venue.KALSHI, A, "A wins", "0" * 64), Instrument(Venue.POLYMARKET, B, "B wins", "1" * 64)),
    (JointOutcome("A", (ONE, ZERO)), JointOutcome("B", (ZERO, ONE))),
    "surefoot match",
    "names agree",
    1,
)
APPROVED = PROPOSED.decided(ClaimStatus.APPROVED, "Ada", "read both texts", 2)
SUSPENDED = APPROVED.decided(ClaimStatus.SUSPENDED, "rules watch", "a text changed", 3)


async def rehearsed(*versions: EquivalenceRecord) -> Rehearsal:
    """A trade that pins the approved version, with these versions in the ledger."""
    stage = Rehearsal(reshape=lambda planned: replace(planned, claim=APPROVED.pin))
    for version in versions:
        await stage.ledger.add_claim(version)
    await stage.run()
    return stage


async def test_on_an_approved_claim_both_legs_are_sent() -> None:
    stage = await rehearsed(PROPOSED, APPROVED)
    assert stage.sent() == BOTH
    assert await stage.broken() == []
    assert stage.trade.record().outcome is Outcome.HEDGED


@pytest.mark.parametrize(
    ("versions", "why"),
    [
        ((), "not in the ledger"),
        ((PROPOSED,), "no longer the newest"),
        ((PROPOSED, APPROVED, SUSPENDED), "a text changed"),
    ],
)
async def test_on_any_other_nothing_is_sent_and_the_trade_says_why(
    versions: tuple[EquivalenceRecord, ...], why: str
) -> None:
    stage = await rehearsed(*versions)
    record = stage.trade.record()
    assert record.outcome is Outcome.DENIED
    (order,) = record.orders
    assert order.result is not None
    assert (order.result.code, order.result.sent) == ("claim_suspended", False)
    assert why in order.result.detail
    assert await stage.fills() == ()
    assert await stage.broken() == []
