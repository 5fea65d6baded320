"""What must hold after a world, judged by the venues' own books and by the bytes that left. Nothing here is shared with
what it judges.

    | check    | promise                                                                                          |
    |----------|--------------------------------------------------------------------------------------------------|
    | raised   | nothing comes out of a client, an activity or the lifecycle but the errors they may raise (while |
    | frozen   | the world runs); every trade goes on                                                             |
    | silent   | a trade that is STUCK says what it saw (while the world runs)                                    |
    | ends     | a person's `unwind` ends it once answers are honest: it closes                                   |
    | bytes    | one body an order; no more than `MOST_COPIES` copies, none later than `LATEST_S` after the first |
    | counts   | the record's fills are those of the venue: each once, none else, to the last unit                |
    | alone    | what stands alone by the venue's books is what the trade says stands alone                       |
    | cash     | opening cash and the ledger's entries are the venue's cash, to the last unit                     |
    | at rest  | the venue holds no share and no working order of a closed trade after payment                    |
    | patient  | an order that the venue has, and lists honestly, leaves no trade STUCK, whatever its answer said |
    | runaway  | the venue never filled more than a few times what the trade was for                              |
    | memory   | no client read more than `transport.MOST_BYTES` of one answer                                    |

An answer that is wrong and cannot be told from a right one by anybody (`lies.CONTENT`) may leave a count or a sum that
only a comparison of accounts finds. In such a world the system's own comparison must find something: see `doubtful`.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.snapshot import LedgerFacts
from domain.trade import TradeState
from proof.wire_fuzz.kinds import SUBMIT
from proof.wire_fuzz.lies import CONTENT, RIGHT
from proof.wire_fuzz.plan import CASH
from proof.wire_fuzz.world import World

MOST_COPIES = 10
"""How often an order's bytes may leave. A copy is sent while its fate is open and one more still serves; eight of them,
with growing pauses, reach over any outage that a trade may wait for, and two more are a worker's that was cut off."""

LATEST_S = 900
"""How long after the first copy the last may leave: beyond the longest deadline of a policy (10 minutes) and a poll."""

_MOST_TIMES = 4
_MICRO = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill in the venue's own books: signed shares and cash, fee included."""

    venue: str
    market: str
    order_id: str
    shares: Decimal
    cash: Decimal


def check(world: World) -> tuple[list[str], bool]:
    """Everything that does not hold after `world.run()`, and whether it differs in what only accounts can show."""
    wrong = list(world.broken)
    line, record = world.line, world.record
    if line is not None:
        wrong += _bytes(world)
        wrong += [f"memory: {each}" for each in line.greedy[:1]]
    if not world.audit:
        return wrong, False
    traded = list(_traded(world.audit))
    wrong += [*_runaway(world, traded), *_patient(world)]
    if record is None:
        return wrong, False
    if record.state is not TradeState.CLOSED or record.outcome is None:
        wrong.append(f"ends: it came back as {record.state}, outcome {record.outcome}")
    differs = [*_counts(world, traded), *_alone(world, traded), *_cash(world, traded), *_at_rest(world)]
    if differs and doubtful(world):
        if world.findings:
            return wrong, True
        differs.append("unseen: a wrong answer was believed, and the comparison of accounts finds nothing")
    return wrong + differs, False


def doubtful(world: World) -> bool:
    """Whether an answer was wrong in its content: nobody but a comparison of accounts can find what came of it."""
    return any(name.partition(":")[0] in CONTENT and times for name, times in world.liar.counts.items())


def _traded(audit: dict[str, Any]) -> Iterator[Traded]:
    for row in audit["kalshi"]["account"]["fills"]:
        sign = 1 if row["side"] == "bid" else -1
        count, price = Decimal(row["count"]) / _MICRO, Decimal(row["price"]) / _MICRO
        cash = -sign * count * price - Decimal(row["fee"]) / _MICRO
        yield Traded("kalshi", row["ticker"], row["order_id"], sign * count, cash)
    for row in audit["polymarket"]["trades"]:
        if row["status"] != "FAILED":
            shares, cash = Decimal(row["shares"]) / _MICRO, Decimal(row["cash"]) / _MICRO
            yield Traded("polymarket", row["token"], row["order_id"], shares, cash)


def _bytes(world: World) -> Iterator[str]:
    assert world.line is not None
    sent: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for copy in world.line.copies:
        sent[_name(copy.body)].append((copy.at, hashlib.sha256(copy.body).hexdigest()))
    for name, copies in sent.items():
        seconds = (copies[-1][0] - copies[0][0]) / 1_000_000
        if len({digest for _, digest in copies}) > 1:
            yield f"bytes: order {name} left in {len({digest for _, digest in copies})} different bodies"
        if len(copies) > MOST_COPIES or seconds > LATEST_S:
            yield f"bytes: order {name} left {len(copies)} times in {seconds:.0f} s"


def _name(body: bytes) -> str:
    """What the venue knows an order by before it has an id: Kalshi's client order id, Polymarket's salt."""
    told = json.loads(body)
    return str(told.get("client_order_id") or told["order"]["salt"])


def _runaway(world: World, traded: list[Traded]) -> Iterator[str]:
    intent = world.plan.intent
    for leg in intent.legs:
        moved = [one for one in traded if (one.venue, one.market) == (leg.venue.value, leg.market)]
        bought = sum((one.shares for one in moved if one.shares > 0), Decimal(0))
        if bought > _MOST_TIMES * leg.size:
            yield f"runaway: {bought} of {leg.market} were bought for a trade of {leg.size}"


def _patient(world: World) -> Iterator[str]:
    """Judged where every request was carried out and every read answered rightly: submits alone were spoiled."""
    lies = [name.partition(":") for name, times in world.liar.counts.items() if times and not name.startswith(RIGHT)]
    if any(kind != SUBMIT for _, _, kind in lies) or world.liar.withheld or world.record is None:
        return
    for step in world.record.steps:
        if step.text.startswith("Stuck:") and "outcome" in step.text:
            yield f"patient: {step.text[:120]}, though the venue lists it"
            return


def _counts(world: World, traded: list[Traded]) -> Iterator[str]:
    record = world.record
    assert record is not None
    theirs: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for one in traded:
        sums = theirs[one.market, one.order_id.lower()]
        sums[0] += one.shares
        sums[1] += one.cash
    ours: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    seen: set[tuple[str, str, str]] = set()
    for fill in record.fills:
        if fill.status == "void":
            continue
        key = (fill.venue.value, fill.trade_id, fill.order_id)
        if key in seen:
            yield f"counts: fill {fill.trade_id} of order {fill.order_id} is in the record twice"
        seen.add(key)
        gross = fill.price * fill.size if fill.paid is None else fill.paid
        sign = 1 if fill.side == "buy" else -1
        sums = ours[fill.market, fill.order_id.lower()]
        sums[0] += sign * fill.size
        sums[1] += -sign * gross - fill.fee
    for name in sorted({*theirs, *ours}):
        (shares, cash), (said, booked) = theirs[name], ours[name]
        if shares != said:
            yield f"counts: order {name[1]} traded {shares} by the venue, {said} by the record"
        elif cash != booked:
            yield f"counts: order {name[1]} moved ${cash} by the venue, ${booked} by the record"


def _alone(world: World, traded: list[Traded]) -> Iterator[str]:
    record, legs = world.record, world.plan.intent.legs
    assert record is not None
    held = [
        sum((one.shares for one in traded if (one.venue, one.market) == (leg.venue.value, leg.market)), Decimal(0))
        for leg in legs
    ]
    alone = max(held) - min(held)
    if alone != record.residual:
        yield f"alone: {alone} stand alone by the venue's books, {record.residual} by the record ({record.outcome})"


def _cash(world: World, traded: list[Traded]) -> Iterator[str]:
    facts = _facts(world)
    first = world.plan.first_wins
    session = world.plan.session
    wins = {session.markets[0].market, session.conditions[0].token}
    if not first:
        wins = {session.markets[1].market, session.markets[2].complement}
    for venue in ("kalshi", "polymarket"):
        booked = sum((entry.amount for entry in facts.cash if entry.venue.value == venue), Decimal(0))
        real = Decimal(CASH) / _MICRO
        for one in traded:
            if one.venue == venue:
                real += one.cash + (one.shares if one.market in wins else Decimal(0))
        if booked != real:
            yield f"cash: ${real} at {venue} by its books, ${booked} by the ledger"


def _at_rest(world: World) -> Iterator[str]:
    for ticker, shares in world.audit["kalshi"]["account"]["positions"].items():
        yield f"at rest: {Decimal(shares) / _MICRO} of {ticker} are held after its market paid"
    for order in world.audit["polymarket"]["book"]:
        if order["status"] in ("LIVE", "DELAYED"):
            yield f"at rest: order {order['order_id']} still works"


def _facts(world: World) -> LedgerFacts:
    reading = world.ledger.snapshot()
    try:
        reading.send(None)
    except StopIteration as done:
        facts: LedgerFacts = done.value.facts
        return facts
    raise RuntimeError("a read of what is in memory waited")
