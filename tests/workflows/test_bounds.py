"""Whatever a venue counts, no order leaves beyond its bounds: the trade is stuck with the numbers, and hears people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.operator import Action
from domain.orders import Purpose
from domain.trade import Outcome, TradeState
from testing.desk import Lost
from tests.ledger.samples import D
from tests.workflows.rehearsal import BOTH, Rehearsal, closed


def miscounted(stage: Rehearsal, count: str, *, listed: bool) -> None:
    """Every accepted order of leg A is said to have filled so many, past the edge; the list is mute if not `listed`."""
    submit, evidence = stage.desk.submit, stage.desk.evidence

    async def wrong(ticket: Any, guard: Any, opening: Any) -> Any:
        result = await submit(ticket, guard, opening)
        return replace(result, filled=D(count)) if ticket.leg == "A" and result.filled else result

    async def mute(*asked: Any) -> Any:
        return await evidence(*asked) if listed or stage.desk.now() > stage.asked_at else None

    stage.desk.submit = wrong  # type: ignore[method-assign]
    stage.desk.evidence = mute  # type: ignore[method-assign]


@pytest.mark.parametrize("count", ["-5", "-10", "NaN", "1e400000"])
async def test_a_count_that_is_none_doubles_nothing_and_a_person_is_heard(count: str) -> None:
    stage = Rehearsal()
    miscounted(stage, count, listed=False)
    stuck = stage.look_at(120_000)
    stage.unwind_at(130_000)
    try:
        await stage.run()
    except (ValueError, ArithmeticError):  # the driver parks what no arithmetic can take
        assert count in ("NaN", "1e400000")
        assert len(stage.desk.submits) == 1
        return
    assert stuck[0].state is TradeState.STUCK, stage.story()
    bought = [one.ticket for one in stage.desk.submits if one.ticket.leg == "A" and one.ticket.side == "buy"]
    assert [ticket.purpose for ticket in bought] == [Purpose.OPEN], stage.story()


async def test_a_wrong_count_that_the_list_mends_is_mended_before_anything_leaves() -> None:
    stage = Rehearsal()
    miscounted(stage, "-5", listed=True)
    record = await stage.run()
    bought = [one.ticket for one in stage.desk.submits if one.ticket.leg == "A" and one.ticket.side == "buy"]
    assert len(bought) == 1, stage.story()
    assert record.state is TradeState.CLOSED


async def test_nothing_is_sold_until_two_sources_agree_and_the_position_is_one() -> None:
    stage = Rehearsal()
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.38", "10")])
    stage.desk.script("evidence", *[Lost.BEFORE] * 3)
    stage.desk.script("position", Lost.BEFORE)
    await closed(stage, Outcome.UNWOUND, *BOTH, "unwind A2 sell 10 at 0.38")
    assert "Not sent: 10 of A to give back, and two sources agree on 0 so far" in stage.story()


async def test_so_many_orders_leave_until_a_person_speaks_whose_word_renews_them() -> None:
    stage = Rehearsal(most_orders=3, repair_deadline_ms=600_000)
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")], bids=[("0.38", "1")])
    for at in (1_000, 2_000, 3_000, 4_000):
        stage.desk.at(stage.desk.now() + at * 1_000, lambda: stage.book_a(asks=[], bids=[("0.38", "1")]))
    before, after = stage.look_at(60_000), stage.look_at(60_000 + 60_000)
    stage.ask_at(60_500, Action.RETRY)
    await stage.run()
    assert before[0].state is TradeState.STUCK, stage.story()
    assert "3 orders have left since a person last spoke, 3 may; any command renews them" in stage.story()
    assert len(after[0].orders) > len(before[0].orders)
