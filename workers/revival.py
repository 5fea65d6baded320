"""Take up trades whose workflow is gone: read what ledger and venues know, number on beyond it, start a workflow.

    reviver = Reviver(client, ledger, venues, seal=keys.intent, clock=now, task_timeout_ms=2_000)
    done = await reviver.revive("i-…", "ada", "temporal.db was lost")

Only here is a workflow id used a second time, and only for a trade that is open in the ledger and that Temporal says no
run of is open. Everything that the trade decides from then on rests on evidence (`workflows.revival`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Denied, Rejected, Unavailable
from domain.evidence import ForeignOrder
from domain.intent import Intent, IntentLeg
from domain.market import Venue
from domain.money import plain
from domain.operator import Action, CommandRecord
from domain.orders import SETS, OrderTicket, Purpose, Side, client_order_id
from domain.plausible import IMPOSSIBLE
from domain.seal import Seal
from domain.snapshot import OrderFacts, TradeFacts
from domain.trade import TradeRecord, TradeState
from ledger.story import TradeStory
from venues.port import Account, VenueClient
from workers.starter import PAIR, search_attributes
from workflows import names
from workflows.revival import Remembered, Stray, revived, ticket_of

BEYOND = 5
"""How many attempts of each leg beyond the highest known one are asked for at the venue, and never used."""

QUIET_S = 15.0
"""An order activity may take so long, and knows nothing of its workflow's end."""

_MOST_SEARCHED = 200  # attempts whose names are looked for among what an account lists
_RPC_TIMEOUT = timedelta(seconds=5)
_START_DELAY = timedelta(seconds=5)  # the ledger learns which run carries the trade before that run can send


class RevivedLedger(Protocol):
    """What a revival asks of the ledger."""

    async def trade(self, wanted: str) -> TradeStory: ...

    async def open_trades(self) -> tuple[TradeFacts, ...]: ...

    async def order_at(self, venue: Venue, order_id: str) -> OrderFacts | None: ...

    async def take_over(self, intent_id: str, chain: str) -> bool: ...

    async def record_command(self, intent_id: str, command: CommandRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Revived:
    """`known` orders came from the ledger, `found` from the venues alone; `run` is the workflow's first run."""

    trade: str
    state: TradeState
    known: int
    found: int
    run: str


class Reviver:
    """An account that was read late enough for one trade serves the next as well."""

    def __init__(
        self,
        client: Client,
        ledger: RevivedLedger,
        venues: Mapping[Venue, VenueClient],
        *,
        seal: Callable[[str], Seal],
        clock: Callable[[], int],
        task_timeout_ms: int,
        queue: str = names.TRADE_QUEUE,
        quiet_s: float = QUIET_S,
    ) -> None:
        """`quiet_s` is how long after a workflow's end, or an order's last copy, nothing of its own leaves any more."""
        self._client = client
        self._ledger = ledger
        self._venues = venues
        self._seal = seal
        self._clock = clock
        self._task_timeout = timedelta(milliseconds=task_timeout_ms)
        self._queue = queue
        self._quiet_s = quiet_s
        self._accounts: dict[Venue, tuple[int, Account | None]] = {}
        self._fresh_from = 0

    async def orphans(self) -> list[str]:
        """Trades that are open in the ledger and that no workflow carries, the oldest decision first."""
        return [trade.id for trade in await self._ledger.open_trades() if await self._ended(trade.id) is not None]

    async def revive(self, trade_id: str, author: str, reason: str) -> Revived:
        """Start the workflow that carries the trade on. Raises `Denied` for a trade that has one, that is closed, or of
        which nothing was ever sent; `Unavailable` where ledger, Temporal or a venue cannot be asked: repeat it then.
        """
        story = await self._ledger.trade(trade_id)
        intent, trade = story.intent, story.trade
        if trade is None:
            raise Denied(f"no order of trade {intent.id} was ever begun; there is nothing to take up", "never_begun")
        if trade.state is TradeState.CLOSED:
            raise Denied(f"trade {intent.id} is closed; there is nothing to take up", "closed")
        ended_at = await self._ended(intent.id)
        if ended_at is None:
            raise Denied(f"a workflow carries trade {intent.id}; speak to it instead (unwind, hold, retry)", "running")
        await self._wait_until_quiet(max([ended_at, *(order.last_sent_at for order in story.orders)]))
        answer = "taken up again in a new workflow; evidence of every order is asked for first"
        await self._ledger.record_command(
            intent.id, CommandRecord(Action.REVIVE, author, reason, answer, self._clock())
        )
        story = await self._ledger.trade(intent.id)
        strays, taken = await self.beyond(intent, story.orders)
        known = Remembered(trade, story.orders, story.fills, story.steps, story.commands)
        memory = revived(intent, known, strays, taken, now=self._clock(), by=f"{author}: {reason}")
        try:
            handle = await self._client.start_workflow(
                names.TRADE_WORKFLOW,
                args=[intent, memory, self._seal(intent.id)],
                id=intent.id,
                task_queue=self._queue,
                result_type=TradeRecord,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                task_timeout=self._task_timeout,
                rpc_timeout=_RPC_TIMEOUT,
                start_delay=_START_DELAY,
                memo={PAIR: intent.pair},
                search_attributes=search_attributes(intent),
                static_summary=f"{plain(intent.size)} × {intent.pair}, taken up again",
            )
        except WorkflowAlreadyStartedError:
            raise Denied(f"a workflow carries trade {intent.id} by now; nothing was started", "running") from None
        except RPCError as error:
            raise Unavailable(
                f"Temporal did not start trade {intent.id}: {error.message}; repeat it", "temporal"
            ) from None
        run = handle.first_execution_run_id or ""
        await self._ledger.take_over(intent.id, run)
        return Revived(intent.id, trade.state, len(story.orders), len(strays), run)

    async def _wait_until_quiet(self, since: int) -> None:
        """What an ended workflow had under way may still leave for a moment: until then nobody can say what is there,
        and what an account said before that says nothing of it."""
        self._fresh_from = since + int(self._quiet_s * 1_000_000)
        left_s = (self._fresh_from - self._clock()) / 1_000_000
        if left_s > 0:
            await asyncio.sleep(min(left_s, self._quiet_s))

    async def _ended(self, trade_id: str) -> int | None:
        """When its newest run ended (µs; 0 where Temporal knows of none), None while one is open. Temporal's own word:
        where it does not answer nothing is taken up."""
        try:
            found = await self._client.get_workflow_handle(trade_id).describe(rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return 0
            raise Unavailable(
                f"Temporal cannot say whether trade {trade_id} runs: {error.message}; repeat it", "temporal"
            ) from None
        if found.status is None or found.status is WorkflowExecutionStatus.RUNNING or found.close_time is None:
            return None
        return int(found.close_time.timestamp() * 1_000_000)

    # ------------------------------------------------------------------ what the ledger was not told

    async def beyond(self, intent: Intent, known: Sequence[OrderFacts]) -> tuple[list[Stray], dict[str, int]]:
        """Orders of the trade's that the ledger lacks, and by leg the highest attempt that may have been used."""
        strays: list[Stray] = []
        taken: dict[str, int] = {SETS: BEYOND} if intent.set_id else {}
        for facts in known:
            ticket = facts.ticket
            taken[ticket.leg] = max(taken.get(ticket.leg, 0), ticket.attempt + (BEYOND if ticket.leg == SETS else 0))
        named = {facts.client_order_id for facts in known}
        for leg in intent.legs:
            client = self._venues.get(leg.venue)
            if client is None:
                raise Unavailable(f"trade {intent.id} needs {leg.venue}, which is not in use here", "unknown_venue")
            highest = taken.get(leg.name, 0)
            for attempt, order_id in await self._listed(intent, leg, named, client):
                strays.append(Stray(leg.name, attempt, await client.look_up(order_id)))
                highest = max(highest, attempt)
            found = {stray.attempt for stray in strays if stray.leg == leg.name}
            asked = highest
            while asked < highest + BEYOND:
                asked += 1
                order = None if asked in found else await _asked_for(intent, leg, asked, client)
                if order is not None:
                    strays.append(Stray(leg.name, asked, order))
                    highest = asked
            taken[leg.name] = asked
        return strays, taken

    async def _account(self, venue: Venue, client: VenueClient) -> Account:
        read_at, account = self._accounts.get(venue, (0, None))
        if account is None or read_at < self._fresh_from:
            read_at = self._clock()
            account = await client.account()
            self._accounts[venue] = (read_at, account)
        return account

    async def _listed(
        self, intent: Intent, leg: IntentLeg, named: set[str], client: VenueClient
    ) -> list[tuple[int, str]]:
        """Attempts of the leg among the account's fills and working orders, with the venue's ids of them."""
        account = await self._account(leg.venue, client)
        ours = {client_order_id(intent.id, leg.name, n): n for n in range(1, _MOST_SEARCHED + 1)}
        listed = [(one.client_order_id, one.order_id) for one in account.open_orders if one.market == leg.market]
        listed += [(one.client_order_id, one.order_id) for one in account.fills if one.market == leg.market]
        found: dict[int, str] = {}
        for name, order_id in dict.fromkeys(listed):
            if name in named:
                continue
            attempt = ours.get(name)
            if not name and attempt is None:
                attempt = await self._by_bytes(intent, leg, order_id, client)
            if attempt is not None:
                found[attempt] = order_id
        return sorted(found.items())

    async def _by_bytes(self, intent: Intent, leg: IntentLeg, order_id: str, client: VenueClient) -> int | None:
        """Which attempt an order without a name of ours is: the one whose ticket has its id. None for somebody else's,
        and for one that the ledger knows."""
        if await self._ledger.order_at(leg.venue, order_id) is not None:
            return None
        try:
            found = await client.look_up(order_id)
        except Rejected:
            return None
        for attempt in range(1, _MOST_SEARCHED + 1):
            if (await client.prepare(ticket_of(intent, leg, attempt, found))).order_id == order_id:
                return attempt
        return None


async def _asked_for(intent: Intent, leg: IntentLeg, attempt: int, client: VenueClient) -> ForeignOrder | None:
    """One attempt that nothing lists, asked for by its name. A venue whose ids follow from an order's bytes knows none
    by name: there an order without a fill, which is all that could be missed, is of no consequence."""
    for side in (Side.SELL, Side.BUY):
        ticket = OrderTicket(
            intent_id=intent.id,
            leg=leg.name,
            attempt=attempt,
            purpose=Purpose.UNWIND,
            venue=leg.venue,
            market=leg.market,
            side=side,
            size=intent.size,
            limit=leg.limit,
            decided_at=intent.decided_at,
        )
        if (await client.prepare(ticket)).order_id:
            return None
        try:
            seen = await client.evidence(ticket, order_id=None, sent_at=intent.decided_at, grace_ms=0)
        except Unavailable as failure:
            if failure.code != IMPOSSIBLE:
                raise
            continue  # it is there, on the other side
        return await client.look_up(seen.order_id) if seen.order_id else None
    return None
