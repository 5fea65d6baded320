"""Orders: look, send, and ask what became of them. Each call is one activity; none repeats itself.

An order goes out in this sequence, and each place a crash can fall into leaves evidence behind:

    ledger row with the exact bytes → (later legs: the venue's book, read in the same step) → the wire → ledger row

Whoever asks is asked by what right first (`activities.authority`): Temporal is open to strangers.

An order that opens a trade leaves only after that ledger write has found no halt in force and the capital free; what
keeps it from finding out (the ledger away, slow, or refusing us) denies the order too, and so does a halt of the flag,
which stands without a ledger and is read as the order is about to leave. Every other order closes or bounds what is
open: no halt stops it, and neither does an absent ledger.

What a venue answers passes a last judge before it becomes part of a trade (`domain.plausible`), whichever venue it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import structlog
from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.authority import Authority
from activities.heartbeat import heartbeats, pulsed
from activities.in_hand import held_against
from activities.send_bounds import BOUND, beyond_bounds
from domain.errors import BadInput, Denied, Halted, Rejected, SurefootError, Unavailable
from domain.evidence import OrderEvidence, OrderStatus
from domain.halt import Halt, covering
from domain.intent import Intent
from domain.market import MarketSpec, Venue
from domain.money import plain
from domain.orders import Guard, OrderTicket, PreparedOrder, Quote, Side, SubmitResult, Verdict
from domain.plausible import judged_evidence, judged_quote, judged_result
from domain.requests import CancelRequest, EvidenceRequest, QuoteRequest, SubmitRequest
from domain.validation import Obstacle, obstacles
from ledger.port import STRANGERS, OrderLedger
from venues.port import Pooled, VenueClient

log = structlog.get_logger(__name__)

_CASH_TTL_US = 1_000_000
_LEDGER_PATIENCE_S = 1.0
_ENTRY_PATIENCE_S = 1.0  # so that the halts an opening was weighed against are at most this old as it leaves

Observe = Callable[[OrderTicket, SubmitResult, Intent | None, int], None]
"""Told of each answer: ticket, result, the intent it opened if any, and our wall clock (µs) as the bytes left."""

Answered = Callable[[EvidenceRequest, OrderEvidence, int], None]
"""Told of each word of the venue on an order: what was asked, what it said, and our wall clock (µs) then."""


Permits = Callable[[Intent], Awaitable[Sequence[Obstacle]]]
"""What the accounts themselves forbid: allowances that are missing, on any leg. Raises as a venue's reads do."""

Flagged = Callable[[], Sequence[Halt]]
"""The halts that stand outside the ledger, now: see `domain.halt_flag`. Never raises."""


class OrderActivities:
    """Activities of the order desk for one run. `clock` is wall-clock microseconds."""

    def __init__(
        self,
        venues: Mapping[Venue, VenueClient],
        ledger: OrderLedger,
        run_id: str,
        clock: Callable[[], int],
        observe: Observe = lambda ticket, result, opening, sent: None,
        *,
        authority: Authority,
        answered: Answered = lambda request, evidence, at: None,
        permits: Permits | None = None,
        busy: Callable[[], str] = lambda: "",
        flagged: Flagged = lambda: (),
    ) -> None:
        """`authority` says who may send; `busy` what is under way already, as a trade is opened: empty while there is
        room for it."""
        self._venues = venues
        self._ledger = ledger
        self._run_id = run_id
        self._clock = clock
        self._observe = observe
        self._answered = answered
        self._permits = permits
        self._busy = busy
        self._authority = authority
        self._flagged = flagged
        self._cash: dict[Venue, tuple[int, Decimal, dict[str, Decimal]]] = {}

    @activity.defn(name="submit_order")
    async def submit_order(self, request: SubmitRequest) -> SubmitResult:
        """Send one order if its guard holds. Returns one of the four verdicts; raising means UNKNOWN to the caller."""
        ticket = request.ticket
        with bound_contextvars(
            intent=ticket.intent_id, trade=ticket.intent_id, market=ticket.market, order=ticket.client_order_id
        ):
            async with heartbeats():
                result = await self._submit(request)
            log.info(
                "order",
                purpose=ticket.purpose,
                verdict=result.verdict,
                code=result.code,
                filled=str(result.filled),
                size=str(ticket.size),
                limit=str(ticket.limit),
            )
            return result

    async def _submit(self, request: SubmitRequest) -> SubmitResult:
        ticket, guard, opening = request.ticket, request.guard, request.opening
        try:
            chain = await self._authority.may_send(ticket, request.intent, request.origin)
        except (Denied, Unavailable, BadInput) as stranger:
            return _stranger(stranger, self._clock())
        try:
            client = self._client(ticket.venue)
            prepared = await client.prepare(ticket)
            if ticket.purpose.entry:
                self._refuse_busy()
                await self._refuse_obstacles(_intent_of(ticket, opening))
            recorded, quote, beyond = await asyncio.gather(
                self._begin(ticket, prepared, opening, chain),
                _quote(client, ticket.market) if guard.recheck else _nothing(),
                beyond_bounds(self._ledger, ticket, request.intent),
            )
            _refuse_beyond(beyond)
            if quote is not None:
                _refuse_moved(ticket, guard, quote)
        except Denied as refused:
            if refused.code in STRANGERS:
                await self._authority.tell(f"order {ticket.client_order_id}", refused)
                return _stranger(refused, self._clock())
            return await self._denied(ticket, refused, None)
        except Halted as halted:
            return await self._denied(ticket, Denied(halted.message, halted.code or "halted"), None)
        except (Unavailable, Rejected, BadInput) as refused:  # BadInput: a ledger that refuses us
            return await self._denied(ticket, Denied(refused.message, refused.code or "unavailable"), None)
        except BookMoved as moved:
            return await self._denied(ticket, Denied(moved.message, moved.code), moved.quote)
        if ticket.purpose.entry and (over := covering(self._flagged(), _intent_of(ticket, opening))):
            return await self._denied(ticket, Denied(str(over[0]), "halted"), quote)
        now = self._clock()
        not_after = guard.not_after if opening is None else min(guard.not_after, opening.expires_at)
        if now > not_after:
            late = (now - not_after) // 1000
            return await self._denied(
                ticket, Denied(f"{late} ms past the last moment it was worth sending; nothing was sent", "late"), quote
            )
        answered = await client.submit(ticket)
        result = replace(judged_result(ticket, answered, self._clock()), quote=quote)
        if result.code != answered.code:
            log.error("an answer that cannot be true of what was signed", code=result.code, detail=result.detail)
        self._observe(ticket, result, opening, now)
        await self._finish(ticket, result, None if recorded else (prepared, now, chain))
        return result

    def _client(self, venue: Venue) -> VenueClient:
        client = self._venues.get(venue)
        if client is None:
            raise Denied(f"no account at {venue} is connected; configure it or drop its markets", "unknown_venue")
        return client

    def _refuse_busy(self) -> None:
        """Raise `Denied` while an opening would take its time from a hedge."""
        if busy := self._busy():
            raise Denied(f"{busy}; nothing was sent", "busy")

    async def _refuse_obstacles(self, intent: Intent) -> None:
        """Raise `Denied` naming every obstacle on any leg, before the first order exists."""
        specs: dict[tuple[Venue, str], MarketSpec] = {}
        cash: dict[Venue, Decimal] = {}
        pools: dict[Venue, dict[str, Decimal]] = {}
        for leg in intent.legs:
            client = self._venues.get(leg.venue)
            if client is None:
                continue  # `obstacles` names the venue that is not connected
            cash[leg.venue], pools[leg.venue] = await self._free_cash(client, leg.venue)
            try:
                specs[leg.venue, leg.market] = await client.market(leg.market)
            except Rejected:
                continue  # `obstacles` names the market that the venue does not know
        divided = {venue: held for venue, held in pools.items() if held}
        found = obstacles(intent, specs, cash, self._clock(), pools=divided)
        if self._permits is not None and not found:
            found += await self._permits(intent)
        if found:
            raise Denied("; ".join(obstacle.text for obstacle in found), found[0].code)

    async def _free_cash(self, client: VenueClient, venue: Venue) -> tuple[Decimal, dict[str, Decimal]]:
        """The account's cash, at most a second old, and its pools where the venue divides it. A second look: the
        ledger's free capital is the first, and the venue itself has the last word on collateral."""
        kept = self._cash.get(venue)
        if kept is None or not 0 <= self._clock() - kept[0] < _CASH_TTL_US:
            pools = await client.pools() if isinstance(client, Pooled) else {}
            cash = sum(pools.values(), Decimal(0)) if pools else await client.cash()
            kept = self._cash[venue] = (self._clock(), cash, pools)
        return kept[1], kept[2]

    async def _begin(self, ticket: OrderTicket, prepared: PreparedOrder, opening: Intent | None, chain: str) -> bool:
        """Record the bytes before they leave; whether that was done. Without a record no trade is opened, and the
        record is refused (`Halted`, `Denied`) by a halt in force and by capital that is not free. An order that closes
        an open leg goes out even while the ledger is away: Temporal has its ticket, which says every byte, and the
        record follows, at the latest when the trade settles.
        """
        entry = ticket.purpose.entry
        patience = _ENTRY_PATIENCE_S if entry else _LEDGER_PATIENCE_S
        try:
            async with asyncio.timeout(patience):
                await self._record_bytes(ticket, prepared, opening, self._clock(), chain)
        except TimeoutError:
            if entry:
                raise Unavailable(
                    f"the ledger did not answer within {patience:g} s, so no halt can be ruled out; nothing was sent",
                    "ledger_unavailable",
                ) from None
            log.warning("ledger slow; sending the closing order all the same")
        except (Unavailable, BadInput) as away:
            if entry:
                raise
            log.warning("ledger away; sending the closing order all the same", error=str(away))
        else:
            return True
        return False

    async def _finish(
        self, ticket: OrderTicket, result: SubmitResult, unrecorded: tuple[PreparedOrder, int, str] | None = None
    ) -> None:
        """Record the answer, and the bytes with their time if they left unrecorded. The result stands whether or not
        the ledger hears it now: settling writes both again."""
        try:
            async with asyncio.timeout(_LEDGER_PATIENCE_S):
                if unrecorded is not None:
                    prepared, at, chain = unrecorded
                    await self._record_bytes(ticket, prepared, None, at, chain)
                await self._ledger.finish_order(ticket, result)
        except (SurefootError, TimeoutError) as away:
            log.warning("answer not in the ledger yet", error=str(away))

    async def _record_bytes(
        self, ticket: OrderTicket, prepared: PreparedOrder, opening: Intent | None, at: int, chain: str
    ) -> None:
        await self._ledger.begin_order(
            self._run_id, opening, ticket, prepared.body, at, order_id=prepared.order_id, chain=chain
        )

    async def _denied(self, ticket: OrderTicket, refused: Denied, quote: Quote | None) -> SubmitResult:
        result = SubmitResult(Verdict.DENIED, refused.code, refused.message, sent=False, quote=quote, at=self._clock())
        await self._finish(ticket, result)
        return result

    @activity.defn(name="find_evidence")
    @pulsed
    async def find_evidence(self, request: EvidenceRequest) -> OrderEvidence:
        """The venue's word on one order; see `venues.port.VenueClient.evidence`. Raises while it cannot be asked, or
        says what cannot be; what is more than was signed for comes back marked `beyond`."""
        ticket = request.ticket
        try:
            listed = await self._venues[ticket.venue].evidence(
                ticket, order_id=request.order_id, sent_at=request.sent_at, grace_ms=request.grace_ms
            )
            evidence = await self._held_against_hand(ticket, judged_evidence(ticket, listed, self._clock()))
        except SurefootError as failure:
            raise retryable(failure) from None
        self._answered(request, evidence, self._clock())
        return evidence

    async def _held_against_hand(self, ticket: OrderTicket, evidence: OrderEvidence) -> OrderEvidence:
        """See `activities.in_hand`. A ledger that cannot be asked proves no absence; a dead order's count stands."""
        if evidence.status not in (OrderStatus.ABSENT, OrderStatus.DONE):
            return evidence
        try:
            async with asyncio.timeout(_LEDGER_PATIENCE_S):
                hand = await self._ledger.in_hand(ticket.intent_id)
        except (SurefootError, TimeoutError):
            absent = evidence.status is OrderStatus.ABSENT
            return replace(evidence, status=OrderStatus.UNSEEN) if absent else evidence
        return held_against(hand, ticket, evidence, self._clock())

    @activity.defn(name="take_quote")
    @pulsed
    async def take_quote(self, request: QuoteRequest) -> Quote:
        try:
            return await _quote(self._venues[Venue(request.venue)], request.market)
        except SurefootError as failure:
            raise retryable(failure) from None

    @activity.defn(name="cancel_order")
    @pulsed
    async def cancel_order(self, request: CancelRequest) -> None:
        """Cancel one order of the trade that asks. Whoever may not hears nothing: a cancel's answer proves nothing."""
        try:
            await self._authority.may_cancel(request.ticket, request.origin.intent, request.origin)
        except (Denied, Unavailable, BadInput):  # told already
            return
        try:
            await self._venues[request.ticket.venue].cancel(request.ticket.market, request.order_id)
        except SurefootError as failure:
            raise retryable(failure) from None


def _intent_of(ticket: OrderTicket, opening: Intent | None) -> Intent:
    """The intent an entry opens. Without one neither halts nor obstacles can be looked at: nothing is sent."""
    if opening is None:
        raise Denied(
            f"{ticket.client_order_id} opens a trade but came without its intent; halts cannot be checked", "no_intent"
        )
    return opening


def _stranger(refused: SurefootError, at: int) -> SubmitResult:
    """The answer to somebody else's order. Not a word of it goes into the ledger."""
    return SubmitResult(Verdict.DENIED, refused.code or "denied", refused.message, sent=False, at=at)


class BookMoved(Exception):
    """The recheck saw a book that a later leg may not be sent into."""

    def __init__(self, message: str, code: str, quote: Quote) -> None:
        super().__init__(message)
        self.message, self.code, self.quote = message, code, quote


def _refuse_beyond(why: str) -> None:
    if why:
        raise Denied(f"{why}; nothing was sent", BOUND)


def _refuse_moved(ticket: OrderTicket, guard: Guard, quote: Quote) -> None:
    """Raise `BookMoved` unless the book is fresh, sound, and deep enough at the ticket's limit."""
    age_ms = (quote.answered_at - quote.asked_at) // 1000
    if age_ms > guard.max_quote_age_ms:
        raise BookMoved(f"the book took {age_ms} ms to read, allowed {guard.max_quote_age_ms}", "stale", quote)
    if quote.bids and quote.asks and quote.bids[0][0] >= quote.asks[0][0]:
        raise BookMoved(f"the book is crossed ({quote.bids[0][0]} bid, {quote.asks[0][0]} asked)", "crossed", quote)
    buying = ticket.side is Side.BUY
    levels = quote.asks if buying else quote.bids
    within = [size for price, size in levels if (price <= ticket.limit if buying else price >= ticket.limit)]
    depth = sum(within, Decimal(0))
    if depth < guard.min_depth:
        best = f"best {plain(levels[0][0])}" if levels else "no offers"
        raise BookMoved(
            f"{plain(depth)} shares at {plain(ticket.limit)} or better, needed {plain(guard.min_depth)} ({best})",
            "moved",
            quote,
        )


def retryable(failure: SurefootError) -> ApplicationError:
    """A failed question, for Temporal to ask again within the caller's time."""
    return ApplicationError(failure.message, type=type(failure).__name__)


async def _quote(client: VenueClient, market: str) -> Quote:
    return judged_quote(market, await client.quote(market))


async def _nothing() -> None:
    return None
