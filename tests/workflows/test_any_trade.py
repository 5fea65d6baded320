"""Whatever books, venue, workers and people do: the promises of a trade hold after every run.

That the property can fail is proven too: the lifecycle is broken on purpose, once for each of `MUTATIONS`, and the
property must notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from domain import residual
from domain.evidence import OrderEvidence, OrderStatus
from domain.intent import IntentLeg
from domain.orders import Purpose, Side, SubmitResult
from domain.trade import TradeRecord, TradeState
from tests.workflows.scenarios import Scenario, must_hold, scenarios
from workflows.fake_desk import FakeDesk
from workflows.lifecycle import Trade
from workflows.orders import Order, OrderBook, Sender

_CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@settings(max_examples=300, deadline=None, suppress_health_check=_CHECKS)
@given(scenarios())
def test_every_trade_reaches_its_end_with_every_promise_kept(scenario: Scenario) -> None:
    asyncio.run(must_hold(scenario))


Patch = pytest.MonkeyPatch


def unknown_means_failed(patch: Patch) -> None:
    async def give_up(sender: Sender, order: Order) -> None:
        order.settle(Decimal(0))

    patch.setattr(Sender, "_resolve", give_up)


def not_listed_means_absent(patch: Patch) -> None:
    _as_seen(patch, OrderStatus.UNSEEN, OrderStatus.ABSENT)


def working_means_done(patch: Patch) -> None:
    _as_seen(patch, OrderStatus.RESTING, OrderStatus.DONE)


def a_refused_copy_speaks_for_the_first(patch: Patch) -> None:
    again: Callable[..., Any] = Sender._send_again

    async def believe(sender: Sender, order: Order, *, proven_absent: bool) -> None:
        await again(sender, order, proven_absent=True)

    patch.setattr(Sender, "_send_again", believe)


def leg_b_as_planned_not_as_filled(patch: Patch) -> None:
    new: Callable[..., Order] = Trade._new_order

    def planned(trade: Trade, leg: IntentLeg, purpose: Purpose, side: Side, size: Decimal, *limit: Decimal) -> Order:
        return new(trade, leg, purpose, side, leg.size if purpose is Purpose.HEDGE else size, *limit)

    patch.setattr(Trade, "_new_order", planned)


def attempt_numbers_start_over(patch: Patch) -> None:
    patch.setattr(OrderBook, "next_attempt", lambda book, leg: 1)


def a_repair_may_cost_anything(patch: Patch) -> None:
    patch.setattr(residual, "_affordable", lambda *a, **k: True)


def fees_are_forgotten_while_unsettled(patch: Patch) -> None:
    patch.setattr(Order, "cash", property(lambda order: -order.shares * (order.price or order.ticket.limit)))


def a_wish_does_not_stop_what_is_in_doubt(patch: Patch) -> None:
    patch.setattr(Trade, "wants", lambda trade, order: True)


def a_wish_is_recorded_and_forgotten(patch: Patch) -> None:
    patch.setattr(Trade, "unwind", lambda trade, command: trade.tell(command.reason))


def what_stands_alone_is_left(patch: Patch) -> None:
    async def leave(trade: Trade, hedge: SubmitResult | None) -> None:
        return None

    patch.setattr(Trade, "_rebalance", leave)


def closed_without_the_final_word(patch: Patch) -> None:
    async def close(trade: Trade) -> TradeRecord:
        trade.state, trade.outcome = TradeState.CLOSED, trade._ending()
        return trade.record()

    patch.setattr(Trade, "_try_close", close)


def stuck_is_the_end(patch: Patch) -> None:
    pause = FakeDesk.pause

    async def sleep_for_ever(desk: FakeDesk, ms: int) -> None:
        stuck = desk.shown and desk.shown[-1].state is TradeState.STUCK
        await pause(desk, 0 if stuck else ms)

    patch.setattr(FakeDesk, "pause", sleep_for_ever)


def _as_seen(patch: Patch, seen: OrderStatus, believed: OrderStatus) -> None:
    evidence = FakeDesk.evidence

    async def misread(desk: FakeDesk, *args: Any) -> OrderEvidence | None:
        found = await evidence(desk, *args)
        return replace(found, status=believed) if found is not None and found.status is seen else found

    patch.setattr(FakeDesk, "evidence", misread)


MUTATIONS = [
    unknown_means_failed,
    not_listed_means_absent,
    working_means_done,
    a_refused_copy_speaks_for_the_first,
    leg_b_as_planned_not_as_filled,
    attempt_numbers_start_over,
    a_repair_may_cost_anything,
    fees_are_forgotten_while_unsettled,
    a_wish_does_not_stop_what_is_in_doubt,
    a_wish_is_recorded_and_forgotten,
    what_stands_alone_is_left,
    closed_without_the_final_word,
    stuck_is_the_end,
]


@pytest.mark.parametrize("broken_on_purpose", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_the_property_notices(broken_on_purpose: Callable[[Patch], None], monkeypatch: Patch) -> None:
    broken_on_purpose(monkeypatch)

    @settings(
        max_examples=1_500,
        deadline=None,
        suppress_health_check=_CHECKS,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(scenarios())
    def must_fail(scenario: Scenario) -> None:
        asyncio.run(must_hold(scenario))

    with pytest.raises(AssertionError):
        must_fail()
