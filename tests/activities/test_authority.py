"""An activity asks by what right: which workflow it runs for, which intent that is, and whether the leg is its own."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from activities.authority import Seals
from activities.caller import Caller
from domain.errors import BadInput, Denied, Unavailable
from domain.intent import Intent
from domain.market import Venue
from domain.operator import Action, OperatorCommand
from domain.orders import SETS, OrderTicket, Purpose, Side
from domain.requests import CheckRequest, Origin
from domain.seal import SealKeys
from ledger.port import Decided
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, B, body, hedged, intent, ticket
from workers.local.seals import as_sealed

KEYS = SealKeys({"k1": b"k" * 32}, run=RUN_ID, mode="paper")
PLANNED = intent()
OURS = Origin("run-a", KEYS.intent(PLANNED.id))
UNSEALED = Origin("run-a")
OPEN, HEDGE = ticket(PLANNED), ticket(PLANNED, "B", purpose=Purpose.HEDGE)
UNWIND = ticket(PLANNED, purpose=Purpose.UNWIND, side=Side.SELL)


class Desk:
    """An activity that runs for `caller`, whose run continues the one that `continues` names."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self.as_caller = Caller(PLANNED.id, "Trade", "run-a")
        self.continues: str | None = "run-a"
        self.ledger = ledger or MemoryLedger()
        self.told: list[str] = []
        self.seals = Seals(KEYS, self.ledger, self._tell, self)

    def caller(self) -> Caller:
        return self.as_caller

    async def first_run(self, caller: Caller) -> str:
        if self.continues is None:
            raise Unavailable("Temporal is away", "temporal_unavailable")
        return self.continues

    async def _tell(self, alert: str, text: str, do: str) -> None:
        self.told.append(text)


class _Away(MemoryLedger):
    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure: Exception | None = failure

    async def decided(self, intent_id: str) -> Decided | None:
        if self.failure is not None:
            raise self.failure
        return await super().decided(intent_id)


async def code(desk: Desk, order: OrderTicket, origin: Origin = OURS, of: Intent | None = PLANNED) -> str:
    """The code of the refusal to send it; empty if it may be sent."""
    return await _code(desk.seals.may_send(order, of, origin))


async def cancel_code(desk: Desk, order: OrderTicket, origin: Origin = OURS, of: Intent | None = PLANNED) -> str:
    return await _code(desk.seals.may_cancel(order, of, origin))


async def _code(asked: Awaitable[object]) -> str:
    try:
        await asked
    except (Denied, Unavailable) as refused:
        return refused.code
    return ""


@pytest.mark.parametrize(
    "caller",
    [
        Caller(),
        Caller(PLANNED.id, "Other", "run-a"),
        Caller(intent(1).id, "Trade", "run-a"),
        Caller("evil-1", "Trade", "run-a"),
    ],
)
async def test_whatever_does_not_run_in_the_intents_own_workflow_is_refused_and_told(caller: Caller) -> None:
    desk = Desk()
    desk.as_caller = caller
    await desk.ledger.record_intent(PLANNED, RUN_ID)
    assert await code(desk, HEDGE) == "not_its_trade"
    assert await cancel_code(desk, HEDGE) == "not_its_trade"
    assert len(desk.told) == 1, "the second within a minute is in the log alone"
    with pytest.raises(Denied):
        await desk.seals.may_write(PLANNED, PLANNED.id, OURS)


async def test_a_sealed_intent_needs_no_ledger_and_one_without_a_seal_does() -> None:
    for failure in (Unavailable("Postgres is gone"), BadInput("no such table"), TimeoutError()):
        desk = Desk(_Away(failure))
        for order in (OPEN, HEDGE, UNWIND):
            assert await code(desk, order) == ""
            assert await code(desk, order, UNSEALED) == "ledger_unavailable"
        assert not desk.told, "nobody need be woken: it may well be a trade of ours"


async def test_a_trade_of_before_goes_on_by_the_ledger_and_while_it_is_away_if_it_was_found_once() -> None:
    ledger = _Away(Unavailable("Postgres is gone"))
    await ledger.record_intent(PLANNED, RUN_ID)
    desk = Desk(ledger)
    ledger.failure, failure = None, ledger.failure
    assert await code(desk, UNWIND, UNSEALED, None) == ""
    ledger.failure = failure
    assert await code(desk, UNWIND, UNSEALED, None) == ""


async def test_an_intent_that_nobody_decided_is_refused() -> None:
    desk = Desk()
    for seal in (None, KEYS.intent(intent(1).id), replace(KEYS.intent(PLANNED.id), mode="live")):
        assert await code(desk, OPEN, Origin("run-a", seal)) == "not_decided"
        assert await cancel_code(desk, OPEN, Origin("run-a", seal)) == "not_decided"
        with pytest.raises(Denied, match="ledger does not know it"):
            await desk.seals.may_write(PLANNED, PLANNED.id, Origin("run-a", seal))
    assert desk.told


async def test_another_intent_under_the_name_of_a_decided_one_is_refused() -> None:
    desk = Desk()
    dearer = replace(PLANNED, legs=(replace(PLANNED.legs[0], market="OTHER"), *PLANNED.legs[1:]))
    assert await code(desk, OPEN, OURS, dearer) == "not_its_trade"
    with pytest.raises(Denied):
        await desk.seals.may_write(dearer, PLANNED.id, OURS)


async def test_a_trade_that_is_over_is_refused_without_a_seal() -> None:
    desk = Desk()
    await desk.ledger.record_trade(RUN_ID, PLANNED, hedged(PLANNED))
    assert await code(desk, UNWIND, UNSEALED) == "closed"


async def test_a_run_that_says_it_continues_another_is_believed_only_by_temporals_word() -> None:
    desk = Desk()
    desk.as_caller = replace(desk.as_caller, run_id="run-b")
    assert await code(desk, UNWIND) == ""
    for first in ("run-b", "", "run-c"):
        desk.continues = first
        assert await code(desk, UNWIND) == "other_run"
        assert await cancel_code(desk, UNWIND) == "other_run"
        with pytest.raises(Denied):
            await desk.seals.may_write(PLANNED, PLANNED.id, OURS)
    desk.continues = None
    assert await code(desk, UNWIND) == "temporal_unavailable"


async def test_who_does_not_say_what_it_continues_is_a_run_of_its_own() -> None:
    desk = Desk()
    assert await desk.seals.may_send(UNWIND, PLANNED, replace(OURS, chain="")) == "run-a"
    desk.as_caller = replace(desk.as_caller, run_id="run-b")
    assert await desk.seals.may_send(UNWIND, PLANNED, replace(OURS, chain="")) == "run-b"
    assert await desk.seals.may_send(UNWIND, PLANNED, OURS) == "run-a"


async def test_another_run_of_the_workflow_writes_nothing() -> None:
    desk = Desk()
    await desk.ledger.begin_order(RUN_ID, PLANNED, OPEN, body(OPEN), START, chain="run-a")
    await desk.seals.may_write(PLANNED, PLANNED.id, OURS)
    desk.as_caller = replace(desk.as_caller, run_id="run-b")
    with pytest.raises(Denied, match="another workflow opened"):
        await desk.seals.may_write(PLANNED, PLANNED.id, replace(OURS, chain="run-b"))


@pytest.mark.parametrize(
    "order",
    [
        replace(HEDGE, market="OTHER"),
        replace(HEDGE, market=PLANNED.legs[0].market),
        replace(HEDGE, venue=Venue.POLYMARKET),
        replace(HEDGE, leg="C"),
        replace(HEDGE, side=Side.SELL),
        replace(OPEN, side=Side.SELL),
        replace(HEDGE, purpose=Purpose.COMPLETE, side=Side.SELL),
        replace(HEDGE, purpose=Purpose.ADOPTED),
        replace(HEDGE, purpose=Purpose.MERGE),
        replace(HEDGE, leg=SETS),
        replace(HEDGE, leg=SETS, purpose=Purpose.MERGE, market=""),
        replace(UNWIND, market=B),
    ],
    ids=str,
)
async def test_an_order_on_no_leg_of_its_intent_is_refused(order: OrderTicket) -> None:
    assert await code(Desk(), order) == "not_the_leg"


async def test_what_a_person_placed_and_the_trade_took_over_is_cancelled_and_never_sent() -> None:
    by_hand = replace(HEDGE, purpose=Purpose.ADOPTED, side=Side.SELL, foreign_id="by-hand")
    assert await cancel_code(Desk(), by_hand) == ""
    assert await code(Desk(), by_hand) == "not_the_leg"
    assert await cancel_code(Desk(), replace(by_hand, market="OTHER")) == "not_the_leg"
    assert await cancel_code(Desk(), replace(by_hand, venue=Venue.POLYMARKET)) == "not_the_leg"


async def test_whole_sets_of_an_intent_that_forms_one_may_be_handed_back() -> None:
    whole = replace(PLANNED, set_id="0xset")
    desk = Desk()
    desk.as_caller = Caller(whole.id, "Trade", "run-a")
    merge = replace(ticket(whole), leg=SETS, purpose=Purpose.MERGE, side=Side.SELL, market="0xset")
    origin = Origin("run-a", KEYS.intent(whole.id))
    assert await code(desk, merge, origin, whole) == ""
    assert await code(desk, replace(merge, market="0xother"), origin, whole) == "not_the_leg"


async def test_a_command_counts_in_the_workflow_it_was_sealed_for() -> None:
    desk = Desk()
    word = as_sealed(KEYS, PLANNED.id, Action.HOLD, OperatorCommand("ada", "thin books"))
    assert await desk.seals.commands(CheckRequest(PLANNED.id, Action.HOLD, word))
    assert not desk.told
    assert not await desk.seals.commands(CheckRequest(PLANNED.id, Action.RETRY, word))
    desk.as_caller = Caller("evil-1", "Trade")
    assert not await desk.seals.commands(CheckRequest(PLANNED.id, Action.HOLD, word))
    assert len(desk.told) == 1
