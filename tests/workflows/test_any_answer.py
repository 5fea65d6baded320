"""Whatever the types allow as an answer, extreme, uneven or inconsistent: a trade goes on, or is parked and listens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus, Resolution
from domain.intent import Intent
from domain.market import Venue
from domain.operator import Action
from domain.orders import Guard, OrderTicket, Quote, Side, SubmitResult, Verdict
from domain.requests import LookUp, Position, Settlement
from domain.trade import TradeRecord
from testing.desk import Broken
from tests.ledger.samples import START, A, B
from tests.workflows.test_nets import MEMORY, Carried
from workflows.driver import Driver
from workflows.orders import MOST_COPIES
from workflows.parked import Parked
from workflows.state import TradeMemory, carried

ODD = (
    "0", "-0", "10", "5", "-5", "10.000001", "0.333333333333333333333333333", "1E+30", "1E-30", "9E+400", "NaN", "sNaN",
    "Infinity", "-Infinity", "44.213974", "5000000",
)  # fmt: skip
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # what is found is read as it was drawn: shrinking takes minutes
numbers = st.one_of(
    st.sampled_from(ODD).map(Decimal), st.decimals(min_value=-20, max_value=20, places=6), st.decimals(places=2)
)
maybe = st.one_of(st.none(), numbers)
times = st.sampled_from((0, -1, START, START + 10**6, 4_070_908_800_000_000, 2**62))
results = st.builds(
    SubmitResult,
    verdict=st.sampled_from(Verdict),
    code=st.sampled_from(("", "timeout", "order_already_exists", "insufficient_balance", "undocumented_refusal_400")),
    detail=st.text(max_size=20),
    order_id=st.one_of(st.none(), st.just("o-1"), st.just("")),
    filled=numbers,
    remaining=numbers,
    average_price=maybe,
    average_fee=maybe,
    landed=st.booleans(),
    sent=st.booleans(),
    at=times,
    paid=maybe,
    fees_paid=maybe,
)
fills = st.builds(
    Fill,
    venue=st.just(Venue.KALSHI),
    trade_id=st.sampled_from(("t-1", "t-2", "")),
    order_id=st.just("o-1"),
    client_order_id=st.sampled_from(("c", "")),
    market=st.sampled_from((A, B, "OTHER")),
    side=st.sampled_from(Side),
    price=numbers,
    size=numbers,
    fee=numbers,
    at=times,
    status=st.sampled_from(FillStatus),
    paid=maybe,
)
evidences = st.builds(
    OrderEvidence,
    client_order_id=st.sampled_from(("c", "")),
    status=st.sampled_from(OrderStatus),
    order_id=st.one_of(st.none(), st.just("o-1")),
    filled=numbers,
    remaining=numbers,
    fills=st.lists(fills, max_size=3).map(tuple),
    at=times,
    beyond=st.booleans(),
    paid=maybe,
    fees_paid=maybe,
)
levels = st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
quotes = st.builds(Quote, market=st.sampled_from((A, B)), bids=levels, asks=levels, asked_at=times, answered_at=times)
resolutions = st.builds(Resolution, market=st.sampled_from((A, B)), payout=maybe, at=times)
positions = st.builds(
    Position, venue=st.just("kalshi"), market=st.just(A), account=numbers, own=numbers, others=numbers, at=times
)


class Anything(Carried):
    """Every call is answered with whatever was drawn; after so many calls nobody answers any more."""

    def __init__(self, draw: Any, calls: int) -> None:
        super().__init__(unknown_deadline_ms=20_000, repair_deadline_ms=5_000)
        self._draw, self._left = draw, calls
        self.copies: dict[str, int] = {}
        self.tickets: dict[str, OrderTicket] = {}
        desk: Any = self.desk
        desk.submit, desk.evidence, desk.quote = self._submit, self._evidence, self._quote
        desk.resolution, desk.position, desk.settle = self._resolution, self._position, self._settle
        pause = desk.pause

        async def counted(ms: int) -> bool:
            await self._any(st.none())
            return bool(await pause(ms))

        desk.pause = counted
        desk.look_up, desk.cancel, desk.record = self._look_up, self._cancel, self._record

    async def _any(self, values: st.SearchStrategy[Any]) -> Any:
        await self.desk._advance(5)
        self._left -= 1
        if self._left < 0:
            raise Broken("enough")
        return self._draw(values)

    async def _submit(self, ticket: OrderTicket, guard: Guard, opening: Intent | None) -> SubmitResult:
        own = ticket.client_order_id
        assert self.tickets.setdefault(own, ticket) == ticket
        self.copies[own] = self.copies.get(own, 0) + 1
        result: SubmitResult = await self._any(results)
        return result

    async def _evidence(self, *asked: Any) -> Any:
        return await self._any(st.one_of(st.none(), evidences))

    async def _quote(self, *asked: Any) -> Any:
        return await self._any(st.one_of(st.none(), quotes))

    async def _resolution(self, *asked: Any) -> Any:
        return await self._any(st.one_of(st.none(), resolutions))

    async def _position(self, *asked: Any) -> Any:
        return await self._any(st.one_of(st.none(), positions))

    async def _look_up(self, *asked: Any) -> LookUp:
        return LookUp(None, "nothing is known of it")

    async def _cancel(self, *asked: Any) -> None:
        await self._any(st.none())

    async def _record(self, *asked: Any) -> bool:
        return bool(await self._any(st.booleans()))

    async def _settle(self, intent: Intent, record: TradeRecord) -> Settlement:
        agrees = bool(await self._any(st.booleans()))
        if agrees:
            return Settlement(agrees=True, evidence=(), record=record, final=self._draw(st.booleans()))
        ids = [order.ticket.client_order_id for order in record.orders]
        drawn = self._draw(st.lists(evidences, max_size=2)) if ids else []
        named = tuple(_named(self._draw(st.sampled_from(ids)), one) for one in drawn)
        return Settlement(agrees=False, evidence=named, record=record)


def _named(own: str, evidence: OrderEvidence) -> OrderEvidence:
    return replace(evidence, client_order_id=own)


async def lived(stage: Anything) -> None:
    """Run after run, until it has closed or nobody answers any more. Anything else that comes out is a find."""
    memory: TradeMemory | None = None
    for _ in range(20):
        stage.driver = Driver(stage.intent, stage.desk, memory)
        try:
            end = await stage.driver.run()
        except Broken:
            return
        finally:
            stage.driver.abandon()
        await asyncio.sleep(0)
        if isinstance(end, TradeRecord):
            return
        memory = MEMORY.validate_json(MEMORY.dump_json(carried(end)))


@settings(
    max_examples=300,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_no_answer_that_the_types_allow_makes_a_trade_deaf(data: st.DataObject) -> None:
    stage = Anything(data.draw, calls=60)
    for ms in (20, 150, 2_000, 30_000):
        stage.ask_at(ms, data.draw(st.sampled_from((Action.UNWIND, Action.RETRY, Action.HOLD, Action.ACCEPT))))
    asyncio.run(lived(stage))
    assert all(count <= 4 * MOST_COPIES for count in stage.copies.values())  # renewed by a person's retry
    assert isinstance(stage.driver.carried, Parked) or stage.driver.memory.fault is None or stage.faults == []
