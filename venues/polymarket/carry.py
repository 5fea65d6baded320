"""Calls carried to the chain at most once: kept on disk, sent, looked after. What merges, redemptions and grants share.

Each undertaking has a name of its own. Its request is made once, under the nonce the relayer then names, and every copy
sent is those bytes. Undertakings of one wallet exclude each other at the relayer: a second one is refused as busy until
the first is through, and was then made under a nonce that is used. It is undertaken anew, under another name.

A refusal is believed only for a first copy: after that the reason may be the first copy itself.

| the relayer | first copy | a later copy |
|---|---|---|
| takes it | accepted | accepted |
| refuses (`wallet_busy`, `stale_nonce`, `http_4xx`) | rejected | unknown |
| was never reached | unknown, not sent | unknown, not sent |
| does not answer, 5xx | unknown | unknown |

| known of the request | status | why |
|---|---|---|
| never sent | unseen | nothing can be said of it |
| transaction new, executed, mined | resting | under way; it cannot be called back |
| transaction confirmed | done, carried out | the chain's word |
| transaction invalid, failed | done, without effect | likewise |
| no transaction id, its deadline passed and its nonce unused | absent | nobody can carry it out any more |
| no transaction id otherwise | unseen | it may yet be carried out; a person looks at the wallet if it stays so |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.errors import Rejected, Unavailable, Unknown
from domain.evidence import OrderStatus
from domain.orders import Verdict
from venues.polymarket.calls import Call, Condition, redeem, trading_approvals
from venues.polymarket.chain import LIFE_S, ChainRequest, chain_request
from venues.polymarket.journal import ChainJournal
from venues.polymarket.relayer import Relayer, Stage
from venues.polymarket.wallet import Wallet
from venues.wire import wall_clock_us

_SECOND_US = 1_000_000
_VAIN = (Stage.INVALID, Stage.FAILED)


@dataclass(frozen=True, slots=True)
class Sent:
    """How sending one copy ended; `verdict` is accepted, rejected or unknown. `sent` says whether bytes may have left,
    `transaction_id` is the relayer's where it took the request."""

    verdict: Verdict
    code: str = ""
    detail: str = ""
    sent: bool = True
    transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of an undertaking. `carried_out` is true once the chain confirmed it; `done_at` is when that was
    first seen (wall-clock microseconds), the same for whoever asks."""

    status: OrderStatus
    transaction_id: str = ""
    carried_out: bool = False
    done_at: int = 0


class Carrier:
    """Carries out calls of one wallet. `clock` is wall-clock microseconds. The journal's folder must be the same for
    every process that does so for this wallet."""

    def __init__(
        self, wallet: Wallet, relayer: Relayer, journal: ChainJournal, *, clock: Callable[[], int] = wall_clock_us
    ) -> None:
        self._wallet = wallet
        self._relayer = relayer
        self._journal = journal
        self.clock = clock

    async def request(
        self, name: str, calls: Callable[[], Awaitable[Sequence[Call]]], metadata: str = ""
    ) -> ChainRequest:
        """The request of that name: the one that is kept, or one made now of what `calls` answers, and kept. Raises
        what `calls` and `chain_request` raise, and as the relayer when it cannot name the next nonce."""
        kept = self._journal.request(name)
        if kept is not None:
            return kept
        made_of = await calls()
        turn = await self._relayer.turn(self._wallet)
        deadline = self.clock() // _SECOND_US + LIFE_S
        return self._journal.keep(
            name, chain_request(self._wallet, made_of, turn, deadline=deadline, metadata=metadata)
        )

    async def send(self, name: str, request: ChainRequest) -> Sent:
        """Send one copy of a request that is kept under that name. Never raises for an outcome."""
        first = self._journal.leave(name)
        try:
            carried = await self._relayer.submit(request.body)
        except Rejected as refused:
            if first:
                return Sent(Verdict.REJECTED, refused.code, refused.message)
            return Sent(Verdict.UNKNOWN, refused.code, f"{refused.message}; an earlier copy may be why")
        except Unavailable as away:
            return Sent(Verdict.UNKNOWN, away.code, away.message, sent=False)
        except Unknown as doubt:
            return Sent(Verdict.UNKNOWN, doubt.code, doubt.message)
        self._journal.taken(name, carried.transaction_id)
        detail = f"transaction {carried.transaction_id} of the relayer"
        return Sent(Verdict.ACCEPTED, detail=detail, transaction_id=carried.transaction_id)

    async def progress(self, name: str, *, grace_ms: int = 0) -> Progress:
        """How far it is. `grace_ms` is waited beyond the deadline before anything is said to be absent. Raises
        `Unavailable` when the relayer cannot be asked."""
        request = self._journal.request(name)
        if request is None or not self._journal.left(name):
            return Progress(OrderStatus.UNSEEN)
        transaction_id = self._journal.transaction(name)
        if transaction_id:
            stage = (await self._relayer.transaction(transaction_id)).stage
            if stage is Stage.CONFIRMED:
                done_at = self._journal.done(name, self.clock())
                return Progress(OrderStatus.DONE, transaction_id, carried_out=True, done_at=done_at)
            return Progress(OrderStatus.DONE if stage in _VAIN else OrderStatus.RESTING, transaction_id)
        void_at = request.deadline * _SECOND_US + grace_ms * 1_000
        void = bool(request.deadline) and self.clock() > void_at
        unused = void and (await self._relayer.turn(self._wallet)).nonce <= request.nonce
        return Progress(OrderStatus.ABSENT if unused else OrderStatus.UNSEEN)

    async def redeem(self, condition: Condition, held: tuple[int, int], *, attempt: int = 1) -> Sent:
        """Turn a resolved market's tokens into what they pay. `held` is what the wallet has of each outcome in units of
        1e-6. An attempt that failed is followed by the next; the same attempt again sends the same bytes. Its name is
        `redeem-<condition>-<attempt>`. Raises as `request`."""

        async def calls() -> Sequence[Call]:
            return redeem(condition, held)

        name = f"redeem-{condition.condition_id}-{attempt}"
        return await self.send(name, await self.request(name, calls, f"redeem {condition.condition_id}"))

    async def grant(self, *, attempt: int = 1) -> Sent:
        """Grant all that trading needs (`trading_approvals`), in one request. Its name is `grant-<wallet>-<attempt>`.
        Raises as `request`."""

        async def calls() -> Sequence[Call]:
            return trading_approvals()

        name = f"grant-{self._wallet.maker}-{attempt}"
        return await self.send(name, await self.request(name, calls, "trading approvals"))
