"""One two-leg trade in all its parts: 10 shares of AAA at 0.40 and 10 of BBB at 0.55, which together pay 1."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.evidence import Fill, Redemption
from domain.fees import FeeSchedule
from domain.intent import BookEvidence, Intent, IntentLeg, LegPolicy
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, Verdict
from domain.trade import OrderRecord, Outcome, Step, TradeRecord, TradeState

D = Decimal
START = 1_795_000_000_000_000  # an instant of 2026, in microseconds
SECOND = 1_000_000
A, B = "GAME-AAA", "GAME-BBB"
OPENING = D("1000.00")
RUN_ID = "run-1"


def intent(nonce: int = 0, *, size: str = "10", limit_a: str = "0.40", limit_b: str = "0.55") -> Intent:
    """`nonce` shifts the decision by a millisecond, which makes another intent."""
    at = START + nonce * 1_000
    fees = FeeSchedule()

    def leg(name: str, market: str, limit: str) -> IntentLeg:
        cost = D(limit) * D(size) + fees.trade_fee(D(limit), D(size))
        return IntentLeg(name, Venue.KALSHI, market, Side.BUY, D(size), D(limit), cost, fees)

    legs = (leg("A", A, limit_a), leg("B", B, limit_b))
    edge = D(size) - sum((one.expected_cost for one in legs), D(0))
    seen = (
        BookEvidence(A, D("0.38"), D(limit_a), 7, at - 5_000, at - 4_000),
        BookEvidence(B, None, D(limit_b), 9, at - 3_000, at - 2_000),
    )
    return Intent("pair", "1", "GAME", legs, D(1), edge, at, at + SECOND, LegPolicy(), seen)


def ticket(
    of: Intent,
    leg: str = "A",
    attempt: int = 1,
    *,
    purpose: Purpose = Purpose.OPEN,
    side: Side = Side.BUY,
    size: str = "10",
    limit: str | None = None,
) -> OrderTicket:
    planned = next(one for one in of.legs if one.name == leg)
    price = D(limit) if limit is not None else planned.limit
    return OrderTicket(of.id, leg, attempt, purpose, planned.venue, planned.market, side, D(size), price)


def body(of: OrderTicket) -> bytes:
    return f'{{"client_order_id":"{of.client_order_id}","price":"{of.limit}"}}'.encode()


def fill(of: OrderTicket, size: str | None = None, *, n: int = 1, price: str | None = None, at: int = START) -> Fill:
    """The n-th fill of an order, with the taker fee of its size and price."""
    shares = D(size) if size is not None else of.size
    paid = D(price) if price is not None else of.limit
    return Fill(
        venue=of.venue,
        trade_id=f"t-{of.leg}{of.attempt}-{n}-{of.intent_id[2:8]}",
        order_id=order_id(of),
        client_order_id=of.client_order_id,
        market=of.market,
        side=of.side,
        price=paid,
        size=shares,
        fee=FeeSchedule().trade_fee(paid, shares),
        at=at,
    )


def order_id(of: OrderTicket) -> str:
    return f"o-{of.leg}{of.attempt}-{of.intent_id[2:8]}"


def accepted(of: OrderTicket, filled: str | None = None) -> SubmitResult:
    return SubmitResult(
        Verdict.ACCEPTED, order_id=order_id(of), filled=D(filled) if filled is not None else of.size, at=START
    )


UNKNOWN = SubmitResult(Verdict.UNKNOWN, "timeout", "no answer within 2 s")
REJECTED = SubmitResult(Verdict.REJECTED, "insufficient_balance", "the venue has too little cash of ours")
DENIED = SubmitResult(Verdict.DENIED, "expired", "the intent expired 12 ms ago", sent=False)


def hedged(of: Intent, *, revision: int = 9) -> TradeRecord:
    """The closed record of a trade that went as planned, with both fills."""
    a, b = ticket(of, "A"), ticket(of, "B", purpose=Purpose.HEDGE)
    fills = (fill(a, at=START + 20_000), fill(b, at=START + 60_000))
    pnl = sum((one.cash for one in fills), D(0)) + of.size
    steps = (
        Step(START, TradeState.PLANNED, "Planned."),
        Step(START + 30_000, TradeState.LEG_A, "open A1: accepted, all filled at 0.4000"),
        Step(START + 70_000, TradeState.LEG_B, "hedge B1: accepted, all filled at 0.5500"),
        Step(START + 80_000, TradeState.CLOSED, "Closed: every filled share has its other side."),
    )
    return TradeRecord(
        intent_id=of.id,
        state=TradeState.CLOSED,
        outcome=Outcome.HEDGED,
        hedged=of.size,
        unwound=D(0),
        residual=D(0),
        pnl=pnl,
        reserved=D(0),
        orders=tuple(OrderRecord(one, accepted(one), settled=True, filled=one.size) for one in (a, b)),
        fills=fills,
        steps=steps,
        revision=revision,
        at=START + 80_000,
    )


def standing_on_a(of: Intent, *, revision: int = 4) -> TradeRecord:
    """The record of the same trade parked with leg A filled and leg B's outcome unknown."""
    a, b = ticket(of, "A"), ticket(of, "B", purpose=Purpose.HEDGE)
    done = hedged(of)
    return replace(
        done,
        state=TradeState.STUCK,
        outcome=None,
        hedged=D(0),
        residual=of.size,
        pnl=done.fills[0].cash,
        reserved=of.worst_cost,
        orders=(
            OrderRecord(a, accepted(a), settled=True, filled=a.size),
            OrderRecord(b, UNKNOWN, settled=False, filled=D(0)),
        ),
        fills=done.fills[:1],
        steps=(*done.steps[:2], Step(START + 70_000, TradeState.STUCK, "Stuck: an order's outcome is unknown.")),
        revision=revision,
        at=START + 70_000,
    )


def settling(of: Intent, *, revision: int = 9) -> TradeRecord:
    """The record of the same trade as it waits for its markets: all its fills final, its cash locked."""
    done = hedged(of, revision=revision)
    spent = -sum((one.cash for one in done.fills), D(0))
    return replace(done, state=TradeState.SETTLING, reserved=spent)


def paid_out(of: Intent, *, revision: int = 12) -> TradeRecord:
    """The closed record of the same trade once its markets have paid: AAA won."""
    paid = tuple(
        Redemption(Venue.KALSHI, market, of.id, of.size, D(payout), START + 90_000)
        for market, payout in ((A, 1), (B, 0))
    )
    return replace(hedged(of, revision=revision), redemptions=paid, at=START + 91_000)
