"""`surefoot ui`: the link that opens the Temporal UI."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import JsonFlag, options, out, print_json
from domain.errors import Unavailable
from domain.trade import TradeState
from workers.ui_door.link import opening_link, trade_page, trades_page


def ui(
    trade: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The trade to show; all trades without it.")
    ] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="Show the trades that wait for a person.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Print a link to the Temporal UI. It works once, within ten minutes, for the browser that opens it first."""
    stack = options.stack()
    space = stack.temporal_namespace
    if stack.temporal_ui_url is None:
        raise Unavailable(
            "this stack has no UI of its own: temporal.ui is off, or temporal.address names a cluster of yours, whose "
            "UI is the one to open",
            "no_ui",
        )
    page = trade_page(space, trade) if trade else trades_page(space, TradeState.STUCK if stuck else None)
    link = opening_link(stack, page)
    if json_output:
        print_json({"link": link})
    else:
        out.print(link, markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    app.command("ui")(ui)
