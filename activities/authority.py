"""Who may make an order leave. Temporal is a bus that strangers may reach, so each activity asks before it acts.

| code            | refused is what                                         | but                                 |
|-----------------|---------------------------------------------------------|-------------------------------------|
| `not_its_trade` | asks without a workflow, from another type, by another id |                                   |
| `not_decided`   | is of an intent without our seal                        | one that the ledger has passes      |
| `closed`        | is of a trade that is over, without our seal            | of a sealed one the ledger says so  |
| `other_run`     | says that it continues a run which it does not          | the ledger says so of who opened it |
| `not_the_leg`   | is on another market, venue, leg or side                | whole sets may be handed back       |

The ledger refuses as well, as it records an order's bytes: what another run of the trade's workflow asks for
(`ledger.port.OrderLedger.begin_order`). While it is away, the seal alone authorises what closes a leg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from activities.caller import Calls
from domain.errors import BadInput, Denied, Unavailable
from domain.intent import Intent, IntentLeg
from domain.operator import is_sealed
from domain.orders import SETS, OrderTicket, Purpose
from domain.requests import CheckRequest, Origin
from domain.seal import SealKeys
from ledger.port import OriginLedger

log = structlog.get_logger(__name__)

_TRADE_WORKFLOW = "Trade"
_LEDGER_PATIENCE_S = 1.0
_QUIET_S = 60.0  # an alert of one kind at most so often: who can send one order can send thousands
_MOST_KNOWN = 4096

Tell = Callable[[str, str, str], Awaitable[None]]
"""Alert a person: its name, what was seen, what to do. Never raises."""


class Authority(Protocol):
    """Each raises `Denied` for what may not be; `Unavailable` or `BadInput` where it cannot be found out."""

    async def may_send(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> str:
        """The first run of the workflow that asks, for the ledger to weigh."""
        ...

    async def may_cancel(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> None: ...

    async def may_write(self, intent: Intent, trade: str, origin: Origin) -> None:
        """Whether what its workflow says of `trade` may go into the ledger."""
        ...

    async def commands(self, request: CheckRequest) -> bool:
        """Whether a command was given on this installation."""
        ...

    async def tell(self, what: str, refused: Denied) -> None:
        """The ledger refused a stranger."""
        ...


class Anybody:
    """Lets everything pass: for simulations and tests, where nobody else can ask."""

    async def may_send(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> str:
        return origin.chain

    async def may_cancel(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> None:
        return

    async def may_write(self, intent: Intent, trade: str, origin: Origin) -> None:
        return

    async def commands(self, request: CheckRequest) -> bool:
        return True

    async def tell(self, what: str, refused: Denied) -> None:
        return


class Seals:
    """The installation's own: by its keys and its ledger. What it refuses is told, once a minute for each reason."""

    def __init__(
        self,
        keys: SealKeys,
        ledger: OriginLedger,
        tell: Tell,
        calls: Calls,
    ) -> None:
        self._keys = keys
        self._ledger = ledger
        self._tell = tell
        self._calls = calls
        self._known: dict[str, Intent] = {}  # of trades without a seal: found in the ledger before, and not over then
        self._told: dict[str, float] = {}

    async def may_send(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> str:
        return await self._told_of(self._may_act(ticket, intent, origin, _sends), f"order {ticket.client_order_id}")

    async def may_cancel(self, ticket: OrderTicket, intent: Intent | None, origin: Origin) -> None:
        await self._told_of(self._may_act(ticket, intent, origin, _cancels), f"cancel of {ticket.client_order_id}")

    async def may_write(self, intent: Intent, trade: str, origin: Origin) -> None:
        await self._told_of(self._may_write(intent, trade, origin), f"record of trade {trade}")

    async def commands(self, request: CheckRequest) -> bool:
        command, caller = request.command, self._calls.caller()
        own = (caller.workflow_id, caller.workflow_type) == (request.intent_id, _TRADE_WORKFLOW)
        if own and is_sealed(self._keys, request.intent_id, request.action, command):
            return True
        await self._alert(
            "unsealed_command",
            f"{request.action} of trade {request.intent_id}, in the name of {command.author or 'nobody'} "
            f"({command.reason or 'no reason'}), carries no seal of this installation",
        )
        return False

    # ------------------------------------------------------------------ the rules

    async def _may_act(
        self, ticket: OrderTicket, intent: Intent | None, origin: Origin, fits: Callable[[OrderTicket, Intent], bool]
    ) -> str:
        chain = await self._own_workflow(ticket.intent_id, origin)
        decided = await self._decided(ticket.intent_id, intent, origin)
        if not fits(ticket, decided):
            raise Denied(
                f"{ticket.purpose} {ticket.side} of {ticket.market} at {ticket.venue} is on no leg of {decided.id}",
                "not_the_leg",
            )
        return chain

    async def _may_write(self, intent: Intent, trade: str, origin: Origin) -> str:
        chain = await self._own_workflow(trade, origin)
        _same(intent, trade)
        known = await self._ledger.decided(trade)
        if known is None:
            if not self._keys.decided(trade, origin.seal):
                raise _not_decided(trade)
        elif known.chain and known.chain != chain:
            raise Denied(f"another workflow opened trade {trade}; nothing was written", "other_run")
        return chain

    async def _own_workflow(self, trade: str, origin: Origin) -> str:
        """Its first run. It may say that it continues another; Temporal knows whether it does."""
        caller = self._calls.caller()
        if (caller.workflow_id, caller.workflow_type) != (trade, _TRADE_WORKFLOW):
            whose = f"{caller.workflow_type} {caller.workflow_id}" if caller.workflow_id else "no workflow"
            raise Denied(f"asked for by {whose}, not by workflow {_TRADE_WORKFLOW} {trade}", "not_its_trade")
        if origin.chain and origin.chain != caller.run_id and origin.chain != await self._calls.first_run(caller):
            raise Denied(f"run {caller.run_id} of {trade} does not continue {origin.chain}", "other_run")
        return origin.chain or caller.run_id or ""

    async def _decided(self, trade: str, intent: Intent | None, origin: Origin) -> Intent:
        """The intent, proven to be one that this installation decided."""
        if intent is not None:
            _same(intent, trade)
            if self._keys.decided(trade, origin.seal):
                return intent
        if trade in self._known:
            return self._known[trade]
        try:
            async with asyncio.timeout(_LEDGER_PATIENCE_S):
                known = await self._ledger.decided(trade)
        except (TimeoutError, Unavailable, BadInput) as away:
            raise Unavailable(
                f"{trade} carries no seal, and the ledger, which may know it, did not answer ({away}); nothing was "
                "sent. It is asked again",
                "ledger_unavailable",
            ) from None
        if known is None:
            raise _not_decided(trade)
        if known.closed and known.chain != origin.chain:
            raise Denied(f"trade {trade} is over; nothing was sent", "closed")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[trade] = known.intent
        return known.intent

    # ------------------------------------------------------------------ telling

    async def _told_of(self, asked: Awaitable[str], what: str) -> str:
        try:
            return await asked
        except Denied as refused:
            await self.tell(what, refused)
            raise

    async def tell(self, what: str, refused: Denied) -> None:
        await self._alert(refused.code or "denied", f"{what} refused: {refused.message}")

    async def _alert(self, code: str, text: str) -> None:
        log.error("refused: not decided or not commanded here", code=code, text=text)
        now = time.monotonic()
        if now - self._told.get(code, now - _QUIET_S) < _QUIET_S:
            return
        self._told[code] = now
        await self._tell(
            "stranger",
            text,
            "somebody else can reach Temporal; find out who (docs/security.md), and `surefoot halt --all` if in doubt",
        )


def _not_decided(trade: str) -> Denied:
    return Denied(f"{trade} carries no seal of this installation, and its ledger does not know it", "not_decided")


def _same(intent: Intent, trade: str) -> None:
    if intent.id != trade:
        raise Denied(f"came with intent {intent.id} in the name of {trade}", "not_its_trade")


def _sends(ticket: OrderTicket, intent: Intent) -> bool:
    """Whether the order is on a leg of the intent, or hands its whole sets back."""
    if ticket.leg == SETS:
        whole = ticket.purpose is Purpose.MERGE and bool(intent.set_id) and ticket.market == intent.set_id
        return whole and ticket.venue in intent.venues
    if ticket.purpose in (Purpose.MERGE, Purpose.ADOPTED):
        return False
    # What is given back may itself be more than stands: then an unwind takes it again, on the leg's own side.
    either = ticket.purpose is Purpose.UNWIND
    return any(_on(ticket, leg) and (either or ticket.side is leg.side) for leg in intent.legs)


def _cancels(ticket: OrderTicket, intent: Intent) -> bool:
    """Whether it is on a leg of the intent: an order that a person placed and the trade took over is cancelled too."""
    return any(_on(ticket, leg) for leg in intent.legs)


def _on(ticket: OrderTicket, leg: IntentLeg) -> bool:
    return (ticket.leg, ticket.venue, ticket.market) == (leg.name, leg.venue, leg.market)
