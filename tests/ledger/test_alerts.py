"""What the ledger shows that wakes a person, and the alerts it keeps; on a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest

from domain.alerts import Alert, AlertKind, Origin, Trouble
from domain.errors import Unavailable
from domain.exposure import unhedged_notional
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.orders import SubmitResult, Verdict
from domain.reconcile import Finding, Kind, Reconciliation, Trigger
from domain.trade import TradeState
from domain.troubles import BURST
from domain.workflow_fault import FaultKind, FaultSource, WorkflowFault
from ledger.alerts import AlertLedger
from ledger.migrate import migrate
from ledger.reconciliations import Acknowledgement, Reconciliations
from ledger.store import Ledger
from tests.ledger.conftest import TABLES
from tests.ledger.samples import (
    OPENING,
    RUN_ID,
    SECOND,
    START,
    A,
    body,
    intent,
    settling,
    standing_on_a,
    ticket,
)

LONGEST = 300 * SECOND


@pytest.fixture
async def books(postgres_dsn: str) -> AsyncIterator[Ledger]:
    await migrate(postgres_dsn)
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(f"TRUNCATE {TABLES}, alerts, reconciliations, acknowledgements")
    await connection.close()
    opened = await Ledger.connect(postgres_dsn, min_size=1, max_size=2)
    yield opened
    await opened.close()


@pytest.fixture
async def eyes(postgres_dsn: str) -> AsyncIterator[AlertLedger]:
    opened = AlertLedger(postgres_dsn)
    yield opened
    await opened.close()


async def kinds(eyes: AlertLedger, at: int = START) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in await eyes.troubles(at, LONGEST)]


async def test_a_quiet_ledger_shows_nothing(books: Ledger, eyes: AlertLedger) -> None:
    assert await kinds(eyes) == []


async def test_a_stuck_trade_a_fault_and_a_halt_are_shown_until_they_are_over(books: Ledger, eyes: AlertLedger) -> None:
    trade = intent()
    stuck = replace(standing_on_a(trade), state=TradeState.STUCK)
    await books.record_trade(RUN_ID, trade, stuck)
    await books.record_fault(
        WorkflowFault(trade.id, FaultKind.FAILING, "b", FaultSource.WORKER, "Inexact", 1, (A,), START, START)
    )
    halt = await books.set_halt(Halt("", Scope.ALL, "", Rule.OPERATOR, "night", "a test", START))
    assert await kinds(eyes) == [("stuck", trade.id), ("workflow_fault", trade.id), ("halt", halt.id)]
    (told, *_) = await eyes.troubles(START, LONGEST)
    assert f"{stuck.residual} shares stand alone" in told.text
    assert f"surefoot unwind {trade.id}" in told.do
    await books.record_trade(RUN_ID, trade, replace(stuck, state=TradeState.SETTLING, revision=stuck.revision + 1))
    await books.clear_fault(trade.id, FaultKind.FAILING, START)
    await books.clear_halt(halt.id, "night", "over", START)
    assert await kinds(eyes) == []


async def test_a_burst_of_refusals_is_one_trouble_and_quotes_that_were_gone_are_none(
    books: Ledger, eyes: AlertLedger
) -> None:
    def refuse(code: str) -> SubmitResult:
        return SubmitResult(Verdict.REJECTED, code, "no", at=START)

    for nonce in range(2 * BURST):
        order = ticket(intent(nonce))
        await books.begin_order(RUN_ID, intent(nonce), order, body(order), START)
        gone = nonce % 2
        await books.finish_order(
            order, refuse("fill_or_kill_insufficient_resting_volume" if gone else "trading_is_paused")
        )
    (seen,) = await eyes.troubles(START + SECOND, LONGEST)
    assert (seen.kind, seen.subject) == (AlertKind.REFUSALS, "kalshi")
    assert f"refused {BURST} orders" in seen.text
    assert "trading_is_paused" in seen.text
    assert await kinds(eyes, START + 301 * SECOND) == []


async def test_an_orphan_is_shown_until_it_is_acknowledged_and_a_comparison_that_is_late_until_it_is_made(
    books: Ledger, eyes: AlertLedger, postgres_dsn: str
) -> None:
    records = await Reconciliations.connect(postgres_dsn)
    try:
        finding = Finding(Kind.ORPHAN_TRADE, "", "i-9", "no workflow carries i-9", "look", intent_id="i-9")
        unreached = {"kalshi": "timed out"}
        run = Reconciliation("r-1", Trigger.SCHEDULE, START, (), unreached, (finding,))
        await records.record(run)
        assert await kinds(eyes) == [("orphan", "i-9"), ("reconciliation", "kalshi")]
        await records.acknowledge(run, [finding], Acknowledgement("night", "known", START + 1))
        assert await kinds(eyes) == [("reconciliation", "kalshi")]
        await records.record(Reconciliation("r-2", Trigger.SCHEDULE, START + SECOND, (), {}, ()))
        assert await kinds(eyes, START + 2 * SECOND) == []
        assert await kinds(eyes, START + 400 * SECOND) == [("reconciliation", "overdue")]
    finally:
        await records.close()


async def test_an_alert_is_kept_once_and_stays_resolved(books: Ledger, eyes: AlertLedger) -> None:
    trouble = Trouble(AlertKind.STUCK, "i-1", "STUCK", "unwind", "i-1")
    alert = Alert.of(trouble, Origin("attic", "r-1", "paper", "worker"), START)
    over = replace(alert, resolved_at=START + SECOND, delivery="told at noon")
    for each in (alert, over, alert):
        await eyes.record([each])
    assert await eyes.alerts() == (over,)
    assert await eyes.alerts(only_open=True) == ()
    newer = replace(alert, id="a-00000001", raised_at=START + 5)
    await eyes.record([newer])
    assert await eyes.alerts() == (newer, over), "what is open comes first"


async def test_a_ledger_that_is_away_is_said_to_be_and_asked_again_later(books: Ledger, postgres_dsn: str) -> None:
    away = AlertLedger("postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(Unavailable):
        await away.troubles(START, LONGEST)


async def test_the_overview_says_what_is_open_stuck_unhedged_earned_free_compared_and_told(
    books: Ledger, eyes: AlertLedger, postgres_dsn: str
) -> None:
    nothing = await eyes.overview(START)
    assert (nothing.trading, nothing.settling, nothing.stuck, nothing.unhedged) == (0, 0, (), Decimal(0))
    assert (nothing.today, nothing.compared, nothing.last_alert) == (Decimal(0), None, None)
    await books.record_opening(Venue.KALSHI, OPENING, START)
    stuck = replace(standing_on_a(intent()), state=TradeState.STUCK)
    done = replace(settling(intent(1)), pnl=Decimal("1.25"))
    for of, record in ((intent(), stuck), (intent(1), done)):
        await books.record_fills(record.fills)
        await books.record_trade(RUN_ID, of, record)
    alert = Alert.of(Trouble(AlertKind.DISK, "d", "full", "free"), Origin(), START)
    await eyes.record([alert])
    seen = await eyes.overview(START)
    assert (seen.trading, seen.settling, [one.trade for one in seen.stuck]) == (1, 1, [intent().id])
    assert seen.unhedged == unhedged_notional(intent(), stuck.fills) > 0
    assert seen.today == Decimal("1.25")
    assert seen.free is not None
    assert seen.free < OPENING
    assert seen.last_alert == alert
    assert (await eyes.overview(START + 86_400 * SECOND)).today == Decimal(0), "yesterday's trades are not today's"
