"""Reconciliation on a model venue, with the ledger in memory and in Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.alerts import Alerts
from activities.reconcile import ReconcileActivities, ReconcileRules
from domain.custody import Carried
from domain.halt import Rule, Scope
from domain.market import MarketSpec, Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from domain.reconcile import CompareRequest, Comparison, ConsequencesRequest, Kind, Reconciliation, Trigger
from domain.trade import TradeRecord
from ledger.reconciliations import Acknowledgement
from testing.venue import FakeVenue
from tests.ledger.samples import RUN_ID, SECOND, START, A, B, body, intent, ticket

PLANNED = intent()
PERSON = Acknowledgement("ada", "it was me", START)


class Trades:
    """The trades Temporal would carry, and what they were told."""

    def __init__(self) -> None:
        self.carried: dict[str, Carried] = {}
        self.told: list[tuple[str, str]] = []
        self.records: dict[str, TradeRecord] = {}

    async def running(self, expected: Iterable[str]) -> Mapping[str, Carried]:
        return dict(self.carried)

    async def tell(self, intent_id: str, client_order_id: str) -> bool:
        self.told.append((intent_id, client_order_id))
        return intent_id in self.carried

    async def record(self, intent_id: str) -> TradeRecord | None:
        return self.records.get(intent_id)


class Desk:
    """Activities on a model venue and a ledger; `now` moves a second a look."""

    def __init__(self, ledger: Any, records: Any) -> None:
        self.now = START
        specs = {m: MarketSpec(Venue.KALSHI, m, "GAME", m, PLANNED.legs[0].fees) for m in (A, B)}
        self.venue = FakeVenue(self.clock, specs, venue=Venue.KALSHI)
        self.venue.set_book(A, bids=[("0.38", "100")], asks=[("0.40", "100")])
        self.venue.set_book(B, bids=[("0.53", "100")], asks=[("0.55", "100")])
        self.ledger, self.records, self.trades = ledger, records, Trades()
        self.alerts: list[str] = []
        self.runs = 0
        self.between_looks = 0.0
        self.rules = ReconcileRules(look_s=0, unknown_after_us=120 * SECOND)

    def clock(self) -> int:
        return self.now

    @property
    def activities(self) -> ReconcileActivities:
        return ReconcileActivities(
            {Venue.KALSHI: self.venue}, money=self.ledger, records=self.records, trades=self.trades,
            clock=self.clock, rules=self.rules, alerts=Alerts(count=self.alerts.append),
        )  # fmt: skip

    async def compare(self) -> Comparison:
        found: Comparison = await ActivityEnvironment().run(
            self.activities.compare_account, CompareRequest(venue="kalshi")
        )
        return found

    async def reconcile(self, trigger: Trigger = Trigger.SCHEDULE, name: str | None = None) -> Reconciliation:
        """One run, its clock a second on; with a `name`, that run repeated."""
        self.runs += 1
        self.now += SECOND
        request = ConsequencesRequest(name or f"run-{self.runs}", trigger, (await self.compare(),), {})
        result: Reconciliation = await ActivityEnvironment().run(self.activities.draw_consequences, request)
        return result

    async def begin(self, leg: str = "A", purpose: Purpose = Purpose.OPEN) -> OrderTicket:
        """Send a leg's order as a trade would, its answer lost before the ledger heard of it."""
        one = ticket(PLANNED, leg, purpose=purpose)
        await self.ledger.begin_order(RUN_ID, PLANNED if purpose is Purpose.OPEN else None, one, body(one), self.now)
        self.trades.carried[PLANNED.id] = Carried((A, B))
        await self.venue.submit(one)
        return one

    async def rest_by_hand(self) -> str:
        """A person's bid for three shares of B, which stays in the book; returns the venue's id of it."""
        self.venue.place_by_hand(B, Side.BUY, "3", "0.50", TimeInForce.GTC)
        return (await self.venue.account()).open_orders[-1].order_id

    async def halts(self) -> set[tuple[Scope, str, Rule]]:
        return {(halt.scope, halt.target, halt.rule) for halt in await self.ledger.halts()}


def kinds(result: Reconciliation) -> list[Kind]:
    return [finding.kind for finding in result.findings]
