"""Handing full sets back: a ticket of purpose MERGE as a request on chain, with verdicts and evidence like an order's.

A merge takes a share of each outcome of one condition and gives a dollar. Its ticket names the set (the condition id),
the size in sets and the payoff as its limit. Only tokens of confirmed trades can be merged: a merge right after its
buys fails on chain, without effect, and may be tried again as a new attempt.

Submit. A refusal is believed only for a first copy: after that the reason may be the first copy itself.

| the relayer | first copy | a later copy |
|---|---|---|
| takes it | accepted, nothing handed back yet | the same |
| refuses (`wallet_busy`, `stale_nonce`, `http_4xx`) | rejected | unknown |
| was never reached | unknown, not sent | unknown, not sent |
| does not answer, 5xx | unknown | unknown |

Evidence.

| known of the request | status | why |
|---|---|---|
| transaction new, executed, mined | resting | under way; it cannot be called back |
| transaction confirmed | done, all sets, a fill a token | the chain's word; the first fill carries the payoff |
| transaction invalid, failed | done, nothing | it had no effect |
| no transaction id, its deadline passed unused | absent | nobody can carry it out any more |
| no transaction id otherwise | unseen | it may yet be carried out; a person looks at the wallet if it stays so |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import Denied, Rejected, Unavailable, Unknown
from domain.evidence import Fill, OrderEvidence, OrderStatus
from domain.market import Venue
from domain.money import Inexact, plain, to_micros
from domain.orders import OrderTicket, PreparedOrder, Purpose, Side, SubmitResult, Verdict
from venues.polymarket.calls import Condition, merge
from venues.polymarket.chain import LIFE_S, ChainRequest, chain_request
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Relayer, Stage
from venues.polymarket.wallet import Wallet
from venues.wire import wall_clock_us

_SECOND_US = 1_000_000
_ONE = Decimal(1)


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
        self._wallet = wallet
        self._relayer = relayer
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
        """Send the request once; verdicts as in the table above."""
        try:
            request = await self._request(ticket)
        except (Denied, Unavailable, Rejected) as refused:
            return SubmitResult(
                Verdict.DENIED, refused.code or "unavailable", refused.message, sent=False, at=self._clock()
            )
        name = ticket.client_order_id
        first = self._journal.leave(name)
        code, why, sent = "", "", True
        try:
            carried = await self._relayer.submit(request.body)
        except Rejected as refused:
            if first:
                return SubmitResult(Verdict.REJECTED, refused.code, refused.message, at=self._clock())
            code, why = refused.code, f"{refused.message}; an earlier copy may be why"
        except Unavailable as away:
            code, why, sent = away.code, away.message, False
        except Unknown as doubt:
            code, why = doubt.code, doubt.message
        else:
            self._journal.taken(name, carried.transaction_id)
            return SubmitResult(
                Verdict.ACCEPTED,
                detail=f"transaction {carried.transaction_id} of the relayer",
                order_id=request.digest,
                remaining=ticket.size,
                at=self._clock(),
            )
        return SubmitResult(Verdict.UNKNOWN, code, why, order_id=request.digest, sent=sent, at=self._clock())

    async def evidence(self, ticket: OrderTicket, *, grace_ms: int) -> OrderEvidence:
        """The relayer's word on a merge. Raises `Unavailable` when it cannot be asked."""
        now, name = self._clock(), ticket.client_order_id
        request = self._journal.request(name)
        if request is None or not self._journal.left(name):
            return OrderEvidence(name, OrderStatus.UNSEEN, at=now)
        transaction_id = self._journal.transaction(name)
        if not transaction_id:
            void_at = request.deadline * _SECOND_US + grace_ms * 1_000
            unused = (
                bool(request.deadline)
                and now > void_at
                and ((await self._relayer.turn(self._wallet)).nonce <= request.nonce)
            )
            status = OrderStatus.ABSENT if unused else OrderStatus.UNSEEN
            return OrderEvidence(name, status, fresh_at=now, at=now)
        carried = await self._relayer.transaction(transaction_id)
        if carried.stage is Stage.CONFIRMED:
            fills = await self._fills(ticket, request, transaction_id, self._journal.done(name, now))
            return OrderEvidence(
                name, OrderStatus.DONE, request.digest, filled=ticket.size, fills=fills, fresh_at=now, at=now
            )
        if carried.stage in (Stage.INVALID, Stage.FAILED):
            return OrderEvidence(name, OrderStatus.DONE, request.digest, fresh_at=now, at=now)
        return OrderEvidence(name, OrderStatus.RESTING, request.digest, remaining=ticket.size, fresh_at=now, at=now)

    async def _request(self, ticket: OrderTicket) -> ChainRequest:
        _check(ticket)
        kept = self._journal.request(ticket.client_order_id)
        if kept is not None:
            return kept
        call = merge((await self._set_of(ticket.market)).condition, to_micros(ticket.size))
        turn = await self._relayer.turn(self._wallet)
        deadline = self._clock() // _SECOND_US + LIFE_S
        made = chain_request(self._wallet, [call], turn, deadline=deadline, metadata=f"merge {ticket.client_order_id}")
        return self._journal.keep(ticket.client_order_id, made)

    async def _fills(
        self, ticket: OrderTicket, request: ChainRequest, transaction_id: str, at: int
    ) -> tuple[Fill, ...]:
        tokens = (await self._set_of(ticket.market)).tokens
        return tuple(
            Fill(
                venue=Venue.POLYMARKET,
                trade_id=f"{transaction_id}/{place}",
                order_id=request.digest,
                client_order_id=ticket.client_order_id,
                market=token,
                side=Side.SELL,
                price=ticket.limit if place == 0 else Decimal(0),
                size=ticket.size,
                fee=Decimal(0),
                at=at,
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
