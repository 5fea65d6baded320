"""Trades brought to a chosen moment and held there by the exchange, whichever process carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import psutil
from temporalio.client import Client

from domain.intent import Intent
from domain.orders import client_order_id
from proof.chaos.paths import PATHS
from proof.chaos.system import System, until
from workers.local.seals import load_seal_keys
from workers.starter import search_attributes
from workflows import names

_ANSWER_WAIT_MS = 12_000  # less than an order activity may take; the exchange lets go when its faults are cleared
_PER_CASE = 5


class Moment(StrEnum):
    """Where a trade is when the lights go out."""

    A_UNANSWERED = "A sent and unanswered"
    BETWEEN = "A filled and B's recheck under way"
    B_UNANSWERED = "B sent and unanswered"


def calm_intent() -> Intent:
    """Five shares of a pair that stands a few cents below a dollar, decided now; no two are alike."""
    make = next(path.make for path in PATHS if path.name == "hedged")
    assert make is not None
    return make(0)


@dataclass(slots=True)
class Held:
    """Trades that wait at one moment, and by process name the trades it carries."""

    intents: list[Intent]
    carriers: dict[str, list[str]]


async def hold_trades(system: System, client: Client, moment: Moment) -> Held:
    """Start trades until worker and ingest both carry one, and all of them are held at `moment`."""
    await system.ask("DELETE", "/faults")
    held = Held([], {})
    keys = load_seal_keys(system.stack)
    if moment is Moment.BETWEEN:
        leg_b = calm_intent().legs[1].market
        reads = {"method": "GET", "path_prefix": f"/trade-api/v2/markets/{leg_b}/orderbook"}
        await system.hold(reads, ms=_ANSWER_WAIT_MS, times=1_000)
    while len(held.intents) < _PER_CASE or len(held.carriers) < 2:
        assert len(held.intents) < 40, f"one process takes every trade: {held.carriers.keys()}"
        fresh = [calm_intent() for _ in range(_PER_CASE)]
        if moment is not Moment.BETWEEN:
            leg = "A" if moment is Moment.A_UNANSWERED else "B"
            orders = [{"method": "POST", "client_order_id": client_order_id(i.id, leg, 1)} for i in fresh]
            await system.hold(*orders, ms=_ANSWER_WAIT_MS)
        for intent in fresh:
            await client.start_workflow(
                names.TRADE_WORKFLOW,
                args=[intent, None, keys.intent(intent.id)],
                id=intent.id,
                task_queue=names.TRADE_QUEUE,
                task_timeout=timedelta(milliseconds=system.stack.settings.worker.task_timeout_ms),
                search_attributes=search_attributes(intent),
            )
        held.intents += fresh

        async def all_held(wanted: int = len(held.intents)) -> bool:
            return await system.held() >= wanted

        await until(all_held, f"{len(held.intents)} trades at: {moment}")
        for intent in fresh:
            name = await _carrier(system, client, intent.id)
            if name is not None:
                held.carriers.setdefault(name, []).append(intent.id)
    return held


async def _carrier(system: System, client: Client, trade: str) -> str | None:
    """The process that runs the trade's order activity, by the pid in its worker's identity.

    None if a machine that stood still for two seconds has let the activity's heartbeat lapse meanwhile.
    """
    described = await client.get_workflow_handle(trade).describe()
    for pending in described.raw_description.pending_activities:
        pid = int(pending.last_worker_identity.partition("@")[0])
        records = system.records().items()
        return next((name for name, record in records if record.pid == pid), psutil.Process(pid).name())
    return None


def leg_orders(intents: Sequence[Intent], leg: str) -> set[str]:
    """Client order ids of the first order of `leg` of each trade."""
    return {client_order_id(intent.id, leg, 1) for intent in intents}
