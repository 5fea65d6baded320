"""The person in a chaos run: finds what is stuck by its search attribute, and ends it from the command line.

Run as `surefoot-proof chaos.operator ARGUMENTS…` it is `surefoot ARGUMENTS…` whose Temporal calls are points of the
plan too: the command line may die before or after its update reached the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.client import Client

from domain.errors import Unavailable
from domain.halt import Rule
from domain.intent import IntentLeg
from domain.orders import OrderTicket, Purpose
from proof.chaos.system import Ended, System, surefoot
from workers.accounts import venue_clients
from workers.local.books import now, open_ledger
from workers.seam import PLAN_VARIABLE
from workflows import names

_SEEN_S = 10.0  # visibility is written after the fact
_AUTHOR = "chaos"
_REASON = ("--author", _AUTHOR, "--reason", "no way out within the loss budget")


async def command(
    system: System, action: str, trade: str, plan_file: Path | None = None, more: Sequence[str] = ()
) -> Ended:
    """`surefoot ACTION TRADE`; with a plan, by a process that may be told to die on the way."""
    if plan_file is None:
        return await surefoot(system.folder, action, trade, *more, *_REASON)
    tapped = {PLAN_VARIABLE: str(plan_file)}
    return await surefoot(system.folder, action, trade, *more, *_REASON, env=tapped, module=__name__)


async def trade_by_hand(system: System, leg: IntentLeg, name: str) -> tuple[str, ...]:
    """Buy what `leg` lacks at the exchange itself, at any price; returns how `surefoot adopt` is told of that order.

    Raises `Unavailable` if the exchange did not take it.
    """
    ticket = OrderTicket(
        intent_id=f"by hand, {name}, {now()}",
        leg=leg.name,
        attempt=1,
        purpose=Purpose.ADOPTED,
        venue=leg.venue,
        market=leg.market,
        side=leg.side,
        size=leg.size,
        limit=Decimal("0.99"),
    )
    async with venue_clients(system.stack) as clients:
        result = await clients[leg.venue].submit(ticket)
    if result.order_id is None:
        raise Unavailable(f"an order by hand was not taken: {result.verdict} {result.detail}", "chaos")
    return ("--venue", leg.venue.value, "--order", result.order_id)


async def find_stuck(client: Client, trade: str) -> bool:
    """Whether the trade is found as a person finds it in Temporal's UI: by state."""
    query = f"{names.SEARCH_STATE} = 'STUCK' AND WorkflowId = '{trade}'"
    async with asyncio.timeout(_SEEN_S):
        while True:
            async for _ in client.list_workflows(query):
                return True
            await asyncio.sleep(0.1)


async def seen_stuck(client: Client, trade: str, problems: list[str]) -> None:
    try:
        await find_stuck(client, trade)
    except TimeoutError:
        problems.append(f"trade {trade} is stuck, and {names.SEARCH_STATE} = 'STUCK' does not find it")


async def halt(system: System, market: str) -> None:
    """Stop one market, for good. Raises `Unavailable` if that was refused."""
    ended = await surefoot(system.folder, "halt", "--market", market, *_REASON)
    if ended.code != 0:
        raise Unavailable(f"surefoot halt ended with {ended.code}: {ended.err.strip()}", "chaos")


_STAY = (Rule.OPERATOR, Rule.WORKFLOW_FAULT)  # a person's, and what ends by itself


async def lift_halts(system: System, say: Callable[[str], None]) -> int:
    """Lift what a rule has halted since, so that the next round can open trades; returns how many there were."""
    async with open_ledger(system.stack) as ledger:
        set_by_rule = [standing for standing in await ledger.halts() if standing.rule not in _STAY]
        for standing in set_by_rule:
            await ledger.clear_halt(standing.id, _AUTHOR, "the next round", now())
    for standing in set_by_rule[:1]:
        say(f"  {len(set_by_rule)} halts by rule lifted, such as {standing}")
    return len(set_by_rule)


def main() -> None:
    from cli.main import run  # noqa: PLC0415
    from proof.chaos.taps import tapped_client  # noqa: PLC0415 - reads the plan

    connect = Client.connect

    async def tapped(*arguments: Any, **named: Any) -> Client:
        return tapped_client(await connect(*arguments, **named))

    Client.connect = staticmethod(tapped)  # type: ignore[method-assign]
    run()


if __name__ == "__main__":
    main()
