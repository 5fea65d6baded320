"""A whole trade on virtual time: the real lifecycle and activities, a venue that answers as a case says.

    input:
      in_dollars: true                       a taking purchase is sized in dollars, fees are Polymarket's
      policy: {unknown_deadline_ms: 60000}
      books: {A: {bids: [["0.38", "50"]], asks: […]}, B: …}
      faults: {submit: [none, partial]}      of the model exchange (`testing.venue.faults`)
      answers:                               what an order's sender is told instead
        - {leg: B, first: 1, runs: true, as: kalshi, status: 201, says: {…}}
        - {leg: A, side: sell, until_s: 45, code: insufficient_balance, detail: not enough balance / allowance}
      reads:                                 what is answered when an order is asked for
        - {leg: B, until_s: 60, status: unseen}              or absent, unavailable; `quiet_s` as the venues' own rule
      person: [{at_s: 3600, does: unwind}]
      word: {leg: A, after_s: 20, says: void}  the venue's last word on that leg's fills; final where another leg's
      pays: {A: "0.5", B: "0.5"}             what the markets pay, six hours into it
      payday_s: 3600                         when they do, where not then
      lag_s: 60                              how far reads of orders lie behind what happened
      closes: {B: 2}                         seconds into it a market stops trading

An answer holds for the first `first` orders sent for it (all where that is not said), until `until_s`. With `runs` the
order trades all the same, `arrives_after_s` later where that is said; `$ORDER` is its id, `$SHARES` and `$DOLLARS` are
what it really brought and cost.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.errors import Unavailable
from domain.evidence import Fill, FillStatus, OrderEvidence, OrderStatus
from domain.operator import Action
from domain.orders import OrderTicket, Side, SubmitResult, Verdict
from testing.venue import Fault
from tests.ledger.samples import START, A, B
from tests.workflows.rehearsal import PAYDAY_MS, Rehearsal, words
from tests.workflows.test_overfill import powered
from venues.kalshi import errors as kalshi
from venues.polymarket import errors as polymarket

_SECOND = 1_000_000
_MICRO = Decimal("0.000001")
_LOT = Decimal("0.01")
_WATCHED_S = 900
_PATIENCE_S = 60
MARKETS = {"A": A, "B": B}


async def live(given: Mapping[str, Any]) -> dict[str, Any]:
    """One trade from its decision to its end, or to where it stands when nothing moves any more."""
    dollars = given.get("in_dollars", False)
    policy = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in given.get("policy", {}).items()
    }
    options = policy | ({"reshape": powered} if dollars else {})
    if "word" in given:
        options["word"] = _word(given["word"])
    payday_ms = int(given["payday_s"] * 1000) if "payday_s" in given else PAYDAY_MS
    stage = Rehearsal(payday_ms=payday_ms, **options)
    stage.venue.in_collateral = dollars
    if "pays" in given:
        stage.pays_at(payday_ms - 1, {MARKETS[leg]: payout for leg, payout in given["pays"].items()})
    for leg, book in given.get("books", {}).items():
        levels = {side: [tuple(level) for level in book.get(side, [])] for side in ("bids", "asks")}
        stage.venue.set_book(MARKETS[leg], levels["bids"], levels["asks"])
    for call, faults in given.get("faults", {}).items():
        stage.venue.script(call, *(None if one == "none" else Fault(one) for one in faults))
    stage.venue.lag_ms = int(given.get("lag_s", 0) * 1000)
    script = _Script(stage, given)
    for at_s, leg in ((at, leg) for leg, at in given.get("closes", {}).items()):
        stage.desk.at(START + int(at_s * _SECOND), lambda leg=leg: stage.venue.set_open(MARKETS[leg], False))
    for said in given.get("person", ()):
        stage.ask_at(int(said["at_s"] * 1000), Action(said["does"]))
    fault = ""
    try:
        await asyncio.wait_for(stage.run(), _PATIENCE_S)
    except Exception as wrong:
        fault = f"{type(wrong).__name__}: {wrong}"
    try:
        ended = await _ending(stage)
    except Exception as wrong:
        return {"fault": fault or f"{type(wrong).__name__}: {wrong}"}
    unhedged = _unhedged(stage)
    times = [(submit.decided_at - START) // _SECOND for submit in stage.desk.submits]
    return ended | {
        "fault": fault,
        "sent": [words(submit.ticket) for submit in stage.desk.submits],
        "orders": len(script.copies),
        "copies": max(script.copies.values(), default=0),
        "copies_b": max((n for (leg, _), n in script.copies.items() if leg == "B"), default=0),
        "unhedged_s": len(unhedged),
        "unhedged_at_end": bool(unhedged) and unhedged[-1] == _WATCHED_S - 1,
        "late_orders": sum(time > _WATCHED_S for time in times),
        "overfilled": [words(o.ticket) for o in stage.venue.placed() if o.filled > o.ticket.size],
        "refusals": len(stage.refusals),
    }


async def _ending(stage: Rehearsal) -> dict[str, Any]:
    record = stage.trade.record()
    return {
        "state": record.state.value.lower(),
        "outcome": record.outcome.value if record.outcome else None,
        "hedged": record.hedged,
        "unwound": record.unwound,
        "residual": record.residual,
        "pnl": record.pnl,
        "broken": await stage.broken(),
        "story": stage.story(),
    }


def _word(said: Mapping[str, Any]) -> Callable[[Fill], tuple[int, FillStatus]]:
    """The last word on purchases of one leg; those of the other, and all sales, are final at once."""

    def spoken(fill: Fill) -> tuple[int, FillStatus]:
        meant = fill.market == MARKETS[said["leg"]] and fill.side is Side.BUY
        if not meant or (said.get("once") and fill.order_id not in spoken_of and spoken_of):
            return 1, FillStatus.FINAL
        spoken_of.add(fill.order_id)
        return int(said["after_s"] * 1000), FillStatus(said["says"])

    spoken_of: set[str] = set()
    return spoken


def _unhedged(stage: Rehearsal) -> list[int]:
    """Seconds of the first quarter of an hour at which the legs really held differently many shares: what the venue
    voided in the end was never there, and less than a lot is dust."""
    fills = [fill for order in stage.venue.placed() for fill in order.fills if fill.status is not FillStatus.VOID]
    found = []
    for second in range(1, _WATCHED_S):
        held = dict.fromkeys((A, B), Decimal(0))
        for fill in fills:
            if fill.at <= START + second * _SECOND:
                held[fill.market] += fill.shares
        if abs(held[A] - held[B]) >= _LOT:
            found.append(second)
    return found


@dataclass
class _Script:
    """Stands between the activities and the model exchange."""

    stage: Rehearsal
    given: Mapping[str, Any]
    copies: Counter[tuple[str, int]] = field(default_factory=Counter)
    used: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._submit, self._evidence = self.stage.venue.submit, self.stage.venue.evidence
        self.stage.venue.submit = self.submit  # type: ignore[method-assign]
        self.stage.venue.evidence = self.evidence  # type: ignore[method-assign]

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        self.copies[ticket.leg, ticket.attempt] += 1
        for place, row in enumerate(self.given.get("answers", ())):
            if self._meant(row, ticket) and self.used[place] < row.get("first", 10**9):
                self.used[place] += 1
                real = None
                if "arrives_after_s" in row:
                    due = self.stage.desk.now() + int(row["arrives_after_s"] * _SECOND)
                    self.stage.desk.at(due, lambda: self._submit(ticket))
                elif row.get("runs"):
                    real = await self._submit(ticket)
                return self._answer(row, ticket, real)
        return await self._submit(ticket)

    async def evidence(
        self, ticket: OrderTicket, *, order_id: str | None, sent_at: int, grace_ms: int
    ) -> OrderEvidence:
        for row in self.given.get("reads", ()):
            if not self._meant(row, ticket):
                continue
            if row["status"] == "unavailable":
                raise Unavailable("the venue could not be asked", "http_503")
            quiet_s = (self.stage.desk.now() - sent_at) / _SECOND
            status = OrderStatus(row["status"])
            if status is OrderStatus.ABSENT and quiet_s < row.get("quiet_s", 0):
                status = OrderStatus.UNSEEN
            return OrderEvidence(ticket.client_order_id, status, fresh_at=self.stage.desk.now())
        return await self._evidence(ticket, order_id=order_id, sent_at=sent_at, grace_ms=grace_ms)

    def _meant(self, row: Mapping[str, Any], ticket: OrderTicket) -> bool:
        into_it = (self.stage.desk.now() - START) / _SECOND
        return (
            row.get("leg", ticket.leg) == ticket.leg
            and row.get("attempt", ticket.attempt) == ticket.attempt
            and row.get("side", ticket.side.value) == ticket.side.value
            and into_it < row.get("until_s", 10**9)
        )

    def _answer(self, row: Mapping[str, Any], ticket: OrderTicket, real: SubmitResult | None) -> SubmitResult:
        now = self.stage.desk.now()
        if "code" in row:
            verdict = Verdict(row.get("verdict", "rejected"))
            return SubmitResult(verdict, row["code"], row.get("detail", ""), landed=row.get("landed", False), at=now)
        order_id = (real.order_id if real else None) or "0xabc"
        text = row["text"] if "text" in row else json.dumps(row.get("says", {}))
        placed = next((o for o in self.stage.venue.placed() if o.ticket == ticket), None)
        fills = placed.fills if placed is not None else ()
        text = text.replace("$SHARES", str(sum((fill.size for fill in fills), Decimal(0))))
        text = text.replace("$DOLLARS", str(sum((fill.gross for fill in fills), Decimal(0)).quantize(_MICRO)))
        body = text.replace("$ORDER", order_id).replace("$CLIENT_ID", ticket.client_order_id).encode()
        if row.get("as", "polymarket") == "kalshi":
            return kalshi.judge_answer(ticket.client_order_id, row.get("status", 201), body, now)
        return polymarket.judge_answer(order_id, ticket, row.get("status", 200), body, now)
