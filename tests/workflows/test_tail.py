"""The tail: fills that are final, void or late; sets handed back; markets that pay; what may stay as it is."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN

import pytest

from domain.evidence import Fill, FillStatus, Resolution
from domain.intent import Intent, Way
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, SubmitResult
from domain.requests import Settlement
from domain.trade import Outcome, TradeRecord, TradeState
from testing.desk import Lost
from testing.venue import Fault
from tests.ledger.samples import START, A, B, D
from tests.workflows.rehearsal import BOTH, MS, PAYDAY_MS, Rehearsal, closed

MERGE = "merge *1 sell 10 at 1"


def with_set(planned: Intent) -> Intent:
    return replace(planned, set_id="SET")


def void_b(fill: Fill) -> tuple[int, FillStatus]:
    return (20_000, FillStatus.VOID if fill.market == B and fill.price == D("0.55") else FillStatus.FINAL)


async def test_a_hedged_trade_waits_for_final_fills_and_then_for_its_markets_and_books_what_they_paid() -> None:
    stage = Rehearsal(word=lambda fill: (20_000, FillStatus.FINAL))
    hedged, settling = stage.look_at(10_000), stage.look_at(60_000)
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert (hedged[0].state, hedged[0].reserved) == (TradeState.HEDGED, stage.intent.worst_cost)
    assert settling[0].state is TradeState.SETTLING
    assert D(0) < settling[0].reserved < stage.intent.worst_cost
    record = stage.trade.record()
    assert {(r.market, r.payout) for r in record.redemptions} == {(A, D(1)), (B, D(0))}
    assert record.reserved == 0
    assert record.pnl == settling[0].pnl


async def test_a_void_fill_reopens_a_hedged_trade_and_its_other_side_is_repaired() -> None:
    stage = Rehearsal(word=void_b)
    stage.book_b(asks=[("0.55", "10"), ("0.57", "50")])
    await closed(stage, Outcome.HEDGED, *BOTH, "complete B2 buy 10 at 0.57")
    assert "The venue counts 0 on B1, not 10; adopted." in stage.story()


async def test_a_void_of_the_only_fill_leaves_nothing_and_nothing_is_sold_that_is_not_there() -> None:
    stage = Rehearsal(word=lambda fill: (20_000, FillStatus.VOID))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10")])
    await closed(stage, Outcome.MISSED, *BOTH)


async def test_a_market_that_resolves_as_void_pays_what_the_venue_says_and_no_more_is_claimed() -> None:
    stage = Rehearsal()
    stage.pays_at(60_000, {A: "0.50", B: "0.50"})
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert {r.payout for r in stage.trade.record().redemptions} == {D("0.50")}


async def test_a_trade_that_settles_for_days_asks_ever_more_rarely_and_a_message_is_heard_at_once() -> None:
    stage = Rehearsal()
    asked: list[str] = []
    read = stage.venue.resolution

    async def counted(market: str) -> Resolution:
        asked.append(market)
        return await read(market)

    stage.venue.resolution = counted  # type: ignore[method-assign]
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert len(asked) < 2 * (10 + PAYDAY_MS // 900_000)

    woken = Rehearsal()
    woken.pays_at(100_000, {A: "1", B: "0"})
    woken.desk.at(START + 100_001 * MS, lambda: None, message=True)
    await closed(woken, Outcome.HEDGED, *BOTH)
    assert woken.desk.now() - START < 110_000 * MS


async def test_a_fill_that_comes_after_the_final_word_is_adopted_and_repaired() -> None:
    stage = Rehearsal()
    stage.venue.script("submit", Fault.MISCOUNT)
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 5 at 0.55", "complete B2 buy 5 at 0.55")


# ---------------------------------------------------------------------- sets


async def test_whole_sets_are_handed_back_for_their_payoff_without_waiting_for_the_markets() -> None:
    stage = Rehearsal(reshape=with_set)
    await closed(stage, Outcome.HEDGED, *BOTH, MERGE)
    assert stage.desk.now() - START < 60_000 * MS
    assert stage.trade.record().redemptions == ()


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
async def test_a_merge_without_an_answer_is_settled_by_evidence_and_done_once(fault: Fault) -> None:
    stage = Rehearsal(reshape=with_set)
    stage.venue.script("submit", None, None, fault)
    record = await stage.run()
    assert record.outcome is Outcome.HEDGED
    assert await stage.broken() == []
    assert (await stage.venue.account()).positions == {}


async def test_a_venue_that_takes_no_sets_back_is_waited_for() -> None:
    stage = Rehearsal(reshape=with_set)
    stage.venue.script("submit", None, None, Fault.REJECT)
    await closed(stage, Outcome.HEDGED, *BOTH, MERGE)
    assert len(stage.trade.record().redemptions) == 2


# ---------------------------------------------------------------------- what may stay alone


async def test_holding_is_the_policys_choice_when_both_ways_cost_more_than_the_market_says() -> None:
    stage = Rehearsal(ways=tuple(Way), hold_discount=D("0.01"))
    stage.book_b(asks=[("0.95", "10")])
    stage.book_a(asks=[("0.40", "10"), ("0.60", "10")], bids=[("0.10", "10")])
    settling = stage.look_at(60_000)
    await closed(stage, Outcome.RESIDUAL, *BOTH)
    assert "Chosen: hold" in stage.story()
    assert (settling[0].state, settling[0].residual) == (TradeState.SETTLING, D(10))
    assert await stage.pnl() == D("5.832")


async def test_shares_too_few_to_give_back_are_completed_once_the_other_book_has_offers_again() -> None:
    """Three of A stand alone where the venue takes five at least, and nobody offers B for the moment."""

    def coarse_a(planned: Intent) -> Intent:
        a, b = planned.legs
        return replace(planned, legs=(replace(a, min_size=D(5)), b))

    stage = Rehearsal(reshape=coarse_a)
    stage.book_a(bids=[("0.38", "10")], asks=[("0.40", "3")])
    stage.book_b()
    stage.desk.at(START + 2_000 * MS, lambda: stage.book_b(asks=[("0.55", "10")]))
    await closed(stage, Outcome.HEDGED, BOTH[0], "hedge B1 buy 3 at 0.55", "complete B2 buy 3 at 0.55")


async def test_what_is_less_than_the_venues_smallest_order_is_dust_and_is_paid_by_its_market() -> None:
    def five(planned: Intent) -> Intent:
        return replace(planned, legs=tuple(replace(leg, min_size=D(5)) for leg in planned.legs))

    stage = Rehearsal(reshape=five)
    stage.book_b(asks=[("0.55", "8")])
    record = await stage.run()
    assert record.outcome is Outcome.RESIDUAL, stage.story()
    assert (record.hedged, record.residual) == (D(8), D(2))
    assert "less than the venue's smallest order" in stage.story()
    assert await stage.broken() == []


async def test_a_market_that_pays_while_its_trade_is_stuck_ends_it_for_better_or_worse() -> None:
    for won, better in (("1", True), ("0", False)):
        stage = Rehearsal(loss_budget=D("0.10"))
        stage.book_b()
        stage.book_a(asks=[("0.40", "10")])
        stage.pays_at(400_000, {A: won, B: "0"})
        record = await stage.run()
        assert record.outcome is Outcome.RESIDUAL
        assert (record.pnl > 0) is better
        assert await stage.broken() == []


async def test_resolutions_that_cannot_be_read_are_asked_for_again() -> None:
    stage = Rehearsal()
    stage.desk.script("resolution", Lost.BEFORE, Lost.AFTER)
    stage.pays_at(1_000, {A: "0", B: "1"})
    await closed(stage, Outcome.HEDGED, *BOTH)


async def test_a_hedge_short_by_a_sale_is_bought_back_before_anything_else() -> None:
    stage = Rehearsal(word=lambda fill: (20_000, FillStatus.VOID if fill.price == D("0.40") else FillStatus.FINAL))
    stage.book_b()
    stage.book_a(asks=[("0.40", "10"), ("0.41", "90")], bids=[("0.38", "10")])
    record = await stage.run()
    assert await stage.broken() == [], stage.story()
    assert record.state is TradeState.CLOSED


async def test_a_trade_that_settles_says_what_its_fills_cost_whatever_is_written_of_it_meanwhile() -> None:
    """The answer to an order has an average fee; Kalshi rounds that of each fill up, so it is a hair too low."""
    stage = Rehearsal(size="5")
    submit = stage.venue.submit

    async def rounded(order: OrderTicket) -> SubmitResult:
        result = await submit(order)
        assert result.average_fee is not None
        return replace(result, average_fee=result.average_fee.quantize(D("0.001"), ROUND_DOWN))

    stage.venue.submit = rounded  # type: ignore[method-assign]
    stage.ask_at(60_000, Action.ADOPT, OperatorCommand("ada", "mine too", "nobodys", "kalshi"))
    seen = stage.look_at(90_000)
    await closed(stage, Outcome.HEDGED, "open A1 buy 5 at 0.40", "hedge B1 buy 5 at 0.55")
    assert "was not adopted" in stage.story()
    spent = -sum((fill.cash for fill in await stage.fills()), D(0))
    assert spent % D("0.0001") == 0
    assert [record.reserved for record in stage.desk.recorded[:1]] == [spent]
    assert [(record.state, record.reserved, record.pnl) for record in seen] == [(TradeState.SETTLING, spent, 5 - spent)]


async def test_a_trade_that_cannot_be_settled_says_why_once_and_hears_people_in_between() -> None:
    stage = Rehearsal()
    settle, tries = stage.desk.settle, []

    async def not_yet(intent: Intent, record: TradeRecord) -> Settlement:
        tries.append(record)
        if len(tries) > 5:
            return await settle(intent, record)
        await stage.desk._advance(120_000)
        return Settlement(agrees=False, evidence=(), record=record, unsettled="the venue lists no fills")

    stage.desk.settle = not_yet  # type: ignore[method-assign]
    await closed(stage, Outcome.HEDGED, *BOTH)
    assert stage.story().count("could not be brought to agree yet: the venue lists no fills") == 1
