"""One trade rehearsed: the real lifecycle and the real activities, on virtual time, a venue and a ledger in memory."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from activities.orders import OrderActivities
from activities.settlement import SettlementActivities
from domain.errors import Rejected
from domain.evidence import Fill, Resolution
from domain.exposure import realised_pnl, split
from domain.intent import Intent, LegPolicy
from domain.invariants import check_all
from domain.market import MarketSpec, Venue
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket
from domain.requests import LookUp, LookUpRequest, ResolutionRequest
from domain.snapshot import VenueSnapshot, WorkingOrder
from domain.trade import Outcome, TradeRecord, TradeState
from ledger.memory import MemoryLedger
from tests.ledger.samples import RUN_ID, START, A, B, D
from tests.ledger.samples import intent as sample_intent
from venues.fake import FakeVenue
from workflows.fake_desk import FakeDesk
from workflows.lifecycle import Trade

MS = 1_000
PAYDAY_MS = 6 * 3_600_000
PERSON = OperatorCommand("ada", "the game was called off")
BOTH = ["open A1 buy 10 at 0.40", "hedge B1 buy 10 at 0.55"]
Levels = list[tuple[str, str]]


class Rehearsal:
    """10 shares of A at 0.40 and of B at 0.55, one dollar a pair; books hold just enough unless told otherwise."""

    def __init__(self, *, size: str = "10", cash: str = "1000", ttl_ms: int = 1_000, **policy: Any) -> None:
        planned = sample_intent(size=size)
        self.intent: Intent = replace(
            planned, expires_at=planned.decided_at + ttl_ms * MS, policy=replace(LegPolicy(), **policy)
        )
        fees = self.intent.legs[0].fees
        specs = {
            market: MarketSpec(Venue.KALSHI, market, "GAME", market, fees, min_size=D("0.01")) for market in (A, B)
        }
        self.venue = FakeVenue(self._now, specs, D(cash))
        self.opening = D(cash)
        self.book_a(asks=[("0.40", size)], bids=[("0.38", size)])
        self.book_b(asks=[("0.55", size)], bids=[("0.53", size)])
        self.ledger = MemoryLedger()
        venues = {Venue.KALSHI: self.venue}
        orders = OrderActivities(venues, self.ledger, RUN_ID, self._now)
        settlement = SettlementActivities(venues, self.ledger, RUN_ID, self._now)
        self.desk = FakeDesk(
            START,
            submit=orders.submit_order,
            evidence=orders.find_evidence,
            cancel=orders.cancel_order,
            quote=orders.take_quote,
            settle=settlement.settle_trade,
            record=settlement.record_trade,
            resolution=self._resolution,
            look_up=self._look_up,
        )
        self.trade = Trade(self.intent, self.desk)
        self.pays_at(PAYDAY_MS)
        self.refusals: list[str] = []
        self.states: list[TradeState] = []
        self.asked_at = 2**62  # when a person's command was accepted

    def _now(self) -> int:
        return self.desk.now()

    async def _resolution(self, request: ResolutionRequest) -> Resolution:
        return await self.venue.resolution(request.market)

    async def _look_up(self, request: LookUpRequest) -> LookUp:
        try:
            return LookUp(await self.venue.look_up(request.order_id))
        except Rejected as none:
            return LookUp(None, none.message)

    def pays_at(self, ms: int, a: str = "1", b: str = "0") -> None:
        """Both markets pay `ms` into it, dollars a share."""

        def pay() -> None:
            self.venue.resolve(A, a)
            self.venue.resolve(B, b)

        self.desk.at(START + ms * MS, pay)

    def book_a(self, *, bids: Levels | None = None, asks: Levels | None = None) -> None:
        self.venue.set_book(A, bids or [], asks or [])

    def book_b(self, *, bids: Levels | None = None, asks: Levels | None = None) -> None:
        self.venue.set_book(B, bids or [], asks or [])

    def unwind_at(self, ms: int, command: OperatorCommand = PERSON) -> None:
        """A person asks `ms` into the trade, through the validator, as over Temporal."""

        def ask() -> None:
            self.states.append(self.trade.state)
            try:
                self.trade.may(Action.UNWIND, command)
            except ValueError as refusal:
                self.refusals.append(str(refusal))
            else:
                self.trade.take(Action.UNWIND, command)
                self.asked_at = self.desk.now()

        self.desk.at(START + ms * MS, ask, message=True)

    def look_at(self, ms: int) -> list[TradeRecord]:
        """The trade's record `ms` into it: the list holds it once that time has come."""
        seen: list[TradeRecord] = []
        self.desk.at(START + ms * MS, lambda: seen.append(self.trade.record()))
        return seen

    async def run(self) -> TradeRecord:
        await self.ledger.record_opening(Venue.KALSHI, self.opening, START - 1)
        return await self.trade.run()

    # ------------------------------------------------------------------ the truth

    async def fills(self) -> tuple[Fill, ...]:
        return (await self.venue.account()).fills

    async def pnl(self) -> Decimal:
        return realised_pnl(self.intent, await self.fills())

    async def broken(self) -> list[str]:
        """What is wrong now: each violated invariant, and counts that differ between the venue and the record."""
        account = await self.venue.account()
        working = tuple(WorkingOrder(o.order_id, o.client_order_id, o.market, o.remaining) for o in account.open_orders)
        at_venue = VenueSnapshot(Venue.KALSHI, account.cash, account.positions, working, account.fills)
        snapshot = await self.ledger.snapshot()
        findings = check_all(snapshot.facts, at_venue, self.venue.arrivals.values())
        wrong = [f"{finding.name}: {text}" for finding in findings for text in finding.violations]
        wrong += [f"{finding.name}: not judged" for finding in findings if finding.holds is None]
        record, truth = self.trade.record(), split(self.intent, account.fills)
        if (record.hedged, record.unwound, record.residual) != (truth.hedged, truth.unwound, truth.residual):
            wrong.append(f"the record says {record}, the venue's fills {truth}")
        if record.state is TradeState.CLOSED and record.pnl != realised_pnl(self.intent, account.fills):
            wrong.append(f"the record books {record.pnl}, the venue's fills {realised_pnl(self.intent, account.fills)}")
        return wrong

    def sent(self) -> list[str]:
        """Every submit in order, as `open A1 buy 10 at 0.40`."""
        return [words(submit.ticket) for submit in self.desk.submits]

    def story(self) -> str:
        return "\n".join(step.text for step in self.trade.record().steps)


def words(ticket: OrderTicket) -> str:
    return f"{ticket.purpose} {ticket.leg}{ticket.attempt} {ticket.side} {ticket.size} at {ticket.limit}"


async def closed(stage: Rehearsal, outcome: Outcome, *sent: str) -> None:
    """Run it, and check the ending, everything that was sent in order, and every invariant."""
    record = await stage.run()
    assert (record.state, record.outcome) == (TradeState.CLOSED, outcome), stage.story()
    assert stage.sent() == list(sent), stage.story()
    assert await stage.broken() == []
