"""One trade rehearsed: the real lifecycle and the real activities, on virtual time, a venue and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from activities.authority import Anybody
from activities.orders import OrderActivities
from activities.positions import PositionActivities
from activities.settlement import SettlementActivities
from domain.evidence import Fill
from domain.exposure import realised_pnl, split
from domain.intent import Intent, LegPolicy
from domain.invariants import check_all
from domain.market import MarketSpec, Venue
from domain.operator import Action, OperatorCommand
from domain.orders import OrderTicket, Side
from domain.snapshot import VenueSnapshot, WorkingOrder
from domain.trade import Outcome, TradeRecord, TradeState
from testing.desk import FakeDesk
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue, Word
from tests.ledger.samples import RUN_ID, START, A, B, D
from tests.ledger.samples import intent as sample_intent
from workflows.lifecycle import Trade

MS = 1_000
PAYDAY_MS = 6 * 3_600_000
PERSON = OperatorCommand("ada", "the game was called off")
BOTH = ["open A1 buy 10 at 0.40", "hedge B1 buy 10 at 0.55"]
Levels = list[tuple[str, str]]


class Rehearsal:
    """10 shares of A at 0.40 and of B at 0.55, one dollar a pair; books hold just enough unless told otherwise."""

    def __init__(
        self,
        *,
        size: str = "10",
        cash: str = "1000",
        ttl_ms: int = 1_000,
        payday_ms: int = PAYDAY_MS,
        reshape: Callable[[Intent], Intent] = lambda planned: planned,
        word: Word | None = None,
        **policy: Any,
    ) -> None:
        """`reshape` makes another intent of the usual one; `word` makes the venue's fills provisional for a while."""
        planned = sample_intent(size=size)
        expires_at = planned.decided_at + ttl_ms * MS
        self.intent = reshape(replace(planned, expires_at=expires_at, policy=replace(LegPolicy(), **policy)))
        specs = {
            leg.market: MarketSpec(
                Venue.KALSHI, leg.market, "GAME", leg.market, leg.fees, min_size=leg.min_size, set_id=self.intent.set_id
            )
            for leg in self.intent.legs
        }
        self.venue = FakeVenue(self._now, specs, D(cash), word=word, venue=Venue.KALSHI)
        self.opening = D(cash)
        for leg in self.intent.legs:
            worse = leg.limit + (D("-0.02") if leg.side is Side.BUY else D("0.02"))
            near, far = [(str(leg.limit), size)], [(str(worse), size)]
            asks, bids = (near, far) if leg.side is Side.BUY else (far, near)
            self.venue.set_book(leg.market, bids, asks)
        self.ledger = MemoryLedger()
        venues = {Venue.KALSHI: self.venue}
        orders = OrderActivities(venues, self.ledger, RUN_ID, self._now, authority=Anybody())
        settlement = SettlementActivities(venues, self.ledger, RUN_ID, self._now, authority=Anybody())
        positions = PositionActivities(venues, self.ledger)
        self.desk = FakeDesk(
            START,
            submit=orders.submit_order,
            evidence=orders.find_evidence,
            cancel=orders.cancel_order,
            quote=orders.take_quote,
            settle=settlement.settle_trade,
            record=settlement.record_trade,
            resolution=positions.read_resolution,
            look_up=positions.look_up_order,
            position=positions.read_position,
            takes_orders=positions.read_open,
        )
        self.trade = Trade(self.intent, self.desk)
        self.pays_at(payday_ms, {leg.market: "1" if leg.name == "A" else "0" for leg in self.intent.legs})
        self.refusals: list[str] = []
        self.states: list[TradeState] = []
        self.asked_at = 2**62  # when a person's command was accepted

    def _now(self) -> int:
        return self.desk.now()

    def pays_at(self, ms: int, payouts: dict[str, str]) -> None:
        """Markets pay `ms` into it, dollars a share; one that has paid is left as it is."""

        def pay() -> None:
            for market, payout in payouts.items():
                if market not in self.venue.payouts:
                    self.venue.resolve(market, payout)

        self.desk.at(START + ms * MS, pay)

    def book_a(self, *, bids: Levels | None = None, asks: Levels | None = None) -> None:
        self.venue.set_book(A, bids or [], asks or [])

    def book_b(self, *, bids: Levels | None = None, asks: Levels | None = None) -> None:
        self.venue.set_book(B, bids or [], asks or [])

    def unwind_at(self, ms: int, command: OperatorCommand = PERSON) -> None:
        self.ask_at(ms, Action.UNWIND, command)

    def ask_at(self, ms: int, action: Action, command: OperatorCommand = PERSON) -> None:
        """A person asks `ms` into the trade, through the validator, as over Temporal."""

        def ask() -> None:
            self.states.append(self.trade.state)
            try:
                self.trade.may(action, command)
            except ValueError as refusal:
                self.refusals.append(str(refusal))
            else:
                self.trade.take(action, command)
                self.asked_at = self.desk.now() if action is Action.UNWIND else self.asked_at

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
        return realised_pnl(self.intent, await self.fills(), self.trade.record().redemptions)

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
        earned = realised_pnl(self.intent, account.fills, record.redemptions)
        if record.state is TradeState.CLOSED and record.pnl != earned:
            wrong.append(f"the record books {record.pnl}, the venue's fills and payments {earned}")
        return wrong

    def sent(self) -> list[str]:
        """Every submit in order, as `open A1 buy 10 at 0.40`."""
        return [words(submit.ticket) for submit in self.desk.submits]

    def states_shown(self) -> list[TradeState]:
        """States in the order people saw them, without repetition."""
        seen = [record.state for record in self.desk.shown]
        return [state for n, state in enumerate(seen) if n == 0 or seen[n - 1] is not state]

    def story(self) -> str:
        return "\n".join(step.text for step in self.trade.record().steps)


def words(ticket: OrderTicket) -> str:
    return f"{ticket.purpose} {ticket.leg}{ticket.attempt} {ticket.side} {ticket.size.normalize():f} at {ticket.limit}"


async def closed(stage: Rehearsal, outcome: Outcome, *sent: str) -> None:
    """Run it, and check the ending, everything that was sent in order, and every invariant."""
    record = await stage.run()
    assert (record.state, record.outcome) == (TradeState.CLOSED, outcome), stage.story()
    assert stage.sent() == list(sent), stage.story()
    wrong = await stage.broken()
    assert not wrong, wrong
