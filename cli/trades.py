"""trades and trade: what the ledger knows, as a list and as one story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import JsonFlag, options, out, print_json, say
from cli.recorded import open_ledger
from domain.errors import BadInput
from domain.money import plain
from domain.operator import Action, CommandRecord
from domain.trade import TradeState
from domain.workflow_fault import WorkflowFault
from ledger.story import TradeRow, TradeStory
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from workers.local.layout import Stack


def register(app: typer.Typer) -> None:
    app.command("trades")(trades)
    app.command("trade")(trade)


def trades(
    *,
    state: Annotated[TradeState | None, typer.Option("--state", case_sensitive=False, help="Only this state.")] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only those that ask for a person: --state STUCK.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    json_output: JsonFlag = False,
) -> None:
    """List trades, the newest decision first."""
    import asyncio

    from rich.table import Column, Table

    from cli import faults

    if stuck:
        if state not in (None, TradeState.STUCK):
            raise BadInput(f"--stuck and --state {state} exclude each other; give one of them", "state")
        state = TradeState.STUCK
    rows, standing, held = asyncio.run(_rows(options.stack(), state, limit))
    wrong: dict[str, list[WorkflowFault]] = {}
    for fault in standing:
        wrong.setdefault(fault.intent_id, []).append(fault)
    if json_output:
        print_json(
            [
                asdict(row)
                | {"held_by": held.get(row.intent_id)}
                | {"faults": [faults.plain(one) for one in wrong.get(row.intent_id, ())]}
                for row in rows
            ]
        )
        return
    for line in faults.lines(standing):
        out.print(line, markup=False, style="red")
    if not rows:
        say(f"no trades{f' in state {state}' if state else ''}")
        return
    table = Table("decided at", Column("trade", no_wrap=True), box=None)
    for name in ("pair", "state", "outcome", "shares", "hedged", "unwound", "residual", "P&L $"):
        table.add_column(name)
    for row in rows:
        shares = (plain(value) for value in (row.size, row.hedged, row.unwound, row.residual, row.pnl))
        marks = f", held by {held[row.intent_id]}" if row.intent_id in held else ""
        marks += "".join(f", {fault.kind}" for fault in wrong.get(row.intent_id, ()))
        table.add_row(iso(row.decided_at), row.intent_id, row.pair, row.state + marks, row.outcome or "open", *shares)
    out.print(table)
    if stuck:
        say("`surefoot trade ID` tells why, and what each way out would bring now")


async def _rows(
    stack: Stack, state: TradeState | None, limit: int
) -> tuple[tuple[TradeRow, ...], tuple[WorkflowFault, ...], dict[str, str]]:
    """Trades, what is wrong with some, and of those that are STUCK because a person holds them, who does."""
    async with open_ledger(stack) as ledger:
        rows = await ledger.trades(state=state, limit=limit)
        held: dict[str, str] = {}
        for row in rows:
            if row.state is TradeState.STUCK and (holder := holder_of(await ledger.commands(row.intent_id))):
                held[row.intent_id] = holder
        return rows, await ledger.workflow_faults(), held


def holder_of(commands: Sequence[CommandRecord]) -> str:
    """Who holds the trade; empty if the last word on it was another."""
    words = [command for command in commands if command.action not in (Action.ADOPT, Action.REVIVE)]
    return words[-1].author if words and words[-1].action is Action.HOLD else ""


def trade(
    trade_id: Annotated[str, typer.Argument(metavar="ID", help="The trade's id, or a unique beginning of it.")],
) -> None:
    """Tell the story of one trade, step by step."""
    import asyncio

    from ledger.render import render

    stack = options.stack()
    story, names = asyncio.run(_story(stack, trade_id))
    for line in render(story, names):
        out.print(line, markup=False)
    if story.trade is not None and story.trade.state is TradeState.STUCK:
        for way in asyncio.run(options.operator().trades.live_outlooks(story.intent.id)):
            out.print(f"  {way.words}", markup=False)
    if stack.temporal_ui_url:
        say(f"Temporal UI: run `surefoot ui {story.intent.id}`")


async def _story(stack: Stack, trade_id: str) -> tuple[TradeStory, dict[str, str]]:
    from cli.names import names_of

    async with open_ledger(stack) as ledger:
        story = await ledger.trade(trade_id)
        return story, await names_of(stack, ledger, [(leg.venue, leg.market) for leg in story.intent.legs])
