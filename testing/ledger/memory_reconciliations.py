"""`ledger.reconciliations` in a process's memory, over a `MemoryLedger`: for rehearsals and tests."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.books import DeclaredTransfer, VenueBooks, key_of
from domain.custody import CapitalHeld, OpenTrade
from domain.evidence import Redemption
from domain.halt import Rule
from domain.intent import Intent
from domain.market import Venue
from domain.reconcile import Finding, Kind, Reconciliation, Trigger
from domain.snapshot import OrderNames, VenueSnapshot
from domain.trade import TradeState
from ledger.reconciliations import DECLARES, MOST_PAID, Acknowledgement, known_shares
from testing.ledger.memory import MemoryLedger


class MemoryReconciliations:
    """See `ledger.reconciliations.ReconcileLedger`."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger
        self._runs: dict[str, Reconciliation] = {}
        self._acknowledged: dict[tuple[str, str, int], tuple[Decimal, Acknowledgement]] = {}

    async def close(self) -> None:
        """Nothing to close."""

    async def books(self, account: VenueSnapshot) -> VenueBooks:
        facts = (await self._ledger.snapshot()).facts
        names = OrderNames(facts.orders)
        entries = [entry for entry in facts.cash if entry.venue is account.venue]
        return VenueBooks(
            opened_at=next((entry.at for entry in entries if entry.kind == "opening"), None),
            cash=sum((entry.amount for entry in entries), Decimal(0)),
            positions={m: shares for (v, m), shares in facts.positions.items() if v is account.venue and shares},
            fills=tuple(fill for fill in facts.fills if fill.venue is account.venue),
            orders=tuple(order for order in facts.orders if order.ticket.venue is account.venue),
            states={trade.id: trade.state for trade in facts.trades},
            open_trades=await self.open_trades(),
            known=await self.known(),
            known_shares=self._known_shares(account.venue),
            declared=self._declared(account.venue, {entry.ref for entry in entries if entry.kind == "transfer"}),
            unowned=frozenset(
                key_of(fill)
                for fill in facts.fills
                if fill.venue is account.venue and names.find(fill.venue, fill.client_order_id, fill.order_id) is None
            ),
        )

    async def open_trades(self) -> tuple[OpenTrade, ...]:
        facts = (await self._ledger.snapshot()).facts
        return tuple(
            OpenTrade(
                id=trade.id,
                state=trade.state,
                markets=tuple(sorted({f"{leg.venue}/{leg.market}" for leg in trade.intent.legs})),
                legs=tuple(leg.name for leg in trade.intent.legs),
                filled=any(o.filled > 0 for o in facts.orders if o.ticket.intent_id == trade.id),
                unproven=any(o.open for o in facts.orders if o.ticket.intent_id == trade.id),
            )
            for trade in sorted(facts.trades, key=lambda one: one.id)
            if trade.state is not TradeState.CLOSED
        )

    async def recorded(self, intent_ids: Iterable[str]) -> frozenset[str]:
        known = {intent.id for intent in (await self._ledger.snapshot()).intents}
        return frozenset(known.intersection(intent_ids))

    async def capital_held(self) -> tuple[CapitalHeld, ...]:
        states = {trade.id: trade.state for trade in (await self._ledger.snapshot()).facts.trades}
        return tuple(
            CapitalHeld(row.intent_id, row.venue, row.reserved, states.get(row.intent_id))
            for account in await self._ledger.capital()
            for row in account.held
        )

    async def realised_since(self, at: int) -> Decimal:
        trades = (await self._ledger.snapshot()).facts.trades
        cleared = [past.cleared_at for past in await self._ledger.halt_history() if past.halt.rule is Rule.LOSS]
        since = max([at, *(moment for moment in cleared if moment is not None)])
        closed = [trade.pnl for trade in trades if trade.state is TradeState.CLOSED and trade.at >= since]
        return sum(closed, Decimal(0))

    async def known(self) -> frozenset[str]:
        return frozenset(known_as for known_as, _, _ in self._acknowledged)

    async def acknowledge(self, run: Reconciliation, findings: Iterable[Finding], by: Acknowledgement) -> None:
        for finding in findings:
            for name in finding.names:
                self._acknowledged.setdefault((name, finding.kind, run.at), (finding.amount, by))

    async def declare_transfer(self, venue: Venue, amount: Decimal, by: Acknowledgement) -> None:
        self._acknowledged.setdefault((f"{venue}/transfer", Kind.TRANSFER, by.at), (amount, by))

    async def paid(self) -> tuple[tuple[Intent, ...], tuple[Redemption, ...]]:
        seen = await self._ledger.snapshot()
        rows = sorted(seen.facts.redemptions, key=lambda one: (-one.at, one.intent_id))[:MOST_PAID]
        paid = {row.intent_id for row in rows}
        return tuple(intent for intent in seen.intents if intent.id in paid), tuple(rows)

    async def record(self, result: Reconciliation) -> None:
        self._runs.setdefault(result.id, result)

    async def latest(self, limit: int = 1) -> tuple[Reconciliation, ...]:
        return tuple(sorted(self._runs.values(), key=lambda run: (-run.at, run.id))[:limit])

    async def started_since(self, at: int) -> bool:
        return any(r.trigger is Trigger.START_UP and r.at >= at and not r.unreached for r in self._runs.values())

    def _known_shares(self, venue: Venue) -> dict[str, Decimal]:
        return known_shares(venue, [(name, kind, n) for (name, kind, _), (n, _by) in self._acknowledged.items()])

    def _declared(self, venue: Venue, booked: set[str]) -> tuple[DeclaredTransfer, ...]:
        found = [
            DeclaredTransfer(f"{name}@{found_at}", amount, by.author, by.reason, by.at, kind == Kind.UNEXPLAINED_CASH)
            for (name, kind, found_at), (amount, by) in self._acknowledged.items()
            if kind in DECLARES and name.partition("/")[0] == venue
        ]
        return tuple(sorted((one for one in found if one.ref not in booked), key=lambda one: (one.at, one.ref)))
