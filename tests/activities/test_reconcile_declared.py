"""Markets that pay other than a set or a claim declared: found, halted, and the claim suspended; never only booked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.claims import ClaimStatus, Instrument, JointOutcome, Pays, proposal
from domain.errors import Halted
from domain.halt import Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from domain.reconcile import Kind
from tests.activities.reconciling import PERSON, PLANNED, Desk, kinds
from tests.ledger.samples import RUN_ID, A, B, D, body, intent, paid_out, ticket
from workers.operator.reconciliation import take_note

ONE, ZERO = Pays.exactly(D(1)), Pays.exactly(D(0))
CLAIM = proposal(
    "A or B",
    (Instrument(Venue.KALSHI, A, "A wins", "0" * 64), Instrument(Venue.KALSHI, B, "B wins", "1" * 64)),
    (JointOutcome("A", (ONE, ZERO)), JointOutcome("B", (ZERO, ONE))),
    "surefoot match",
    "names agree",
    1,
)
APPROVED = CLAIM.decided(ClaimStatus.APPROVED, "Ada", "read both texts", 2)


async def traded(desk: Desk, of: Intent, *payouts: str) -> None:
    """The trade at the model exchange, paid by its markets as they pay, and closed in the ledger with that."""
    legs = tuple(ticket(of, leg.name) for leg in of.legs)
    for leg in legs:
        await desk.venue.submit(leg)
    for market, payout in zip((A, B), payouts, strict=True):
        desk.venue.resolve(market, payout)
    fills = (await desk.venue.account()).fills
    for leg in legs:
        await desk.ledger.begin_order(RUN_ID, of if leg.leg == "A" else None, leg, body(leg), desk.now)
    closed = paid_out(of)
    paid = tuple(replace(one, payout=D(payout)) for one, payout in zip(closed.redemptions, payouts, strict=True))
    await desk.ledger.record_trade(RUN_ID, of, replace(closed, fills=fills, redemptions=paid))


async def test_a_set_that_pays_less_than_it_declared_is_found_and_its_markets_halted(desk: Desk) -> None:
    await traded(desk, PLANNED, "0.5", "0")
    result = await desk.reconcile()
    assert kinds(result) == [Kind.DECLARATION]
    assert not result.agrees
    assert await desk.halts() == {(Scope.MARKET, f"kalshi/{market}", Rule.MISMATCH) for market in (A, B)}
    assert desk.alerts == ["reconciliation", "reconciliation"]
    other = intent(1)
    with pytest.raises(Halted):
        await desk.ledger.begin_order(RUN_ID, other, ticket(other), body(ticket(other)), desk.now)
    assert len((await desk.reconcile()).done) == 0  # found again, halted once


async def test_a_person_who_has_read_it_acknowledges_it_and_lifts_its_halts(desk: Desk) -> None:
    await traded(desk, PLANNED, "1", "1")
    await desk.reconcile()
    done = await take_note(desk.ledger, desk.records, replace(PERSON, at=desk.now))
    assert [finding.kind for finding in done.findings] == [Kind.DECLARATION]
    assert len(done.lifted) == 2
    assert (await desk.reconcile()).findings == ()


async def test_a_set_that_pays_what_it_declared_is_no_finding(desk: Desk) -> None:
    await traded(desk, PLANNED, "0", "1")
    assert (await desk.reconcile()).findings == ()


@pytest.mark.parametrize(("payouts", "contradicted"), [(("1", "0"), False), (("1", "1"), True)])
async def test_a_claim_whose_markets_pay_otherwise_is_suspended_and_its_markets_halted(
    desk: Desk, payouts: tuple[str, str], contradicted: bool
) -> None:
    for version in (CLAIM, APPROVED):
        await desk.ledger.add_claim(version)
    await traded(desk, replace(PLANNED, claim=APPROVED.pin), *payouts)
    result = await desk.reconcile()
    assert kinds(result) == ([Kind.DECLARATION] if contradicted else [])
    [newest] = await desk.ledger.claims()
    assert newest.status is (ClaimStatus.SUSPENDED if contradicted else ClaimStatus.APPROVED)
    if contradicted:
        assert f"suspended claim {CLAIM.id}" in result.done
        assert "no outcome of its table" in newest.reason
        assert (Scope.MARKET, f"kalshi/{A}", Rule.MISMATCH) in await desk.halts()
        assert len(await desk.ledger.claim_history(CLAIM.id)) == 3
        await desk.reconcile()
        assert len(await desk.ledger.claim_history(CLAIM.id)) == 3
