"""A bug anywhere in the life of a trade: parked at once, its operator heard, what stands alone sold, nothing lost.

Every statement of the modules that a life runs through is made to raise, in a scenario that comes to it; the person's
unwind is answered at once, what stands alone is sold, and mended code closes the trade with every invariant true.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from domain.evidence import Fill, FillStatus
from domain.fees import FeeModel, FeeSchedule
from domain.intent import Intent
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Side
from domain.trade import TradeRecord, TradeState
from testing.desk import Lost
from testing.venue import Fault
from testing.venue.manners import Manners
from tests.ledger.samples import START, A, B, D
from tests.workflows.injection import MADE_TO_ORDER, Site, broken_at, sites
from tests.workflows.rehearsal import MS, PAYDAY_MS, PERSON, Rehearsal
from tests.workflows.test_legs import basket, crossed_claim
from tests.workflows.test_resting import MAKER, styled
from workflows.driver import Driver
from workflows.parked import Parked
from workflows.state import TradeMemory, carried

LIFE = ("lifecycle", "at_hand", "orders", "repair", "adoption", "tail", "beyond", "fewer", "bounds", "commands")
SUMS = ("residual", "overfill", "fees", "fee_bounds", "send_bounds")
MODULES = tuple(f"workflows.{name}" for name in LIFE) + tuple(f"domain.{name}" for name in SUMS)
OF_THE_EXCHANGE = (
    "trade_fee",
    "as_price",
    "as_size",
    "_short",
    "charge",
    "exact_fee",
    "step",
)  # it charges by them too
SOLD_WITHIN_US = 30_000_000  # an order whose outcome is open has until then to prove itself; without one it is at once
MEMORY = TypeAdapter(TradeMemory)
POWER = FeeSchedule(D("0.07"), unit=D("0.000001"), model=FeeModel.POLYMARKET)


class Carried(Rehearsal):
    """A rehearsal driven as production drives it: run after run, each from what the one before handed on as bytes.

    `parked` is called with each run that begins parked. The desk gives way at each call, as a real one does, so that a
    run which has been broken off does not go on.
    """

    def __init__(self, **planned: Any) -> None:
        super().__init__(**planned)
        self.driver: Driver
        self.faults: list[str] = []
        self.answers: list[str] = []
        self.parked: Callable[[Parked], None] = lambda run: None
        advance = self.desk._advance

        async def giving_way(ms: int, *, stop_at_message: bool = False) -> None:
            await asyncio.sleep(0)
            await advance(ms, stop_at_message=stop_at_message)
            await asyncio.sleep(0)

        self.desk._advance = giving_way  # type: ignore[method-assign]

    def ask(self, action: Action, command: OperatorCommand = PERSON) -> None:
        """A person speaks now, through the driver."""
        try:
            self.driver.may(action, command)
        except ValueError as refusal:
            self.refusals.append(str(refusal))
        else:
            self.answers.append(self.driver.take(action, command))

    def ask_at(self, ms: int, action: Action, command: OperatorCommand = PERSON) -> None:
        self.desk.at(START + ms * MS, lambda: self.ask(action, command), message=True)

    async def carry(self) -> TradeRecord:
        await self.ledger.record_opening(self.intent.legs[0].venue, self.opening, START - 1)
        memory: TradeMemory | None = None
        while True:
            self.driver = Driver(self.intent, self.desk, memory)
            if isinstance(self.driver.carried, Parked):
                self.parked(self.driver.carried)
            else:
                self.trade = self.driver.carried
            end = await self.driver.run()
            self.driver.abandon()
            await asyncio.sleep(0)
            if isinstance(end, TradeRecord):
                return end
            if end.fault is not None and not end.fault.told:
                self.faults.append(end.fault.text)
            memory = MEMORY.validate_json(MEMORY.dump_json(carried(end)))


# ---------------------------------------------------------------------- scenarios


def deep(stage: Carried) -> Carried:
    """Books in which anything can be sold at once, whatever happens."""
    for leg in stage.intent.legs:
        near, far = [(str(leg.limit), "60")], [(str(leg.limit - D("0.02")), "60")]
        selling = leg.side is Side.SELL
        worse = [(str(leg.limit + D("0.02")), "60")]
        stage.venue.set_book(leg.market, near if selling else far, worse if selling else near)
    return stage


def hedged() -> Carried:
    return deep(Carried())


def partial() -> Carried:
    stage = deep(Carried())
    stage.venue.script("submit", None, Fault.PARTIAL)
    return stage


def refused() -> Carried:
    stage = deep(Carried())
    stage.venue.script("submit", None, Fault.REJECT, Fault.REJECT)
    return stage


def moved_away() -> Carried:
    stage = deep(Carried(loss_budget=D("0.10"), repair_deadline_ms=3_000))
    stage.book_b(bids=[("0.78", "60")], asks=[("0.80", "60")])
    return stage


def unanswered() -> Carried:
    stage = deep(Carried())
    stage.venue.script("submit", Fault.LOST_AFTER, Fault.LOST_BEFORE)
    return stage


def never_answered() -> Carried:
    stage = deep(Carried(unknown_deadline_ms=2_000, ttl_ms=100))
    stage.venue.lag_ms = 8_000
    stage.venue.script("submit", Fault.LOST_BEFORE)
    return stage


def works_on() -> Carried:
    stage = deep(Carried())
    stage.venue.script("submit", Fault.WORKS, Fault.RESTS)
    return stage


def rests() -> Carried:
    stage = Carried(reshape=styled(0, limit=D("0.39"), **MAKER))
    stage.book_a(asks=[("0.40", "60")], bids=[("0.38", "60")])
    stage.book_b(asks=[("0.55", "60")], bids=[("0.53", "60")])
    stage.desk.at(START + 2_000 * MS, lambda: stage.venue.flow(A, Side.SELL, "4", "0.01"), message=True)
    return stage


def three_legs() -> Carried:
    stage = deep(Carried(reshape=basket))
    stage.venue.script("submit", None, Fault.PARTIAL)
    return stage


def held_short() -> Carried:
    stage = deep(Carried(reshape=crossed_claim))
    stage.venue.script("submit", None, Fault.PARTIAL)
    return stage


def merged() -> Carried:
    return deep(Carried(reshape=lambda planned: replace(planned, set_id="SET")))


def in_dollars() -> Carried:
    def powered(planned: Intent) -> Intent:
        return replace(planned, legs=tuple(replace(leg, fees=POWER) for leg in planned.legs))

    stage = deep(Carried(reshape=powered))
    stage.venue.in_collateral = True
    stage.book_a(bids=[("0.38", "60")], asks=[("0.32", "3"), ("0.40", "60")])
    return stage


def averages_alone() -> Carried:
    stage = partial()
    stage.venue.averages = True
    return stage


def voided() -> Carried:
    def word(fill: Fill) -> tuple[int, FillStatus]:
        return (20_000, FillStatus.VOID if fill.market == B and fill.price == D("0.55") else FillStatus.FINAL)

    stage = Carried(word=word)
    return deep(stage)


def miscounted() -> Carried:
    stage = deep(Carried())
    stage.venue.script("submit", None, Fault.MISCOUNT)
    return stage


class TwoMore(Manners):
    """The first order of leg A brings two shares beyond what it was signed for."""

    def beyond(self, ticket: OrderTicket) -> Decimal:
        return D(2) if ticket.leg == "A" and ticket.attempt == 1 else D(0)


def brought_too_much() -> Carried:
    stage = deep(Carried())
    stage.venue.manners = TwoMore()
    return stage


def borne_out_late() -> Carried:
    """What is to be sold is in no list for a while, and in the position at the second look."""
    stage = deep(Carried())
    stage.book_b()
    stage.desk.script("evidence", *[Lost.BEFORE] * 6)
    stage.desk.script("position", Lost.BEFORE)
    return stage


def out_of_orders() -> Carried:
    """Two orders may leave until a person speaks."""
    stage = deep(Carried(most_orders=2))
    stage.venue.script("submit", None, Fault.PARTIAL)
    stage.ask_at(30_000, Action.RETRY)
    return stage


def told_to_hold() -> Carried:
    stage = moved_away()
    stage.ask_at(500, Action.HOLD)
    stage.ask_at(20_000, Action.RETRY)
    stage.ask_at(40_000, Action.ACCEPT)
    stage.ask_at(60_000, Action.UNWIND)
    return stage


def told_by_strangers() -> Carried:
    """Words without our seal: one that is not obeyed, an unwind within the budget, one too many, one too late."""
    stage = moved_away()
    for ms, action in ((500, Action.HOLD), (1_000, Action.UNWIND), (1_500, Action.UNWIND)):
        stage.desk.at(START + ms * MS, unsealed_word(stage, action), message=True)
    return stage


def unsealed_word(stage: Carried, action: Action) -> Callable[[], None]:
    return lambda: stage.driver.unsealed(action, OperatorCommand("", ""))


def adopted() -> Carried:
    stage = moved_away()

    def by_hand() -> None:
        placed = stage.venue.place_by_hand(B, Side.BUY, "10", "0.80")
        stage.ask(Action.ADOPT, OperatorCommand("ada", "bought by hand", placed.order_id, "kalshi"))
        stage.ask(Action.ADOPT, OperatorCommand("ada", "bought by hand", "no such order", "kalshi"))

    stage.desk.at(START + 5_000 * MS, by_hand, message=True)
    return stage


def grown_long() -> Carried:
    """Its history is long once it waits for its markets."""
    stage = hedged()
    stage.desk.history_is_long = iter([True, *[False] * 1_000]).__next__  # type: ignore[method-assign]
    return stage


def parked_before() -> Carried:
    """A bug of a moment, while leg A's outcome is open; a person said accept meanwhile, and retry."""
    stage = unanswered()
    honest, raised = stage.desk.evidence, []

    async def evidence(*asked: Any) -> Any:
        if not raised:
            raised.append(asked)
            raise ArithmeticError("a moment's")
        return await honest(*asked)

    stage.desk.evidence = evidence  # type: ignore[method-assign, assignment]
    stage.ask_at(20_000, Action.ACCEPT)
    stage.ask_at(20_001, Action.RETRY)
    return stage


SCENARIOS: tuple[Callable[[], Carried], ...] = (
    hedged, partial, refused, moved_away, unanswered, never_answered, works_on, rests, three_legs, held_short, merged,
    brought_too_much, borne_out_late, out_of_orders, in_dollars, averages_alone, voided, miscounted, told_to_hold,
    told_by_strangers, adopted, grown_long, parked_before,
)  # fmt: skip


# ---------------------------------------------------------------------- the nets


@contextmanager
def lines_of(modules: tuple[str, ...], seen: set[tuple[str, int]]) -> Iterator[None]:
    """Note which lines of these modules run."""
    files = {str(sys.modules[name].__file__): name for name in modules}

    def trace(frame: Any, event: str, _: Any) -> Any:
        name = files.get(frame.f_code.co_filename)
        if name is None:
            return None
        if event == "line":
            seen.add((name, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


async def reached() -> dict[tuple[str, int], Callable[[], Carried]]:
    """For each line that a scenario comes to, the first that does."""
    first: dict[tuple[str, int], Callable[[], Carried]] = {}
    for scenario in SCENARIOS:
        seen: set[tuple[str, int]] = set()
        with lines_of(MODULES, seen):
            record = await scenario().carry()
        assert record.state is TradeState.CLOSED, scenario.__name__
        for line in seen:
            first.setdefault(line, scenario)
    return first


async def survives(site: Site, scenario: Callable[[], Carried]) -> str:
    """What is wrong with a trade whose code is broken there, and then mended; empty if nothing is."""
    stage = scenario()
    asked: list[int] = []
    sold: list[int] = []
    with ExitStack() as broken:

        def begun(run: Parked) -> None:
            """A second after it was parked a person says unwind; once nothing stands alone, mended code comes. Before
            that it may have tried to settle, and be parked anew."""
            if asked:
                return

            def unwind() -> None:
                stage.ask(Action.UNWIND)
                asked.append(stage.desk.now())

            def look() -> None:
                now = stage.driver.carried
                flat = not isinstance(now, Parked) or (
                    not now.record().residual and all(order.settled for order in now.memory.orders)
                )
                if flat:
                    sold.append(stage.desk.now())
                if flat or stage.desk.now() - asked[0] > 2 * SOLD_WITHIN_US:
                    broken.close()
                    stage.driver.resume("mended")
                else:
                    stage.desk.at(stage.desk.now() + 100 * MS, look, message=False)

            stage.desk.at(stage.desk.now() + 1_000 * MS, unwind, message=True)
            stage.desk.at(stage.desk.now() + 1_100 * MS, look, message=False)

        stage.parked = begun
        broken.enter_context(broken_at(site))
        try:
            record = await stage.carry()
        except ArithmeticError as error:
            if str(error) != MADE_TO_ORDER:
                raise
            return "what was raised came through"
    wrong = await stage.broken()
    if scenario is adopted:  # what a person buys by hand nobody has reserved
        wrong = [text for text in wrong if not text.startswith("reservation_covered")]
    if record.state is not TradeState.CLOSED:
        wrong.append(f"it ended as {record.state}")
    if asked and len(stage.answers) < len(asked):
        wrong.append(f"asked {len(asked)} times, answered {len(stage.answers)}")
    if stage.faults and not asked:
        wrong.append("nobody was heard")
    if asked and sold and sold[0] - asked[0] > SOLD_WITHIN_US:
        wrong.append(f"sold after {(sold[0] - asked[0]) / 1e6:.1f} s")
    if (
        asked and not sold and record.residual and asked[0] < START + PAYDAY_MS * MS
    ):  # nothing is sold in a market that has paid
        wrong.append("never sold")
    return "; ".join(wrong)


@pytest.mark.ladder
@pytest.mark.timeout(600)
async def test_a_bug_at_any_statement_of_a_life_parks_it_and_an_unwind_is_heard_and_done() -> None:
    first = await reached()
    tried, wrong, missed = 0, [], []
    for module in MODULES:
        for site in sites(module):
            if module == "domain.fees" and site.function.rpartition(".")[2] in OF_THE_EXCHANGE:
                continue
            scenario = first.get((site.module, site.line))
            if scenario is None:
                missed.append(str(site))
                continue
            tried += 1
            found = await survives(site, scenario)
            if found:
                wrong.append(f"{site} in {scenario.__name__}: {found}")
    assert not wrong, "\n".join(wrong)
    assert len(missed) < tried / 4, "scenarios come to too little:\n" + "\n".join(missed)
