"""Halts, commands, payment and rest: what the ledger keeps of a whole life, on Postgres and on the fake alike."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from domain.admission import AtWork
from domain.errors import BadInput
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.operator import Action, CommandRecord
from domain.orders import SETS, OrderTicket, Purpose, Side
from domain.trade import OrderRecord, Outcome, TradeState
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import (
    RUN_ID,
    SECOND,
    START,
    A,
    B,
    D,
    accepted,
    body,
    fill,
    hedged,
    intent,
    paid_out,
    settling,
    standing_on_a,
    ticket,
)

AnyLedger = Ledger | MemoryLedger


def halt(id_: str = "", *, target: str = A, rule: Rule = Rule.OPERATOR, at: int = START) -> Halt:
    return Halt(id_, Scope.MARKET, target, rule, "ada", "a share too many", at)


# ---------------------------------------------------------------------- halts


async def test_a_halt_is_given_an_id_that_can_be_typed_and_stands_until_a_person_clears_it(ledger: AnyLedger) -> None:
    stands = await ledger.set_halt(halt())
    assert re.fullmatch(r"h-[0-9a-f]{6}", stands.id)
    assert replace(stands, id="") == halt()
    assert await ledger.halts() == (stands,)
    assert await ledger.clear_halt(stands.id, "grace", "counted again", START + 5) == stands
    assert await ledger.halts() == ()
    (record,) = await ledger.halt_history()
    assert (record.halt, record.in_force) == (stands, False)
    assert (record.cleared_by, record.cleared_reason, record.cleared_at) == ("grace", "counted again", START + 5)


async def test_one_halt_for_a_scope_target_and_rule_is_enough_but_another_rule_sets_its_own(ledger: AnyLedger) -> None:
    first = await ledger.set_halt(halt("h-000001"))
    assert await ledger.set_halt(halt("h-000002", at=START + 1)) == first
    other = await ledger.set_halt(halt("h-000003", rule=Rule.MISMATCH, at=START + 2))
    assert await ledger.halts() == (first, other)
    await ledger.clear_halt(first.id, "ada", "over", START + 3)
    again = await ledger.set_halt(halt("h-000004", at=START + 4))
    assert [one.id for one in await ledger.halts()] == ["h-000003", "h-000004"]
    assert [record.halt.id for record in await ledger.halt_history(2)] == [again.id, other.id]


async def test_setting_and_clearing_again_after_a_crash_changes_nothing(ledger: AnyLedger) -> None:
    stands = await ledger.set_halt(halt("h-000001"))
    assert await ledger.set_halt(halt("h-000001")) == stands
    for _ in range(2):
        assert await ledger.clear_halt(stands.id, "ada", "over", START + 3) == stands
    assert await ledger.set_halt(halt("h-000001")) == stands
    assert await ledger.halts() == ()
    with pytest.raises(BadInput, match="id of another halt"):
        await ledger.set_halt(halt("h-000001", target=B))


async def test_a_halt_that_is_not_in_force_cannot_be_cleared_nor_any_by_nobody(ledger: AnyLedger) -> None:
    stands = await ledger.set_halt(halt())
    for author, reason in (("", "over"), ("ada", " ")):
        with pytest.raises(BadInput, match="named person with a reason"):
            await ledger.clear_halt(stands.id, author, reason, START)
    await ledger.clear_halt(stands.id, "ada", "over", START + 3)
    for halt_id in (stands.id, "h-ffffff", ""):
        with pytest.raises(BadInput, match="surefoot halts") as refusal:
            await ledger.clear_halt(halt_id, "grace", "over too", START + 4)
        assert refusal.value.code == "no_such_halt"


# ---------------------------------------------------------------------- commands


async def test_what_people_said_is_kept_once_in_order_wherever_it_was_recorded(ledger: AnyLedger) -> None:
    planned = intent()
    sent = CommandRecord(Action.FORCE_FLAT, "ada", "x" * 4000, "sent; taken once a worker is up", START)
    heard = CommandRecord(Action.FORCE_FLAT, "ada", "x" * 4000, "selling what stands alone", START + 7)
    held = CommandRecord(Action.HOLD, "grace", "wait", "nothing is sent until told otherwise", START + 9)
    for _ in range(2):
        await ledger.record_command(planned.id, sent)
    newer = replace(standing_on_a(planned), commands=(heard, held), revision=6)
    await ledger.record_trade(RUN_ID, planned, newer)
    await ledger.record_trade(RUN_ID, planned, replace(newer, commands=(heard,), revision=5))
    assert await ledger.commands(planned.id) == (sent, heard, held)
    assert (await ledger.trade(planned.id)).commands == (sent, heard, held)
    assert await ledger.commands("i-other") == ()


# ---------------------------------------------------------------------- payment


async def test_payment_is_booked_once_and_the_position_is_gone(ledger: AnyLedger) -> None:
    planned = intent()
    await ledger.record_trade(RUN_ID, planned, settling(planned))
    for _ in range(2):
        await ledger.record_trade(RUN_ID, planned, paid_out(planned))
    facts = (await ledger.snapshot()).facts
    assert facts.redemptions == paid_out(planned).redemptions
    booked = {entry.ref: (entry.amount, entry.intent_id) for entry in facts.cash if entry.kind == "settlement"}
    assert booked == {f"{A}/{planned.id}": (D(10), planned.id), f"{B}/{planned.id}": (D(0), planned.id)}
    assert facts.positions == {(Venue.KALSHI, A): D(0), (Venue.KALSHI, B): D(0)}
    assert (await ledger.trade(planned.id)).redemptions == paid_out(planned).redemptions


async def test_a_fill_that_was_handed_back_comes_back_as_such(ledger: AnyLedger) -> None:
    one = replace(fill(ticket(intent(), side=Side.SELL)), merged=True)
    await ledger.record_fills([one])
    assert (await ledger.snapshot()).facts.fills == (one,)


async def test_an_adopted_order_keeps_the_name_it_was_placed_under(ledger: AnyLedger) -> None:
    planned = intent()
    adopted = replace(ticket(planned, "B", 2, purpose=Purpose.ADOPTED), foreign_id="typed-by-hand")
    theirs = replace(fill(adopted), client_order_id="")
    working = OrderRecord(adopted, accepted(adopted, "4"), settled=False, filled=D(4))
    record = replace(standing_on_a(planned), orders=(working,), fills=(theirs,))
    await ledger.record_trade(RUN_ID, planned, record)
    order = await ledger.order_outcome("typed-by-hand")
    assert order is not None
    assert (order.ticket, order.sends, order.open) == (adopted, 0, True)
    assert [one.client_order_id for one in await ledger.unsettled_orders()] == ["typed-by-hand"]
    story = await ledger.trade(planned.id)
    assert story.fills == (theirs,)
    assert (await ledger.snapshot()).facts.fills_by_intent() == {planned.id: [theirs]}


# ---------------------------------------------------------------------- where trades stand


async def test_trades_that_settle_or_are_closed_are_done_trading(ledger: AnyLedger) -> None:
    rests, over, stuck, begun = (intent(n) for n in range(4))
    await ledger.record_trade(RUN_ID, rests, settling(rests))
    await ledger.record_trade(RUN_ID, over, hedged(over))
    await ledger.record_trade(RUN_ID, stuck, standing_on_a(stuck))
    first = ticket(begun)
    await ledger.begin_order(RUN_ID, begun, first, body(first), START)
    asked = [one.id for one in (rests, over, stuck, begun)]
    assert await ledger.done_trading([*asked, "i-unknown"]) == {rests.id, over.id}
    assert await ledger.done_trading(iter([stuck.id])) == set()
    assert await ledger.done_trading([]) == set()
    assert await ledger.at_work() == [AtWork(START, alone=False)]  # a person's turn is no work either
    await ledger.finish_order(first, accepted(first))
    assert await ledger.at_work() == [AtWork(START, alone=True)]
    open_ = await ledger.open_trades()
    assert [(trade.id, trade.state) for trade in open_] == [
        (rests.id, TradeState.SETTLING),
        (stuck.id, TradeState.STUCK),
        (begun.id, TradeState.LEG_A),
    ]
    assert (open_[1].intent, open_[1].residual, open_[1].reservations) == (stuck, D(10), ())


async def test_what_ended_since_a_moment_tells_its_pnl_and_what_of_it_is_realised(ledger: AnyLedger) -> None:
    early, late, rests = (intent(n) for n in range(3))
    loss = replace(hedged(late), pnl=D("-3.21"), outcome=Outcome.UNWOUND, at=START + 2 * SECOND)
    await ledger.record_trade(RUN_ID, early, hedged(early))
    await ledger.record_trade(RUN_ID, late, loss)
    await ledger.record_trade(RUN_ID, rests, replace(settling(rests), at=START + 3 * SECOND))
    ended = await ledger.outcomes_since(START + SECOND)
    assert [(one.id, one.strategy, one.state, one.outcome, one.pnl) for one in ended] == [
        (late.id, "pair", TradeState.CLOSED, Outcome.UNWOUND, D("-3.21")),
        (rests.id, "pair", TradeState.SETTLING, Outcome.HEDGED, settling(rests).pnl),
    ]
    assert await ledger.realised_since(START + SECOND) == D("-3.21")
    assert await ledger.realised_since(0) == D("-3.21") + hedged(early).pnl
    assert await ledger.realised_since(START + 9 * SECOND) == 0


async def test_in_the_middle_of_a_basket_only_what_every_leg_has_is_hedged(ledger: AnyLedger) -> None:
    base = intent()
    third = replace(base.legs[0], name="C", market="GAME-CCC")
    basket = replace(base, legs=(base.legs[0], replace(base.legs[1], side=Side.SELL), third))
    orders = [
        ticket(basket),
        ticket(basket, "B", purpose=Purpose.HEDGE, side=Side.SELL),
        ticket(basket, "C", purpose=Purpose.HEDGE),
        ticket(basket, "A", 2, purpose=Purpose.UNWIND, side=Side.SELL, size="1"),
    ]
    seen = []
    for n, (order, filled) in enumerate(zip(orders, ("10", "8", "5", "1"), strict=True)):
        await ledger.begin_order(RUN_ID, basket if n == 0 else None, order, body(order), START + n)
        await ledger.finish_order(order, accepted(order, filled))
        (row,) = await ledger.trades()
        seen.append((row.state, row.hedged, row.unwound, row.residual))
    assert seen == [
        (TradeState.LEG_A, D(0), D(0), D(10)),
        (TradeState.RECHECK, D(0), D(0), D(18)),
        (TradeState.RECHECK, D(5), D(0), D(8)),
        (TradeState.UNWIND, D(5), D(1), D(7)),
    ]


async def test_sets_handed_back_in_the_middle_of_a_trade_stay_hedged(ledger: AnyLedger) -> None:
    planned = intent()
    a, b = ticket(planned), ticket(planned, "B", purpose=Purpose.HEDGE)
    merge = OrderTicket(planned.id, SETS, 1, Purpose.MERGE, Venue.KALSHI, "GAME", Side.SELL, D(10), D(1))
    for n, order in enumerate((a, b, merge)):
        await ledger.begin_order(RUN_ID, planned if n == 0 else None, order, body(order), START + n)
        await ledger.finish_order(order, accepted(order))
    (row,) = await ledger.trades()
    assert (row.state, row.hedged, row.unwound, row.residual) == (TradeState.HEDGED, D(10), D(0), D(0))
