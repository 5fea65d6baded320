"""Handing full sets back: a ticket of purpose MERGE as a request on chain, with verdicts and evidence like an order's.

A merge takes a share of each outcome of one condition and gives a dollar. Its ticket names the set (the condition id),
the size in sets and the payoff as its limit. Only tokens of confirmed trades can be merged: a merge right after its
buys fails on chain, without effect, and may be tried again as a new attempt. What each answer proves is in the tables
of `venues.polymarket.carry`; done and carried out means all sets, with a fill for each token, the first of which
carries the payoff.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from domain.errors import Denied, Rejected, Unavailable
from domain.evidence import Fill, OrderEvidence, OrderStatus
from domain.market import Venue
from domain.money import Inexact, plain, to_micros
from domain.orders import OrderTicket, PreparedOrder, Purpose, Side, SubmitResult, Verdict
from venues.polymarket.calls import Call, Condition, merge
from venues.polymarket.carry import Carrier, Progress
from venues.polymarket.chain import ChainRequest
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Relayer
from venues.polymarket.wallet import Wallet
from venues.wire import wall_clock_us

_ONE = Decimal(1)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FullSet:
    """A condition and its two tokens: what a merge takes."""

    condition: Condition
    tokens: tuple[str, str]


class Merger:
    """Carries out the merges of one wallet. `set_of` reads a condition's tokens by its id; `clock` is wall-clock
    microseconds. The journal's folder must be the same for every process that merges for this wallet."""

    def __init__(
        self,
        wallet: Wallet,
        relayer: Relayer,
        journal: ChainJournal,
        set_of: Callable[[str], Awaitable[FullSet]],
        *,
        clock: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._carrier = Carrier(wallet, relayer, journal, clock=clock)
        self._journal = journal
        self._set_of = set_of
        self._clock = clock

    async def prepare(self, ticket: OrderTicket) -> PreparedOrder:
        """The request's bytes, the same ever after the first time; the id is the digest that was signed. Raises
        `Denied` for a ticket that is no merge or that the chain cannot carry, `Unavailable` if the relayer cannot say
        which nonce is next."""
        request = await self._request(ticket)
        return PreparedOrder(request.body, request.digest)

    async def submit(self, ticket: OrderTicket) -> SubmitResult:
        """Send the request once. Accepted means under way: nothing is handed back yet."""
        try:
            request = await self._request(ticket)
        except (Denied, Unavailable, Rejected) as refused:
            code = refused.code or "unavailable"
            return SubmitResult(Verdict.DENIED, code, refused.message, sent=False, at=self._clock())
        sent = await self._carrier.send(ticket.client_order_id, request)
        return SubmitResult(
            sent.verdict,
            sent.code,
            sent.detail,
            order_id=None if sent.verdict is Verdict.REJECTED else request.digest,
            remaining=ticket.size if sent.verdict is Verdict.ACCEPTED else _ZERO,
            sent=sent.sent,
            at=self._clock(),
        )

    async def evidence(self, ticket: OrderTicket, *, grace_ms: int) -> OrderEvidence:
        """The relayer's word on a merge. Raises `Unavailable` when it cannot be asked."""
        name = ticket.client_order_id
        seen = await self._carrier.progress(name, grace_ms=grace_ms)
        now = self._clock()
        if seen.status in (OrderStatus.UNSEEN, OrderStatus.ABSENT):
            return OrderEvidence(name, seen.status, fresh_at=now, at=now)
        order_id = (await self._request(ticket)).digest
        fills: tuple[Fill, ...] = ()
        if seen.carried_out:
            fills = await self._fills(ticket, order_id, seen)
            self._journal.book(name, msgspec.json.encode(fills))
        return OrderEvidence(
            name,
            seen.status,
            order_id,
            filled=ticket.size if seen.carried_out else _ZERO,
            remaining=ticket.size if seen.status is OrderStatus.RESTING else _ZERO,
            fills=fills,
            fresh_at=now,
            at=now,
        )

    def merged(self) -> tuple[Fill, ...]:
        """The fills of every merge that was seen carried out, by any process of this wallet. The CLOB lists none of
        them: they are no trades."""
        return tuple(fill for kept in self._journal.booked() for fill in msgspec.json.decode(kept, type=list[Fill]))

    async def _request(self, ticket: OrderTicket) -> ChainRequest:
        _check(ticket)

        async def calls() -> Sequence[Call]:
            return [merge((await self._set_of(ticket.market)).condition, to_micros(ticket.size))]

        return await self._carrier.request(ticket.client_order_id, calls, f"merge {ticket.client_order_id}")

    async def _fills(self, ticket: OrderTicket, order_id: str, seen: Progress) -> tuple[Fill, ...]:
        tokens = (await self._set_of(ticket.market)).tokens
        return tuple(
            Fill(
                venue=Venue.POLYMARKET,
                trade_id=f"{seen.transaction_id}/{place}",
                order_id=order_id,
                client_order_id=ticket.client_order_id,
                market=token,
                side=Side.SELL,
                price=ticket.limit if place == 0 else _ZERO,
                size=ticket.size,
                fee=_ZERO,
                at=seen.done_at,
                merged=True,
            )
            for place, token in enumerate(tokens)
        )


def _check(ticket: OrderTicket) -> None:
    if ticket.purpose is not Purpose.MERGE:
        raise Denied(f"a ticket to {ticket.purpose.value} is no merge; expected an order's way for it", "bad_order")
    if ticket.limit != _ONE:
        raise Denied(
            f"a set of {ticket.market} for {plain(ticket.limit)} dollars; a set pays 1: expected limit 1", "bad_order"
        )
    try:
        micros = to_micros(ticket.size)
    except (Inexact, ArithmeticError, ValueError):
        micros = 0
    if micros <= 0:
        raise Denied(f"{plain(ticket.size)} sets cannot be merged; expected above 0, in steps of 0.000001", "bad_size")
