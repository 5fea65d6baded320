"""The ledger in a process's memory: the same methods and the same answers, for rehearsals and tests.

One test-suite runs against both, so what this fake accepts, Postgres accepts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.admission import AtWork
from domain.decisions import Suppression
from domain.evidence import Fill, FillStatus, Redemption
from domain.intent import Intent
from domain.market import Venue
from domain.operator import CommandRecord
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.snapshot import CashEntry, Ended, LedgerFacts, OrderFacts, Reservation, Send, TradeFacts, VenueCapital
from domain.trade import AT_WORK, DONE_TRADING, OrderRecord, Step, TradeRecord, TradeState
from ledger import codec
from ledger.capital import kept, refused, wanted
from ledger.story import Run, SentBody, Snapshot, TradeRow, TradeStory, choose, starts
from testing.ledger.memory_accounts import Accounts
from testing.ledger.memory_claims import MemoryClaims
from testing.ledger.memory_halts import MemoryHalts
from testing.ledger.memory_in_hand import MemoryInHand
from testing.ledger.memory_origins import MemoryOrigins


class MemoryLedger(MemoryOrigins, MemoryInHand, MemoryHalts, MemoryClaims):
    """See `ledger.port` and `ledger.store.Ledger`."""

    def __init__(self) -> None:
        super().__init__()
        self._accounts = Accounts()
        self._runs: dict[str, Run] = {}
        self._intents: dict[str, tuple[str, Intent]] = {}
        self._suppressions: dict[tuple[str, str, str, str, int], Suppression] = {}
        self._trades: dict[str, tuple[str, TradeFacts]] = {}
        self._steps: dict[str, dict[int, Step]] = {}
        self._orders: dict[str, OrderFacts] = {}
        self._sends: list[SentBody] = []
        self._fills: dict[tuple[str, str, str], Fill] = {}
        self._commands: dict[str, dict[CommandRecord, int]] = {}
        self._redemptions: dict[tuple[str, str, str], Redemption] = {}

    async def close(self) -> None:
        """Nothing to close."""

    # ------------------------------------------------------------------ runs

    async def start_run(self, run_id: str, profile: str, mode: str, at: int, source: str) -> None:
        self._runs.setdefault(run_id, Run(run_id, profile, mode, source, at, None))

    async def finish_run(self, run_id: str, at: int) -> None:
        if run_id in self._runs:
            self._runs[run_id] = replace(self._runs[run_id], finished_at=at)

    async def latest_run(self) -> Run | None:
        return max(self._runs.values(), key=lambda run: (run.started_at, run.run_id), default=None)

    # ------------------------------------------------------------------ writes

    async def record_opening(self, venue: Venue, cash: Decimal, at: int) -> None:
        self._accounts.enter(CashEntry(venue, "opening", "opening", cash, at))

    async def record_transfer(self, venue: Venue, amount: Decimal, ref: str, at: int) -> None:
        self._accounts.enter(CashEntry(venue, "transfer", ref, amount, at))

    async def record_intent(self, intent: Intent, run_id: str) -> None:
        self._intents.setdefault(intent.id, (run_id, intent))

    async def record_suppressions(self, run_id: str, items: Iterable[Suppression]) -> None:
        for item in items:
            self._suppressions.setdefault((run_id, item.strategy, item.pair, item.gate, item.at), item)

    async def begin_order(
        self,
        run_id: str,
        intent: Intent | None,
        ticket: OrderTicket,
        body: bytes,
        at: int,
        *,
        order_id: str = "",
        chain: str = "",
    ) -> int:
        digest = hashlib.sha256(body).hexdigest()
        if (why := self._stranger(ticket, chain)) is not None:
            raise refused(ticket.intent_id, why)
        if intent is not None:
            key = intent.id
            capital = wanted(intent, key)
            why = await self._halt_over(intent) or self._claim_forbids(intent) or self._accounts.shortage(capital)
            if why is not None:
                raise refused(key, why)
            self._accounts.reserve(capital)
            await self.record_intent(intent, run_id)
            if key not in self._trades:
                held = Reservation(**_without(codec.begun_reservation(key, intent, ticket, at), "intent_id"))
                row = _without(codec.begun_row(key, intent, run_id, at), "intent_id", "run_id")
                self._trades[key] = (run_id, TradeFacts(key, intent, reservations=(held,), **row))
                self._chains[key] = chain
        order = self._orders.get(ticket.client_order_id) or _blank(ticket)
        if any(s.client_order_id == ticket.client_order_id and s.sha256 != digest for s in self._sends):
            raise codec.different_bytes(ticket, digest)
        copy = order.sends + 1
        first_at = at if order.sends == 0 else order.first_sent_at
        self._orders[ticket.client_order_id] = replace(
            order, sends=copy, first_sent_at=first_at, last_sent_at=at, order_id=order.order_id or order_id or None
        )
        text = body.decode("utf-8", "backslashreplace")
        self._sends.append(SentBody(ticket.client_order_id, copy, digest, text, at))
        return copy

    async def finish_order(self, ticket: OrderTicket, result: SubmitResult) -> None:
        order = self._orders.get(ticket.client_order_id) or _blank(ticket)
        copies_spoken_for = {Verdict.DENIED: 0, Verdict.REJECTED: 1}.get(result.verdict, -1)
        refused = order.verdict is None and order.sends <= copies_spoken_for
        self._orders[ticket.client_order_id] = replace(
            _answered(order, result), filled=max(order.filled, result.filled), settled=order.settled or refused
        )

    async def record_fills(self, fills: Iterable[Fill]) -> None:
        self._book(fills, None)

    def _book(self, fills: Iterable[Fill], owner: str | None) -> None:
        """Fills and their cash; `owner` is the trade that says they are its own, else the trade of their order."""
        for fill in fills:
            key, known = codec.fill_key(fill), self._fills.get(codec.fill_key(fill))
            if known is None:
                self._fills[key] = fill
            elif codec.outranks(fill.status, known.status):
                self._fills[key] = replace(known, status=fill.status)
            elif owner is None:
                continue  # nothing new
            booked, ref = self._fills[key], f"{fill.trade_id}/{fill.order_id}"
            order = self._orders.get(booked.client_order_id) or self._at(booked.venue, booked.order_id)
            whose = owner or (order.ticket.intent_id if order is not None else None)
            self._accounts.enter(CashEntry(booked.venue, "fill", ref, booked.cash, booked.at, whose))
            if booked.status is FillStatus.VOID:
                self._accounts.enter(CashEntry(booked.venue, "void", ref, -booked.cash, booked.at, whose))

    async def record_trade(self, run_id: str, intent: Intent, record: TradeRecord) -> None:
        await self.record_intent(intent, run_id)
        self._book(record.fills, record.intent_id)
        for n, command in enumerate(record.commands):
            self._commands.setdefault(record.intent_id, {}).setdefault(command, n)
        for paid in record.redemptions:
            ref = f"{paid.market}/{paid.intent_id}"
            self._redemptions.setdefault((paid.venue, paid.market, paid.intent_id), paid)
            self._accounts.enter(CashEntry(paid.venue, "settlement", ref, paid.cash, paid.at, paid.intent_id))
        run, known = self._trades.get(intent.id, (run_id, None))
        if known is not None and record.revision < known.revision:
            return
        held = {r.revision: r for r in (known.reservations if known else ())}
        held.setdefault(record.revision, Reservation(**_without(codec.reservation_row(intent, record), "intent_id")))
        row = _without(codec.trade_row(record, run_id), "intent_id", "run_id")
        self._trades[intent.id] = (
            run,
            TradeFacts(intent.id, intent, reservations=tuple(held[n] for n in sorted(held)), **row),
        )
        self._steps.setdefault(intent.id, {}).update(enumerate(record.steps))
        for order in record.orders:
            self._know(order)
        self._accounts.keep(kept(intent, record))

    async def record_command(self, intent_id: str, command: CommandRecord) -> None:
        self._commands.setdefault(intent_id, {}).setdefault(command, codec.OUTSIDE)

    async def release(self, intent_id: str, at: int) -> bool:
        return self._accounts.release(intent_id, at)

    # ------------------------------------------------------------------ reads

    async def trades(
        self, run: str | None = None, state: TradeState | None = None, limit: int = 100
    ) -> tuple[TradeRow, ...]:
        rows = [
            _row(run_id, facts)
            for run_id, facts in self._now()
            if run in (None, run_id) and state in (None, facts.state)
        ]
        return tuple(sorted(rows, key=lambda row: (-row.decided_at, row.intent_id))[:limit])

    def _now(self) -> Iterable[tuple[str, TradeFacts]]:
        """As the view `trades_now`: between its own records, a trade stands where its orders say."""
        for run_id, facts in self._trades.values():
            orders = [order for order in self._orders.values() if order.ticket.intent_id == facts.id]
            yield run_id, _by_orders(facts, orders) if facts.revision < 0 and orders else facts

    async def standing(self, run: str | None) -> dict[TradeState, tuple[int, Decimal]]:
        counts: dict[TradeState, tuple[int, Decimal]] = {}
        for run_id, facts in self._now():
            if run in (None, run_id):
                number, alone = counts.get(facts.state, (0, Decimal(0)))
                counts[facts.state] = (number + 1, alone + facts.residual)
        return counts

    async def trade(self, wanted: str) -> TradeStory:
        intent_id = choose(wanted, [known for known in self._intents if starts(known, wanted)])
        run_id, intent = self._intents[intent_id]
        orders = [order for order in self._orders.values() if order.ticket.intent_id == intent_id]
        ids = {order.client_order_id for order in orders}
        theirs = {order.order_id for order in orders if order.order_id}
        steps = self._steps.get(intent_id, {})
        return TradeStory(
            run_id=run_id,
            intent=intent,
            trade=next((facts for _, facts in self._now() if facts.id == intent_id), None),
            orders=codec.in_story_order(orders),
            sends=tuple(sorted((s for s in self._sends if s.client_order_id in ids), key=lambda s: (s.at, s.n))),
            fills=tuple(f for f in self._in_time() if f.client_order_id in ids or f.order_id in theirs),
            steps=tuple(steps[n] for n in sorted(steps)),
            commands=await self.commands(intent_id),
            faults=self._faults_of(intent_id),
            redemptions=tuple(paid for paid in self._paid() if paid.intent_id == intent_id),
        )

    async def snapshot(self, run: str | None = None) -> Snapshot:
        intents = [intent for run_id, intent in self._intents.values() if run in (None, run_id)]
        suppressed = [item for key, item in self._suppressions.items() if run in (None, key[0])]
        return Snapshot(
            run=self._runs.get(run) if run is not None else None,
            intents=tuple(sorted(intents, key=lambda intent: (intent.decided_at, intent.id))),
            suppressions=tuple(sorted(suppressed, key=lambda item: (item.at, item.pair, item.gate))),
            facts=self._facts(),
            halts=await self.halts(),
        )

    async def capital(self) -> tuple[VenueCapital, ...]:
        return self._accounts.standing()

    async def done_trading(self, ids: Iterable[str]) -> set[str]:
        return {key for key in ids if key in self._trades and self._trades[key][1].state in DONE_TRADING}

    async def at_work(self) -> list[AtWork]:
        return [AtWork(facts.at, facts.residual > 0) for _, facts in self._now() if facts.state in AT_WORK]

    async def open_trades(self) -> tuple[TradeFacts, ...]:
        trades = (replace(facts, reservations=()) for _, facts in self._now() if facts.state is not TradeState.CLOSED)
        return tuple(sorted(trades, key=lambda trade: (trade.intent.decided_at, trade.id)))

    async def outcomes_since(self, at: int) -> tuple[Ended, ...]:
        known = (facts for _, facts in self._trades.values() if facts.state in DONE_TRADING and facts.at >= at)
        ended = (Ended(t.id, t.intent.strategy, t.state, t.outcome, t.pnl, t.at) for t in known)
        return tuple(sorted(ended, key=lambda trade: (trade.at, trade.id)))

    async def realised_since(self, at: int) -> Decimal:
        ended = await self.outcomes_since(at)
        return sum((trade.pnl for trade in ended if trade.state is TradeState.CLOSED), Decimal(0))

    async def commands(self, intent_id: str) -> tuple[CommandRecord, ...]:
        mine = self._commands.get(intent_id, {})
        return tuple(sorted(mine, key=lambda command: (command.at, mine[command])))

    async def unsettled_orders(self) -> tuple[OrderFacts, ...]:
        return tuple(sorted((o for o in self._orders.values() if o.open), key=lambda order: order.first_sent_at))

    async def order_outcome(self, client_order_id: str) -> OrderFacts | None:
        return self._orders.get(client_order_id)

    async def order_at(self, venue: Venue, order_id: str) -> OrderFacts | None:
        return self._at(venue, order_id)

    async def held_in(self, venue: Venue, market: str) -> dict[str, Decimal]:
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        explained: defaultdict[str, Decimal] = defaultdict(Decimal)
        moved: list[tuple[str, Decimal]] = []
        for fill in self._fills.values():
            if (fill.venue, fill.market) == (venue, market) and fill.status is not FillStatus.VOID:
                order = self._orders.get(fill.client_order_id) or self._at(venue, fill.order_id)
                moved.append((order.ticket.intent_id if order is not None else "", fill.shares))
                if order is not None:
                    explained[order.client_order_id] += fill.size
        for order in self._orders.values():
            ticket = order.ticket
            if (ticket.venue, ticket.market) == (venue, market):
                more = max(order.filled - explained[order.client_order_id], Decimal(0))
                moved.append((ticket.intent_id, more if ticket.side is Side.BUY else -more))
        paid = (one for one in self._redemptions.values() if (one.venue, one.market) == (venue, market))
        moved += [(one.intent_id, -one.shares) for one in paid]
        for owner, shares in moved:
            held[owner] += shares
        return {owner: shares for owner, shares in held.items() if shares}

    def _at(self, venue: Venue, order_id: str) -> OrderFacts | None:
        if not order_id:
            return None
        known = (o for o in self._orders.values() if o.order_id == order_id and o.ticket.venue is venue)
        return next(known, None)

    # ------------------------------------------------------------------ parts

    def _know(self, record: OrderRecord) -> None:
        """Take over what a trade knows of an order."""
        order = self._orders.get(record.ticket.client_order_id) or _blank(record.ticket)
        if record.result is not None:
            order = _answered(order, record.result)
        filled = record.filled if record.settled else max(order.filled, record.filled)
        order = replace(order, filled=filled, settled=order.settled or record.settled)
        self._orders[order.client_order_id] = order

    def _in_time(self) -> list[Fill]:
        return sorted(self._fills.values(), key=lambda fill: (fill.at, fill.trade_id, fill.order_id))

    def _paid(self) -> list[Redemption]:
        return sorted(self._redemptions.values(), key=lambda paid: (paid.at, paid.venue, paid.market, paid.intent_id))

    def _facts(self) -> LedgerFacts:
        positions: dict[tuple[Venue, str], Decimal] = {}
        for fill in self._fills.values():
            if fill.status is not FillStatus.VOID:
                where = (fill.venue, fill.market)
                positions[where] = positions.get(where, Decimal(0)) + fill.shares
        for paid in self._redemptions.values():
            where = (paid.venue, paid.market)
            positions[where] = positions.get(where, Decimal(0)) - paid.shares
        trades = sorted((facts for _, facts in self._now()), key=lambda t: (t.intent.decided_at, t.id))
        sends = sorted(self._sends, key=lambda send: (send.at, send.client_order_id, send.n))
        return LedgerFacts(
            trades=tuple(trades),
            orders=tuple(sorted(self._orders.values(), key=lambda o: (o.first_sent_at, o.client_order_id))),
            sends=tuple(Send(send.client_order_id, send.n, send.sha256, send.at) for send in sends),
            fills=tuple(self._in_time()),
            cash=self._accounts.entries(),
            positions=positions,
            redemptions=tuple(self._paid()),
            capital=self._accounts.standing(),
        )


def _blank(ticket: OrderTicket) -> OrderFacts:
    return codec.order_of(codec.ticket_row(ticket))


def _answered(order: OrderFacts, result: SubmitResult) -> OrderFacts:
    order = replace(order, order_id=result.order_id or order.order_id)
    if not codec.at_least_as_sure(result.verdict, order.verdict):
        return order
    return replace(order, verdict=result.verdict, code=result.code, detail=result.detail)


_STATE_BY_PURPOSE = {
    Purpose.OPEN: TradeState.LEG_A,
    Purpose.HEDGE: TradeState.RECHECK,
    Purpose.COMPLETE: TradeState.REBALANCE,
    Purpose.ADOPTED: TradeState.REBALANCE,
    Purpose.UNWIND: TradeState.UNWIND,
    Purpose.MERGE: TradeState.HEDGED,
}


def _by_orders(facts: TradeFacts, orders: list[OrderFacts]) -> TradeFacts:
    opened = {leg.name: Decimal(0) for leg in facts.intent.legs}
    closed = dict(opened)
    sides = {leg.name: leg.side for leg in facts.intent.legs}
    for order in orders:
        leg = order.ticket.leg
        if leg in sides:  # a merge is an order of no leg: what was handed back stays hedged
            (opened if order.ticket.side is sides[leg] else closed)[leg] += order.filled
    hedged = max(min(opened[leg] - closed[leg] for leg in opened), Decimal(0))
    last = max(orders, key=lambda order: (order.first_sent_at, order.ticket.attempt))
    return replace(
        facts,
        state=_STATE_BY_PURPOSE[last.ticket.purpose],
        hedged=hedged,
        unwound=sum((min(opened[leg], closed[leg]) for leg in opened), Decimal(0)),
        residual=sum((abs(opened[leg] - closed[leg] - hedged) for leg in opened), Decimal(0)),
    )


def _row(run_id: str, facts: TradeFacts) -> TradeRow:
    intent = facts.intent
    return TradeRow(
        run_id=run_id,
        intent_id=facts.id,
        strategy=intent.strategy,
        pair=intent.pair,
        size=intent.size,
        edge=intent.edge,
        decided_at=intent.decided_at,
        state=facts.state,
        outcome=facts.outcome,
        hedged=facts.hedged,
        unwound=facts.unwound,
        residual=facts.residual,
        pnl=facts.pnl,
        reserved=facts.reserved,
        revision=facts.revision,
        at=facts.at,
    )


def _without(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}
