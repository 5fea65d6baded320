"""Order activities on a venue and a ledger in memory, asked one by one."""

from __future__ import annotations

from temporalio.testing import ActivityEnvironment

from activities.authority import Anybody
from activities.orders import OrderActivities
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.orders import Guard, OrderTicket, Purpose, SubmitResult, Verdict
from domain.requests import SubmitRequest
from testing.ledger.memory import MemoryLedger
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, START, A, B, D, intent, ticket

PLANNED = intent()
FAR = 2**62

HEDGE = ticket(PLANNED, "B", purpose=Purpose.HEDGE)
RECHECK = Guard(not_after=FAR, recheck=True, max_quote_age_ms=500, min_depth=D(10))


class Desk:
    """Activities on a venue and a ledger in memory; `now` stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START
        self.busy = ""
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(lambda: self.now, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, bids=[("0.38", "10")], asks=[("0.40", "10")])
        self.venue.set_book(B, bids=[("0.53", "10")], asks=[("0.55", "10")])
        self.ledger = MemoryLedger()
        self.observed: list[tuple[str, Verdict, bool, int]] = []
        self.activities = OrderActivities(
            {Venue.KALSHI: self.venue},
            self.ledger,
            RUN_ID,
            lambda: self.now,
            self._observe,
            busy=lambda: self.busy,
            authority=Anybody(),
        )

    def _observe(self, sent: OrderTicket, result: SubmitResult, opening: Intent | None, at: int) -> None:
        self.observed.append((sent.leg, result.verdict, opening is not None, at))

    async def submit(self, what: OrderTicket, guard: Guard | None = None, of: Intent | None = None) -> SubmitResult:
        request = SubmitRequest(ticket=what, guard=guard or Guard(not_after=FAR), opening=of)
        result: SubmitResult = await ActivityEnvironment().run(self.activities.submit_order, request)
        return result

    async def open(self, of: Intent = PLANNED) -> SubmitResult:
        return await self.submit(ticket(of), Guard(not_after=of.expires_at), of)
