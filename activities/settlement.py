"""The last word on a trade: every order as the venue counts it, every fill in the ledger, then at rest or closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars
from temporalio import activity

from activities.authority import Authority
from activities.heartbeat import pulsed
from activities.in_hand import AGAINST_FILLS, fills_of, held_against
from activities.orders import retryable
from domain.errors import Denied, SurefootError, Unavailable
from domain.evidence import Fill, OrderEvidence, OrderStatus, within_its_second
from domain.exposure import realised_pnl, split, unhedged_notional_seconds
from domain.halt import Halt, Rule, Scope
from domain.intent import Intent
from domain.market import Venue
from domain.money import plain
from domain.orders import OrderTicket, Purpose, Verdict
from domain.plausible import judged_evidence
from domain.requests import Origin, RecordRequest, Settlement, SettleRequest
from domain.trade import DONE_TRADING, OrderRecord, TradeRecord, TradeState
from ledger.capital import overfilled
from ledger.port import HaltLedger, InHand, OrderLedger
from venues.port import VenueClient

log = structlog.get_logger(__name__)

AUTHOR = "settlement"


class SettlementLedger(OrderLedger, HaltLedger, Protocol):
    """What writes trades, and may stop others."""


Rested = Callable[[TradeRecord, Decimal], None]
"""Told of each record of a trade in SETTLING or CLOSED, maybe more than once, with its unhedged dollar-seconds."""


class SettlementActivities:
    """Activities that read the venue's counts and write trades into the ledger."""

    def __init__(
        self,
        venues: Mapping[Venue, VenueClient],
        ledger: SettlementLedger,
        run_id: str,
        clock: Callable[[], int],
        rested: Rested = lambda record, unhedged: None,
        *,
        authority: Authority,
    ) -> None:
        """`authority` says who may write."""
        self._venues = venues
        self._ledger = ledger
        self._run_id = run_id
        self._clock = clock
        self._rested = rested
        self._authority = authority

    @activity.defn(name="settle_trade")
    @pulsed
    async def settle_trade(self, request: SettleRequest) -> Settlement:
        """Compare the trade's counts with the venue's, and write it as it rests into the ledger if they agree.

        While the venue may still void a fill, it is written as HEDGED instead. Raises (and is asked again) while the
        venue's reads lag behind what it has already said or behind fills in the ledger, or either cannot be asked.
        """
        intent, record = request.intent, request.record
        with bound_contextvars(intent=record.intent_id, trade=record.intent_id):
            if not await self._may_write(intent, record, request.origin):
                return Settlement(agrees=True, evidence=(), record=record)  # it ends, and leaves no trace here
            try:
                hand = await self._ledger.in_hand(record.intent_id)
                strays = await self._strays(hand, record)
                asked = [o for o in record.orders if _may_have_filled(o) or _has_fills(hand, o)]
                evidence = [await self._final_word(intent, order, hand) for order in asked]
                if not _agree(record, evidence):
                    log.warning("the venue counts other fills than the trade; adopted")
                    return Settlement(agrees=False, evidence=tuple(evidence), record=record)
                told = [*evidence, *strays]
                await self._record_arrivals(request, _by_fills(intent, record, told, final=False))
                final = not any(item.provisional for item in evidence)
                rested = _by_fills(intent, record, told, final=final)
                await self._ledger.record_trade(self._run_id, intent, rested)
            except SurefootError as failure:
                raise retryable(failure) from None
            if final:
                self._rested(rested, unhedged_notional_seconds(intent, rested.fills, self._clock()))
            log.info("trade at rest", state=rested.state, outcome=rested.outcome, pnl=str(rested.pnl))
            return Settlement(agrees=True, evidence=tuple(evidence), record=rested, final=final)

    async def _record_arrivals(self, request: SettleRequest, unrested: TradeRecord) -> None:
        """Give every order the venue may have seen its record of bytes sent. One that closes a leg may have left while
        the ledger was away; its ticket says every byte. An order listed nowhere counts too: a copy may have been
        refused."""
        record = request.record
        arrived = [order for order in record.orders if order.result is None or order.result.sent]
        known = await asyncio.gather(*(self._ledger.order_outcome(o.ticket.client_order_id) for o in arrived))
        unrecorded = [order for order, facts in zip(arrived, known, strict=True) if facts is None or not facts.sends]
        if unrecorded and any(order.ticket.purpose is Purpose.ADOPTED for order in record.orders):
            # What hedges an adopted order is taken by a ledger that knows of the adoption alone.
            await self._ledger.record_trade(self._run_id, request.intent, unrested)
        for order in unrecorded:
            ticket = order.ticket
            at = order.result.at if order.result is not None else self._clock()
            prepared = await self._venues[ticket.venue].prepare(ticket)
            await self._ledger.begin_order(
                self._run_id, None, ticket, prepared.body, at, order_id=prepared.order_id, chain=request.origin.chain
            )

    async def _final_word(self, intent: Intent, order: OrderRecord, hand: InHand) -> OrderEvidence:
        """Counts that can no longer change, with a fill for every share. Raises `Unavailable` until there are some."""
        ticket = order.ticket
        order_id = order.result.order_id if order.result is not None else None
        client = self._venues[ticket.venue]
        if ticket.purpose is Purpose.ADOPTED and order_id is not None:
            adopted = named_evidence(ticket, (await client.look_up(order_id)).evidence)
            return judged_evidence(ticket, adopted, self._clock())
        listed = await client.evidence(
            ticket, order_id=order_id, sent_at=order.result.at if order.result else 0, grace_ms=0
        )
        # Judged under the name the venue gives it: renamed, another order's row would pass for this one's.
        evidence = named_evidence(ticket, judged_evidence(ticket, listed, self._clock()))
        if order.result is not None:
            answered = order.result.at
            evidence = replace(evidence, fills=tuple(within_its_second(fill, answered) for fill in evidence.fills))
        evidence = await self._beside_hand(hand, ticket, evidence)
        if evidence.status is OrderStatus.ABSENT and not order.filled:
            return evidence
        sets_told = ticket.purpose is not Purpose.MERGE or len({f.market for f in evidence.fills}) == len(intent.legs)
        if not evidence.complete or (evidence.filled and not sets_told):
            raise Unavailable(
                f"the venue lists {ticket.client_order_id} as {evidence.status} with {evidence.filled} filled and "
                f"{len(evidence.fills)} fills; waiting for its reads to catch up",
                "reads_lag",
            )
        return evidence

    async def _strays(self, hand: InHand, record: TradeRecord) -> list[OrderEvidence]:
        """The venue's word on each order that the trade has forgotten (refused, and filled all the same by the ledger):
        nothing filled. Raises `Unavailable` while it says, or may yet say, anything else."""
        known = {order.ticket.client_order_id for order in record.orders}
        known |= {order.result.order_id for order in record.orders if order.result and order.result.order_id}
        found = []
        for order in hand.orders:
            own = {order.client_order_id, order.order_id}
            if known & own or not fills_of(hand, order.ticket, order.order_id):
                continue
            listed = await self._venues[order.ticket.venue].evidence(
                order.ticket, order_id=order.order_id, sent_at=order.last_sent_at, grace_ms=0
            )
            judged = named_evidence(order.ticket, judged_evidence(order.ticket, listed, self._clock()))
            evidence = await self._beside_hand(hand, order.ticket, judged)
            if evidence.status not in (OrderStatus.ABSENT, OrderStatus.DONE) or evidence.filled:
                raise Unavailable(
                    f"the ledger holds fills of {order.client_order_id}, which this trade counts as refused; adopt it, "
                    f"or ask the venue what became of it (it says {evidence.status}, {plain(evidence.filled)} filled)",
                    AGAINST_FILLS,
                )
            found.append(evidence)
        return found

    async def _beside_hand(self, hand: InHand, ticket: OrderTicket, listed: OrderEvidence) -> OrderEvidence:
        """See `held_against`. Nothing new is opened in a market where fills were told that its venue's list does not
        have, until a person has looked."""
        evidence = held_against(hand, ticket, listed, self._clock())
        void = evidence.fills[len(listed.fills) :]
        if void:
            told = ", ".join(f"{plain(fill.size)} at {plain(fill.told_price)} ({fill.trade_id})" for fill in void)
            why = (
                f"the ledger was told of fills of order {ticket.client_order_id} of {ticket.intent_id} that "
                f"{ticket.venue}'s list of it has not had for long: {told}; they are void by that list, which says "
                f"{listed.status} with {plain(listed.filled)} of {plain(ticket.size)} filled"
            )
            log.error("fills in the ledger are void by the venue's list", why=why)
            where = f"{ticket.venue}/{ticket.market}"
            await self._ledger.set_halt(Halt("", Scope.MARKET, where, Rule.MISMATCH, AUTHOR, why, self._clock()))
        return evidence

    @activity.defn(name="record_trade")
    @pulsed
    async def record_trade(self, request: RecordRequest) -> None:
        if not await self._may_write(request.intent, request.record, request.origin):
            return
        try:
            await self._ledger.record_trade(self._run_id, request.intent, request.record)
            await self._halt_overfilled(request.intent, request.record)
        except SurefootError as failure:
            raise retryable(failure) from None

    async def _halt_overfilled(self, intent: Intent, record: TradeRecord) -> None:
        """Nothing new is opened where the venue traded more than was signed for, until a person has looked."""
        if record.reserved <= intent.worst_cost or record.state in DONE_TRADING:
            return
        for order in overfilled(record):
            ticket = order.ticket
            why = (
                f"order {ticket.client_order_id} of {record.intent_id} brought {plain(order.filled)} of "
                f"{plain(ticket.size)} signed, and the account's position says the same"
            )
            where = f"{ticket.venue}/{ticket.market}"
            await self._ledger.set_halt(Halt("", Scope.MARKET, where, Rule.MISMATCH, AUTHOR, why, self._clock()))

    async def _may_write(self, intent: Intent, record: TradeRecord, origin: Origin) -> bool:
        try:
            await self._authority.may_write(intent, record.intent_id, origin)
        except Denied:  # told already
            return False
        except SurefootError as failure:
            raise retryable(failure) from None
        return True


def _may_have_filled(order: OrderRecord) -> bool:
    """Refused orders have proved themselves; every other one is asked for."""
    return order.result is None or order.result.verdict not in (Verdict.DENIED, Verdict.REJECTED) or order.filled > 0


def _has_fills(hand: InHand, order: OrderRecord) -> bool:
    """Whether the ledger has heard of fills of the order, refused or not."""
    order_id = order.result.order_id if order.result is not None else None
    return bool(fills_of(hand, order.ticket, order_id))


def _agree(record: TradeRecord, evidence: list[OrderEvidence]) -> bool:
    counted = {item.client_order_id: item.filled for item in evidence}
    return all(counted.get(order.ticket.client_order_id, Decimal(0)) == order.filled for order in record.orders)


def named_evidence(ticket: OrderTicket, evidence: OrderEvidence) -> OrderEvidence:
    """The venue's word on an order, under the name its trade gave it: the venue may know it by another, or by none."""
    own = ticket.client_order_id
    fills = tuple(replace(fill, client_order_id=own) for fill in evidence.fills)
    return replace(evidence, client_order_id=own, fills=fills)


def _by_fills(intent: Intent, record: TradeRecord, evidence: list[OrderEvidence], *, final: bool) -> TradeRecord:
    """The record with its fills, and every figure derived from them alone.

    A trade whose fills are not all final keeps its whole reservation, and has not reached what its last step says.
    """
    fills: tuple[Fill, ...] = tuple(fill for item in evidence for fill in item.fills)
    shares = split(intent, fills)
    counted = replace(
        record,
        fills=fills,
        hedged=shares.hedged,
        unwound=shares.unwound,
        residual=shares.residual,
        pnl=realised_pnl(intent, fills, record.redemptions),
    )
    if not final:
        return replace(
            counted,
            state=TradeState.HEDGED,
            reserved=max(intent.worst_cost, record.reserved),
            steps=record.steps[:-1],
            entered=record.entered[:-1],
            redemptions=(),
        )
    if record.state is TradeState.CLOSED:
        return replace(counted, reserved=Decimal(0))
    spent = -sum((fill.cash for item in evidence for fill in item.standing), Decimal(0))
    return replace(counted, reserved=max(spent, Decimal(0)))
