"""versions: which builds open trades are pinned to, and which of them this code could carry on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json

if TYPE_CHECKING:
    from workers.local.layout import Stack


def register(app: typer.Typer) -> None:
    app.command("versions")(versions)


def versions(json_output: JsonFlag = False) -> None:
    """Which versions open trades began on, and whether they replay on this code. Changes nothing.

    Run it from a new checkout before an upgrade. Exit code 4 if a trade would not replay.
    """
    import asyncio

    told = asyncio.run(_look(options.stack()))
    if json_output:
        print_json(told)
    else:
        _show(told)
    if told["differ"]:
        raise typer.Exit(exits.REFUSED)


async def _look(stack: Stack) -> dict[str, Any]:
    from workers.trading import connect_temporal
    from workers.versions.build import build_id
    from workers.versions.deployment import open_trades
    from workers.versions.inherit import look

    client = await connect_temporal(stack)
    here = build_id()
    counts = Counter([trade.build async for trade in open_trades(client)])
    found = await look(client, here)
    differ = [
        {
            "trade": trade.id,
            "build": trade.build,
            "state": trade.state,
            "event": difference.event,
            "recorded": difference.recorded,
            "produced": difference.produced,
        }
        for trade, difference in found.theirs
    ]
    return {"build": here, "open": dict(counts), "replay": [trade.id for trade in found.ours], "differ": differ}


def _show(told: dict[str, Any]) -> None:
    from rich.table import Table

    out.print(f"this code is version {told['build']}", markup=False)
    if not told["open"]:
        out.print("no trade is open")
        return
    differ = Counter(item["build"] for item in told["differ"])
    table = Table("version", "open trades", "do not replay here", box=None)
    for build, number in sorted(told["open"].items()):
        here = build == told["build"]
        table.add_row(build + (" (this)" if here else ""), str(number), str(differ[build]))
    out.print(table)
    for item in told["differ"]:
        out.print(
            f"{item['trade']} ({item['state']}, {item['build']}): at event {item['event']} its history has "
            f"{item['recorded']}; this code gives {item['produced']}",
            markup=False,
        )
    if told["differ"]:
        out.print("see docs/versions.md for what to do")
