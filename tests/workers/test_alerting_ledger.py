"""From a trade that is STUCK in the ledger to the alert command, with nobody at a screen."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from domain.alerts import Origin
from domain.trade import TradeState
from ledger.alerts import AlertLedger
from ledger.migrate import migrate
from ledger.store import Ledger
from tests.ledger.samples import RUN_ID, START, intent, standing_on_a
from workers.alerting.box import AlertBox
from workers.alerting.delivery import AlertCommand
from workers.alerting.sources import LedgerSource
from workers.alerting.watch import AlertWatch


async def test_a_stuck_trade_reaches_the_alert_command_once_and_so_does_its_end_and_the_ledger_keeps_both(
    tmp_path: Path, postgres_dsn: str
) -> None:
    told = tmp_path / "told"
    write = f"import sys; open({str(told)!r}, 'a').write(sys.stdin.readline())"
    await migrate(postgres_dsn)
    books = await Ledger.connect(postgres_dsn, min_size=1, max_size=2)
    eyes, now = AlertLedger(postgres_dsn), [START]
    box = AlertBox(tmp_path / "alerts", Origin("attic", RUN_ID, "paper", "ingest"))
    command = AlertCommand((sys.executable, "-c", write))
    watch = AlertWatch(box, command, [LedgerSource(eyes, 60)], eyes, clock=lambda: now[0])
    trade = intent(4711)
    stuck = replace(standing_on_a(trade), state=TradeState.STUCK)
    try:
        await books.record_trade(RUN_ID, trade, stuck)
        for _ in range(3):
            now[0] += 2_000_000
            await watch.look()
            await watch.told()
        await books.record_trade(RUN_ID, trade, replace(stuck, state=TradeState.SETTLING, revision=stuck.revision + 1))
        for _ in range(6):
            now[0] += 2_000_000
            await watch.look()
            await watch.told()
        heard = [json.loads(line) for line in told.read_text().splitlines()]
        mine = [(one["alert"], one["state"]) for one in heard if one["trade"] == trade.id]
        assert mine == [("stuck", "raised"), ("stuck", "resolved")]
        (kept,) = [alert for alert in await eyes.alerts() if alert.trade == trade.id]
        assert kept.resolved_at is not None
        assert kept.delivery.startswith("told at ")
    finally:
        await eyes.close()
        await books.close()
