"""SIGKILL at the worst moments of a trade: afterwards every trade is final and ledger and exchange agree.

Each case holds at least five trades at one moment, some carried by the worker and some by ingest, kills its victim and
lets the stack come back the way it does for its user: by itself, or by `surefoot up` if its supervisor was killed too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from decimal import Decimal

import pytest

from cli.ledger import current_report
from domain.intent import Intent
from domain.trade import DONE_TRADING, Outcome, TradeState
from ledger.story import TradeStory
from proof.chaos.system import PARTS, SUPERVISOR, System, until
from tests.proof.chaos.conftest import CROWD
from tests.proof.chaos.trades import Moment, hold_trades, leg_orders
from workers.local.books import open_ledger
from workers.trading import connect_temporal

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

log = logging.getLogger(__name__)

VICTIMS: dict[str, tuple[str, ...]] = {
    "worker": ("worker",),
    "ingest": ("ingest",),
    "paper": ("paper",),
    "temporal": ("temporal",),
    "postmaster": ("postgres",),
    "postgres": ("postgres",),
    "everything": (SUPERVISOR, *PARTS),
}
FINAL = {Outcome.HEDGED, Outcome.UNWOUND, Outcome.REDUCED}


def _marks(moment: Moment, victim: str) -> list[pytest.MarkDecorator]:
    """The worst of them is tried by every run of the tests; all of them are the ladder's."""
    return [] if (moment, victim) == (Moment.BETWEEN, "everything") else [pytest.mark.ladder]


@pytest.mark.parametrize(
    ("moment", "victim"),
    [pytest.param(m, v, id=f"{m}, then {v} dies", marks=_marks(m, v)) for m in Moment for v in VICTIMS],
)
async def test_every_trade_reaches_its_end(system: System, moment: Moment, victim: str) -> None:
    await system.ready()
    held = await hold_trades(system, await connect_temporal(system.stack), moment)
    before = await system.arrived()
    assert leg_orders(held.intents, "A") <= before.keys()
    assert leg_orders(held.intents, "B") & before.keys() == (
        leg_orders(held.intents, "B") if moment is Moment.B_UNANSWERED else set()
    )
    assert set(held.carriers) == {"worker", "ingest"}

    # A postmaster alone leaves backends that finish what they do; "postgres" and "everything" take those along.
    system.kill(VICTIMS[victim], tree=victim in ("postgres", "everything"))
    killed = time.monotonic()
    if victim == "everything":
        await system.up()
    elif victim != "paper":
        await system.ask("DELETE", "/faults")
    await system.whole()
    back = time.monotonic()
    await system.done([intent.id for intent in held.intents])
    over = time.monotonic()
    outcomes = await ends_well(system, held.intents)
    _tell(f"{victim}, {moment}", outcomes, back - killed, over - killed)
    after = await system.arrived()
    assert all(after[client_id] == bodies for client_id, bodies in before.items())


@pytest.mark.ladder
async def test_twenty_trades_decided_by_ingest_outlive_the_death_of_everything(system: System) -> None:
    await system.ready()
    await system.ask("DELETE", "/faults")
    books = [{"path_prefix": f"/trade-api/v2/markets/DECIDED-{n:02d}-BLUE/orderbook"} for n in range(CROWD)]
    await system.hold(*books, ms=12_000)
    played = 0.0

    async def play() -> None:
        """The offers come once, early: where a machine is busy, they have passed before ingest has read the books."""
        nonlocal played
        await system.ask("POST", "/play", {"recording": str(system.folder / "crowd.session.jsonl.gz")})
        played = time.monotonic()

    await play()
    expired: set[str] = set()

    async def all_open() -> bool:
        """Where a machine is busy, one that was held long enough has asked again by the time the last one is there,
        and an intent has expired before it was sent: its pair is decided a second time."""
        async with open_ledger(system.stack) as ledger:
            rows = [row for row in await ledger.trades(limit=1_000_000) if row.pair.startswith("DECIDED")]
        expired.update(row.intent_id for row in rows if row.state is TradeState.CLOSED)
        standing = {row.pair for row in rows if row.intent_id not in expired}
        if not rows and time.monotonic() > played + 15:
            await play()
        return len(rows) >= CROWD and len(standing) > CROWD / 2 and await system.held() >= len(standing)

    await until(all_open, f"{CROWD} trades on one leg at once")
    system.kill((SUPERVISOR, *PARTS), tree=True)
    killed = time.monotonic()
    await system.up()
    back = time.monotonic()

    async with open_ledger(system.stack) as ledger:
        rows = await ledger.trades(limit=1_000_000)
        trades = [row.intent_id for row in rows if row.pair.startswith("DECIDED")]
        assert len(trades) >= CROWD
        await system.done(trades)
        stories = [await ledger.trade(trade) for trade in trades]
    over = time.monotonic()
    outcomes = await ends_well(system, [story.intent for story in stories if story.intent.id not in expired])
    _tell("everything, trades decided by ingest", outcomes, back - killed, over - killed)


def _tell(what: str, outcomes: Counter[str], back: float, over: float) -> None:
    """How long it took, for people (`--log-cli-level=info`); nothing is judged by it."""
    log.info("%s: whole after %.1f s, all resolved after %.1f s, %s", what, back, over, dict(outcomes))


async def ends_well(system: System, intents: list[Intent]) -> Counter[str]:
    """The trades trade no more and stand on no single leg; nothing was sent twice; ledger and exchange agree.
    Counts how they ended."""
    async with open_ledger(system.stack) as ledger:
        stories: list[TradeStory] = [await ledger.trade(intent.id) for intent in intents]
    for story in stories:
        assert story.trade is not None
        assert story.trade.state in DONE_TRADING
        assert story.trade.outcome in FINAL, "\n".join(step.text for step in story.steps)
        assert story.trade.residual == Decimal(0)
    assert all(len(bodies) == 1 for bodies in (await system.arrived()).values())
    report = await asyncio.wait_for(current_report(system.stack, None, every_run=True), 60)
    assert report.violations == ()
    assert len(report.invariants) == 7
    assert all(holds is True for holds in report.invariants.values()), report.findings
    return Counter(str(story.trade.outcome) for story in stories if story.trade is not None)
