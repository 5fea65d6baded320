"""Capital against a model: any order of openings, fills, records and releases, told apart from the real ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Denied
from domain.evidence import Fill, FillStatus
from domain.intent import Intent
from domain.market import Venue
from domain.orders import Purpose
from domain.trade import TradeState
from ledger.migrate import migrate
from ledger.store import Ledger
from testing.ledger.memory import MemoryLedger
from tests.ledger.conftest import TABLES
from tests.ledger.samples import RUN_ID, START, D, body, fill, hedged, intent, settling, standing_on_a, ticket

INTENTS = tuple(intent(n) for n in range(4))
TOTAL = INTENTS[0].worst_cost * 2 + D("3")
ACTIONS = ("begin", "fill_a", "fill_b", "void_b", "park", "settle", "close", "release")

steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, len(INTENTS) - 1)), max_size=24)


@dataclass
class Model:
    """Free = all cash − Σ over held (reserved + its cash), with nothing kept but what each trade did."""

    reserved: dict[int, Decimal] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    fills: dict[int, dict[str, Fill]] = field(default_factory=lambda: {n: {} for n in range(len(INTENTS))})

    def cash(self, n: int) -> Decimal:
        standing = (one for one in self.fills[n].values() if one.status is not FillStatus.VOID)
        return sum((one.cash for one in standing), D(0))

    @property
    def free(self) -> Decimal:
        """Open trades have all of their reservation in use; others only what they spent."""
        gone = sum((self.cash(n) for n in self.fills if n not in self.reserved), D(0))
        return TOTAL + gone - sum(self.reserved.values(), D(0))


async def run(ledger: Ledger | MemoryLedger, actions: list[tuple[str, int]]) -> None:
    model = Model()
    await ledger.record_opening(Venue.KALSHI, TOTAL, START)
    for revision, (action, n) in enumerate(actions):
        planned = INTENTS[n]
        first, hedge = ticket(planned), ticket(planned, "B", purpose=Purpose.HEDGE)
        known = n in model.reserved or n in model.released
        if action == "begin":
            fits = n in model.reserved or (not known and planned.worst_cost <= model.free)
            try:
                await ledger.begin_order(RUN_ID, planned, first, body(first), START)
            except Denied:
                assert not fits
            else:
                assert fits
                model.reserved.setdefault(n, planned.worst_cost)
        elif not known:
            continue
        elif action == "release":
            assert await ledger.release(planned.id, START) == (n in model.reserved)
            model.reserved.pop(n, None)
            model.released.add(n)
        elif action in ("fill_a", "fill_b", "void_b"):
            one = fill(first if action == "fill_a" else hedge)
            one = replace(one, status=FillStatus.VOID) if action == "void_b" else one
            try:
                await ledger.begin_order(RUN_ID, None, hedge, body(hedge), START)
            except Denied:
                assert n in model.over  # it sends nothing more, but fills of what it sent may still be told
            await ledger.record_fills([one])
            kept = model.fills[n].get(one.trade_id)
            if kept is None or one.status is FillStatus.VOID:
                model.fills[n][one.trade_id] = one
        else:
            await record(ledger, model, action, n, revision)
        (account,) = await ledger.capital()
        assert account.free == model.free, (action, n)
        assert account.cash == TOTAL + sum((model.cash(m) for m in model.fills), D(0))
        assert {held.intent_id: held.reserved for held in account.held} == {
            INTENTS[m].id: reserved for m, reserved in model.reserved.items()
        }
        assert all(held.cash == model.cash(INTENTS.index(_by_id(held.intent_id))) for held in account.held)


async def record(ledger: Ledger | MemoryLedger, model: Model, action: str, n: int, revision: int) -> None:
    """What a trade writes of itself, with the fills that the model has seen."""
    planned, fills = INTENTS[n], tuple(model.fills[n].values())
    sample = {"park": standing_on_a, "settle": settling, "close": hedged}[action](planned)
    await ledger.record_trade(RUN_ID, planned, replace(sample, fills=fills, revision=revision))
    model.over = model.over | {n} if action == "close" else model.over - {n}
    if n not in model.reserved:
        return
    if action == "close":
        del model.reserved[n]
        model.released.add(n)
    elif action == "park":
        model.reserved[n] = planned.worst_cost
    elif fills:
        assert sample.state is TradeState.SETTLING
        model.reserved[n] = max(-model.cash(n), D(0))


def _by_id(intent_id: str) -> Intent:
    return next(one for one in INTENTS if one.id == intent_id)


@given(steps)
def test_the_fake_frees_exactly_what_the_model_does(actions: list[tuple[str, int]]) -> None:
    asyncio.run(run(MemoryLedger(), actions))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(actions=steps)
def test_postgres_frees_exactly_what_the_model_does(postgres_dsn: str, actions: list[tuple[str, int]]) -> None:
    async def on_postgres() -> None:
        await migrate(postgres_dsn)
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(f"TRUNCATE {TABLES}")
        await connection.close()
        ledger = await Ledger.connect(postgres_dsn, min_size=1, max_size=1)
        try:
            await run(ledger, actions)
        finally:
            await ledger.close()

    asyncio.run(on_postgres())
