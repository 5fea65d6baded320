"""What stands now, on the metrics page: counted over every run, since a trade outlives the run that opened it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import isnan

from prometheus_client import REGISTRY

from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.orders import SubmitResult, Verdict
from domain.trade import OrderRecord, TradeRecord, TradeState
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from testing.ledger.memory import MemoryLedger
from tests.ledger.samples import SECOND, START, accepted, body, fill, intent, ticket
from workers.gauges import Gauges


def read(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"surefoot_{name}", labels)


def gauges(ledger: MemoryLedger) -> Gauges:
    return Gauges(ledger, "run-2", lambda: START + 90 * SECOND)  # type: ignore[arg-type] # the same reads


async def standing_alone(ledger: MemoryLedger, state: TradeState, nonce: int, run: str) -> None:
    """A trade whose leg A filled, ten shares at 0.40, and whose leg B did not."""
    planned = intent(nonce)
    order = ticket(planned)
    await ledger.begin_order(run, planned, order, body(order), START)
    alone = Decimal(0) if state is TradeState.SETTLING else Decimal(10)
    zero = Decimal(0)
    known = OrderRecord(order, accepted(order), settled=True, filled=Decimal(10))
    record = TradeRecord(
        planned.id, state, None, zero, zero, alone, zero, zero, (known,), (fill(order),), (), revision=1, at=START
    )
    await ledger.record_trade(run, planned, record)


async def test_what_stands_alone_is_counted_in_shares_and_dollars_whichever_run_left_it() -> None:
    ledger = MemoryLedger()
    await standing_alone(ledger, TradeState.STUCK, 1, "run-1")
    await standing_alone(ledger, TradeState.REBALANCE, 2, "run-2")
    await standing_alone(ledger, TradeState.SETTLING, 3, "run-2")
    await gauges(ledger).count()
    assert (read("stuck"), read("unhedged_shares"), read("unhedged_notional")) == (1, 20, 8)
    assert read("trades", state="STUCK") is None, "trades by state are this run's"
    assert (read("trades", state="REBALANCE"), read("trades", state="SETTLING")) == (1, 1)


async def test_once_nothing_stands_alone_the_gauges_are_zero() -> None:
    await gauges(MemoryLedger()).count()
    assert (read("stuck"), read("unhedged_shares"), read("unhedged_notional")) == (0, 0, 0)
    assert (read("unknowns_open"), read("unknown_age_seconds"), read("safe_mode")) == (0, 0, 0)


async def test_orders_whose_outcome_nothing_shows_are_counted_and_the_oldest_one_ages() -> None:
    ledger = MemoryLedger()
    for nonce, (sent, answer) in enumerate(
        [(0, None), (60, SubmitResult(Verdict.UNKNOWN, "timeout")), (5, SubmitResult(Verdict.REJECTED, "closed"))]
    ):
        planned = intent(nonce)
        order = ticket(planned)
        await ledger.begin_order("run-2", planned, order, body(order), START + sent * SECOND)
        if answer is not None:
            await ledger.finish_order(order, answer)
    await gauges(ledger).count()
    assert (read("unknowns_open"), read("unknown_age_seconds")) == (2, 90)


async def test_halts_are_counted_by_scope_and_safe_mode_is_told_apart() -> None:
    ledger = MemoryLedger()
    storm = Halt("h-1", Scope.MARKET, "GAME-A", Rule.OPERATOR, "Ada", "storm", START)
    await ledger.set_halt(storm)
    await ledger.set_halt(replace(storm, id="h-2", target="GAME-B"))
    await gauges(ledger).count()
    assert (read("halts", scope="market"), read("halts", scope="all"), read("safe_mode")) == (2, 0, 0)
    await ledger.set_halt(Halt("h-3", Scope.ALL, "", Rule.SAFE_MODE, "start-up", "an order nobody owns", START))
    await ledger.clear_halt("h-1", "Ada", "calm", START)
    await gauges(ledger).count()
    assert (read("halts", scope="market"), read("halts", scope="all"), read("safe_mode")) == (1, 1, 1)


async def test_capital_is_shown_by_venue_and_what_is_not_known_is_not_a_number() -> None:
    ledger = MemoryLedger()
    await ledger.record_opening(Venue.KALSHI, Decimal(100), START)
    planned = intent()
    await ledger.begin_order("run-2", planned, ticket(planned), body(ticket(planned)), START)
    await gauges(ledger).count()
    cash, reserved, free = (read(f"capital_{name}", venue="kalshi") for name in ("cash", "reserved", "free"))
    assert cash == 100
    assert reserved == float(planned.worst_cost)
    assert free == float(100 - planned.worst_cost)
    unopened = MemoryLedger()
    await unopened.begin_order("run-2", planned, ticket(planned), body(ticket(planned)), START)
    await gauges(unopened).count()
    unknown = read("capital_free", venue="kalshi")
    assert unknown is not None
    assert isnan(unknown)


async def test_trades_that_cannot_go_on_are_counted_by_what_is_wrong_until_they_move_again() -> None:
    ledger = MemoryLedger()
    for nonce, kind in ((1, FaultKind.FAILING), (2, FaultKind.FAILING), (2, FaultKind.PARKED)):
        await ledger.record_fault(
            WorkflowFault(intent(nonce).id, kind, "b1", FaultSource.WORKER, "x", 1, ("GAME-AAA",), START, START)
        )
    await gauges(ledger).count()
    assert [read("workflow_faults_standing", kind=kind) for kind in FaultKind] == [2, 1]
    await ledger.clear_fault(intent(1).id, FaultKind.FAILING, START)
    await gauges(ledger).count()
    assert [read("workflow_faults_standing", kind=kind) for kind in FaultKind] == [1, 1]
