"""Domain values to rows and back. A row is a dict by column name; money is text on the way in, exact either way."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from domain.decisions import Gate, Suppression
from domain.errors import Denied
from domain.evidence import Fill, FillStatus, Redemption
from domain.exposure import exposed, own_fills
from domain.intent import Intent, canonical, id_of
from domain.market import Venue
from domain.operator import Action, CommandRecord
from domain.orders import OrderTicket, Purpose, Side, SubmitResult, TimeInForce, Verdict
from domain.snapshot import Capital, CashEntry, OrderFacts, Reservation, Send
from domain.trade import OrderRecord, Outcome, Step, TradeRecord, TradeState


class Row(Protocol):
    """Columns by name: a dict, or the driver's record."""

    def __getitem__(self, column: str, /) -> Any: ...


_FILL_RANK = {FillStatus.PROVISIONAL: 1, FillStatus.FINAL: 2, FillStatus.VOID: 3}
_VERDICT_RANK = {None: 0, Verdict.DENIED: 1, Verdict.UNKNOWN: 2, Verdict.REJECTED: 3, Verdict.ACCEPTED: 4}

_NEVER = 2**63

OUTSIDE = -1
"""The number of a command recorded where it was given, before its trade took it."""

BEGUN = -1
"""The revision of a trade that was begun with its first order and has written no record of its own."""


def rows_json(*rows: dict[str, Any]) -> str:
    """Rows as the text of a JSON array; Decimals become strings, which Postgres reads exactly."""
    return json_text(rows)


def json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# ---------------------------------------------------------------------- in


def intent_row(intent: Intent, run_id: str) -> dict[str, Any]:
    text = canonical(intent)
    return {
        "intent_id": id_of(text),
        "run_id": run_id,
        "strategy": intent.strategy,
        "strategy_version": intent.strategy_version,
        "pair": intent.pair,
        "size": intent.size,
        "payoff": intent.payoff,
        "edge": intent.edge,
        "planned_cost": intent.planned_cost,
        "worst_cost": intent.worst_cost,
        "decided_at": intent.decided_at,
        "expires_at": intent.expires_at,
        "canonical": text,
    }


def begun_row(intent_id: str, intent: Intent, run_id: str, at: int) -> dict[str, Any]:
    """The trade of a leg A about to leave: planned, its worst cost reserved."""
    zero = Decimal(0)
    return {
        "intent_id": intent_id,
        "run_id": run_id,
        "state": TradeState.PLANNED,
        "outcome": None,
        "hedged": zero,
        "unwound": zero,
        "residual": zero,
        "pnl": zero,
        "reserved": intent.worst_cost,
        "revision": BEGUN,
        "at": at,
    }


def trade_row(record: TradeRecord, run_id: str) -> dict[str, Any]:
    return {
        "intent_id": record.intent_id,
        "run_id": run_id,
        "state": record.state,
        "outcome": record.outcome,
        "hedged": record.hedged,
        "unwound": record.unwound,
        "residual": record.residual,
        "pnl": record.pnl,
        "reserved": record.reserved,
        "revision": record.revision,
        "at": record.at,
    }


def begun_reservation(intent_id: str, intent: Intent, ticket: OrderTicket, at: int) -> dict[str, Any]:
    """What leg A puts at risk the moment it leaves."""
    at_risk = exposed(intent, TradeState.PLANNED, (OrderRecord(ticket, None, settled=False, filled=Decimal(0)),))
    return {"intent_id": intent_id, "revision": BEGUN, "reserved": intent.worst_cost, "exposed": at_risk, "at": at}


def reservation_row(intent: Intent, record: TradeRecord) -> dict[str, Any]:
    return {
        "intent_id": record.intent_id,
        "revision": record.revision,
        "reserved": record.reserved,
        "exposed": exposed(intent, record.state, record.orders, own_fills(intent, record.fills)),
        "at": record.at,
    }


def ticket_row(ticket: OrderTicket) -> dict[str, Any]:
    return {
        "client_order_id": ticket.client_order_id,
        "intent_id": ticket.intent_id,
        "leg": ticket.leg,
        "attempt": ticket.attempt,
        "purpose": ticket.purpose,
        "venue": ticket.venue,
        "market": ticket.market,
        "side": ticket.side,
        "size": ticket.size,
        "price_limit": ticket.limit,
        "tif": ticket.tif,
        "post_only": ticket.post_only,
        "body_sha256": None,
        "sends": 0,
        "first_sent_at": 0,
        "last_sent_at": 0,
        "verdict": None,
        "code": "",
        "detail": "",
        "order_id": None,
        "filled": Decimal(0),
        "settled": False,
        "foreign_id": ticket.foreign_id,
        "decided_at": ticket.decided_at,
        "expires_at": ticket.expires_at,
    }


def result_row(ticket: OrderTicket, result: SubmitResult) -> dict[str, Any]:
    """An order and its answer. Refused means settled here; the store keeps it open if another copy had left."""
    return ticket_row(ticket) | {
        "verdict": result.verdict,
        "code": result.code,
        "detail": result.detail,
        "order_id": result.order_id,
        "filled": result.filled,
        "settled": result.verdict in (Verdict.REJECTED, Verdict.DENIED),
    }


def order_row(order: OrderRecord) -> dict[str, Any]:
    """An order as its trade knows it: settled only if the trade says so."""
    row = ticket_row(order.ticket) if order.result is None else result_row(order.ticket, order.result)
    return row | {"filled": order.filled, "settled": order.settled}


def step_rows(record: TradeRecord) -> list[dict[str, Any]]:
    return [
        {"intent_id": record.intent_id, "n": n, "at": step.at, "state": step.state, "text": step.text}
        for n, step in enumerate(record.steps)
    ]


def fill_rows(fills: Iterable[Fill]) -> list[dict[str, Any]]:
    """Each key once (with the highest status seen) and in key order, so that two writers never wait crosswise."""
    best: dict[tuple[str, str, str], Fill] = {}
    for fill in fills:
        key = fill_key(fill)
        if key not in best or outranks(fill.status, best[key].status):
            best[key] = fill
    return [_fill_row(best[key]) for key in sorted(best)]


def fill_key(fill: Fill) -> tuple[str, str, str]:
    return (fill.venue, fill.trade_id, fill.order_id)


def outranks(status: FillStatus, other: FillStatus) -> bool:
    """Whether `status` is later in a fill's life: provisional, final, void."""
    return _FILL_RANK[status] > _FILL_RANK[other]


def at_least_as_sure(verdict: Verdict | None, other: Verdict | None) -> bool:
    """Whether `verdict` may replace `other`: denied < unknown < rejected < accepted."""
    return _VERDICT_RANK[verdict] >= _VERDICT_RANK[other]


def suppression_row(item: Suppression, run_id: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "strategy": item.strategy,
        "pair": item.pair,
        "gate": item.gate,
        "at": item.at,
        "detail": item.detail,
        "edge": item.edge,
        "size": item.size,
    }


def different_bytes(ticket: OrderTicket, digest: str) -> Denied:
    """The refusal to let an order id leave with a second body."""
    return Denied(
        f"order {ticket.client_order_id} ({ticket.leg}{ticket.attempt} of {ticket.intent_id}) was sent before with "
        f"another body than {digest[:12]}…; a changed order needs the next attempt number. Nothing was sent",
        "different_bytes",
    )


def _fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "venue": fill.venue,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "client_order_id": fill.client_order_id,
        "market": fill.market,
        "side": fill.side,
        "price": fill.price,
        "size": fill.size,
        "fee": fill.fee,
        "at": fill.at,
        "status": fill.status,
        "taker": fill.taker,
        "merged": fill.merged,
        "paid": fill.paid,
    }


def capital_row(held: Capital) -> dict[str, Any]:
    return {
        "intent_id": held.intent_id,
        "venue": held.venue,
        "reserved": held.reserved,
        "cash": held.cash,
        "released_at": held.released_at,
    }


def command_row(intent_id: str, n: int, command: CommandRecord) -> dict[str, Any]:
    return {
        "intent_id": intent_id,
        "n": n,
        "action": command.action,
        "author": command.author,
        "reason": command.reason,
        "answer": command.answer,
        "at": command.at,
    }


def command_rows(record: TradeRecord) -> list[dict[str, Any]]:
    return [command_row(record.intent_id, n, command) for n, command in enumerate(record.commands)]


def redemption_row(redemption: Redemption) -> dict[str, Any]:
    return {
        "venue": redemption.venue,
        "market": redemption.market,
        "intent_id": redemption.intent_id,
        "shares": redemption.shares,
        "payout": redemption.payout,
        "cash": redemption.cash,
        "at": redemption.at,
    }


# ---------------------------------------------------------------------- out


def intent_of(text: str) -> Intent:
    """The intent behind its canonical text; its id is that of the original."""
    return msgspec.json.decode(text, type=Intent)


def order_of(row: Row) -> OrderFacts:
    ticket = OrderTicket(
        intent_id=row["intent_id"],
        leg=row["leg"],
        attempt=row["attempt"],
        purpose=Purpose(row["purpose"]),
        venue=Venue(row["venue"]),
        market=row["market"],
        side=Side(row["side"]),
        size=row["size"],
        limit=row["price_limit"],
        tif=TimeInForce(row["tif"]),
        post_only=row["post_only"],
        foreign_id=row["foreign_id"],
        decided_at=row["decided_at"],
        expires_at=row["expires_at"],
    )
    return OrderFacts(
        ticket=ticket,
        client_order_id=row["client_order_id"],
        verdict=Verdict(row["verdict"]) if row["verdict"] is not None else None,
        code=row["code"],
        detail=row["detail"],
        order_id=row["order_id"],
        filled=row["filled"],
        settled=row["settled"],
        sends=row["sends"],
        first_sent_at=row["first_sent_at"],
        last_sent_at=row["last_sent_at"],
    )


def in_story_order(orders: Iterable[OrderFacts]) -> tuple[OrderFacts, ...]:
    """By first send; what never left comes by attempt, after it."""
    return tuple(sorted(orders, key=lambda o: (o.first_sent_at or _NEVER, o.ticket.leg, o.ticket.attempt)))


def fill_of(row: Row) -> Fill:
    return Fill(
        venue=Venue(row["venue"]),
        trade_id=row["trade_id"],
        order_id=row["order_id"],
        client_order_id=row["client_order_id"],
        market=row["market"],
        side=Side(row["side"]),
        price=row["price"],
        size=row["size"],
        fee=row["fee"],
        at=row["at"],
        status=FillStatus(row["status"]),
        taker=row["taker"],
        merged=row["merged"],
        paid=row["paid"],
    )


def suppression_of(row: Row) -> Suppression:
    return Suppression(
        row["strategy"], row["pair"], Gate(row["gate"]), row["detail"], row["edge"], row["size"], row["at"]
    )


def send_of(row: Row) -> Send:
    return Send(row["client_order_id"], row["n"], row["sha256"], row["at"])


def cash_of(row: Row) -> CashEntry:
    return CashEntry(Venue(row["venue"]), row["kind"], row["ref"], row["amount"], row["at"], row["intent_id"])


def capital_of(row: Row) -> Capital:
    return Capital(row["intent_id"], Venue(row["venue"]), row["reserved"], row["cash"], row["released_at"])


def command_of(row: Row) -> CommandRecord:
    return CommandRecord(Action(row["action"]), row["author"], row["reason"], row["answer"], row["at"])


def redemption_of(row: Row) -> Redemption:
    return Redemption(Venue(row["venue"]), row["market"], row["intent_id"], row["shares"], row["payout"], row["at"])


def reservation_of(row: Row) -> Reservation:
    return Reservation(row["revision"], row["reserved"], row["exposed"], row["at"])


def step_of(row: Row) -> Step:
    return Step(row["at"], TradeState(row["state"]), row["text"])


def outcome_of(text: str | None) -> Outcome | None:
    return Outcome(text) if text is not None else None
