"""A trade whose workflow cannot go on is a row until it moves again, and a halt on its markets meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.errors import Halted
from domain.halt import Rule
from domain.market import Venue
from domain.workflow_fault import MOST_TEXT, FaultKind, FaultSource, WorkflowFault
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import OPENING, RUN_ID, SECOND, START, A, B, body, intent, ticket

AnyLedger = Ledger | MemoryLedger
FAILING, PARKED = FaultKind.FAILING, FaultKind.PARKED


def fault(nonce: int = 0, kind: FaultKind = FAILING, **changes: object) -> WorkflowFault:
    seen = WorkflowFault(intent(nonce).id, kind, "build-1", FaultSource.WORKER, "Inexact: 1/3", 1, (A, B), START, START)
    return replace(seen, **changes)  # type: ignore[arg-type] # the fields of a fault


async def test_a_fault_stands_from_its_first_sight_until_it_is_cleared_and_stays_in_the_trades_story(
    ledger: AnyLedger,
) -> None:
    await ledger.record_intent(intent(), RUN_ID)
    assert await ledger.record_fault(fault())
    assert not await ledger.record_fault(fault(attempt=7, last_seen=START + SECOND, source=FaultSource.SERVER))
    (standing,) = await ledger.workflow_faults()
    assert (standing.attempt, standing.source) == (7, FaultSource.WORKER)
    assert (standing.first_seen, standing.last_seen, standing.markets) == (START, START + SECOND, (A, B))
    assert await ledger.clear_fault(intent().id, FAILING, START + 2 * SECOND)
    assert not await ledger.clear_fault(intent().id, FAILING, START + 3 * SECOND), "nothing stands any more"
    assert await ledger.workflow_faults() == ()
    assert await ledger.record_fault(fault(first_seen=START + 4 * SECOND)), "it failed again: a fault of its own"
    told = (await ledger.trade(intent().id)).faults
    assert [(one.first_seen, one.cleared_at) for one in told] == [
        (START, START + 2 * SECOND),
        (START + 4 * SECOND, None),
    ]


async def test_what_a_later_look_does_not_tell_stays_as_it_was_known(ledger: AnyLedger) -> None:
    await ledger.record_fault(fault(attempt=3))
    await ledger.record_fault(fault(attempt=0, text="", markets=()))
    (standing,) = await ledger.workflow_faults()
    assert (standing.attempt, standing.text, standing.markets) == (3, "Inexact: 1/3", (A, B))


async def test_failing_and_parked_are_two_faults_of_a_trade(ledger: AnyLedger) -> None:
    await ledger.record_fault(fault())
    assert await ledger.record_fault(fault(kind=PARKED))
    assert await ledger.clear_fault(fault().intent_id, FAILING, START)
    assert [one.kind for one in await ledger.workflow_faults()] == [PARKED]


async def test_the_text_is_bounded_and_any_character_in_it_is_kept_or_replaced(ledger: AnyLedger) -> None:
    await ledger.record_fault(fault(text="\x00'\\\"" + "ü" * 10_000))
    (standing,) = await ledger.workflow_faults()
    assert len(standing.text) == MOST_TEXT
    assert standing.text.startswith("\N{REPLACEMENT CHARACTER}'\\\"ü")


async def test_a_standing_fault_is_a_halt_on_each_market_of_its_trade_and_ends_with_it(ledger: AnyLedger) -> None:
    await ledger.record_fault(fault())
    halts = await ledger.halts()
    assert [(halt.target, halt.rule) for halt in halts] == [(A, Rule.WORKFLOW_FAULT), (B, Rule.WORKFLOW_FAULT)]
    assert len({halt.id for halt in halts}) == 2
    assert all(f"trade {fault().intent_id}" in halt.reason and "Inexact: 1/3" in halt.reason for halt in halts)
    assert (await ledger.snapshot()).halts == halts
    await ledger.record_fault(fault(attempt=9, last_seen=START + SECOND))
    assert await ledger.halts() == halts, "seen again it is the same halt: nobody is told anew"
    await ledger.clear_fault(fault().intent_id, FAILING, START)
    assert await ledger.halts() == ()


async def test_no_other_trade_opens_on_the_markets_of_a_trade_that_cannot_go_on(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await ledger.record_fault(fault(markets=(B,)))
    other = intent(1)
    with pytest.raises(Halted, match=f"trade {fault().intent_id}: its workflow task fails since .*Inexact") as refused:
        await ledger.begin_order(RUN_ID, other, ticket(other), body(ticket(other)), START)
    assert refused.value.code == "halted"
    repair = ticket(other, "B", 2)
    await ledger.begin_order(RUN_ID, None, repair, body(repair), START)  # what closes an open leg passes every halt
    await ledger.clear_fault(fault().intent_id, FAILING, START)
    await ledger.begin_order(RUN_ID, other, ticket(other), body(ticket(other)), START)


async def test_a_trade_elsewhere_and_the_healed_trade_itself_are_not_held_back(ledger: AnyLedger) -> None:
    await ledger.record_opening(Venue.KALSHI, OPENING, START)
    await ledger.record_fault(fault())
    own = intent()
    await ledger.begin_order(RUN_ID, own, ticket(own), body(ticket(own)), START)
    await ledger.clear_fault(own.id, FAILING, START)
    await ledger.record_fault(fault(markets=("GAME-ZZZ",)))
    other = intent(1)
    await ledger.begin_order(RUN_ID, other, ticket(other), body(ticket(other)), START)
