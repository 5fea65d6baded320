"""capital: each venue's money as the ledger has it: cash, what trades hold reserved, what is free."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cli.options import JsonFlag, options, out, print_json, say
from cli.recorded import open_ledger
from domain.money import plain

if TYPE_CHECKING:
    from domain.snapshot import VenueCapital
    from workers.local.layout import Stack


def register(app: typer.Typer) -> None:
    app.command("capital")(capital)


def capital(json_output: JsonFlag = False) -> None:
    """Cash, reserved and free dollars of every venue, and which trade holds what."""
    import asyncio

    from rich.table import Column, Table

    venues = asyncio.run(_read(options.stack()))
    if json_output:
        print_json([asdict(one) for one in venues])
        return
    if not venues:
        say("no money yet: the ledger learns a venue's cash at the first `surefoot up`")
        return
    table = Table("venue", box=None)
    for name in ("cash $", "reserved $", "free $", "trades"):
        table.add_column(name, justify="right")
    for one in venues:
        free = "no opening balance" if one.free is None else plain(one.free)
        table.add_row(one.venue, plain(one.cash), plain(one.reserved), free, str(len(one.held)))
    out.print(table)
    held = [row for one in venues for row in one.held]
    if held:
        holders = Table(Column("held by", no_wrap=True), "venue", box=None)
        for name in ("reserved $", "spent $"):
            holders.add_column(name, justify="right")
        for row in held:
            holders.add_row(row.intent_id, row.venue, plain(row.reserved), plain(-row.cash))
        out.print(holders)


async def _read(stack: Stack) -> tuple[VenueCapital, ...]:
    async with open_ledger(stack) as ledger:
        return await ledger.capital()
