"""revive: take up trades whose workflow is gone, one by name or all of them after Temporal's file was lost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, person_of
from domain.errors import BadInput


def register(app: typer.Typer) -> None:
    app.command("revive")(revive)


def revive(
    trade: Annotated[
        str, typer.Argument(metavar="[ID]", help="The trade's id, or a beginning of it that no other trade shares.")
    ] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="Every open trade that no workflow carries.")] = False,
    reason: Reason,
    author: Author = "",
    json_output: JsonFlag = False,
) -> int:
    """Take up a trade whose workflow is gone: it was terminated, or Temporal lost its history.

    Ledger and venues say what it holds; it asks for the evidence of every order before it sends anything, and uses no
    order number twice. Refused while a workflow carries the trade. After a loss of temporal.db: `surefoot up`, then
    `surefoot revive --all`.
    """
    import asyncio

    if bool(trade) == every:
        raise BadInput("name one trade, or give --all for every one that no workflow carries", "operator")
    person = person_of(author, reason)
    told = asyncio.run(options.operator_with_ledger().trades.revive(trade, person))
    done, failed = told.done, told.failed
    if json_output:
        print_json({"revived": [asdict(one) for one in done], "failed": [asdict(one) for one in failed]})
    else:
        for one in done:
            found = f", {one.found} more at the venues" if one.found else ""
            out.print(
                f"trade {one.trade} is taken up again, {one.state} in the ledger; {one.known} orders known{found}",
                markup=False,
            )
        for lost in failed:
            say(f"trade {lost.trade}: {lost.error}")
        if not done and not failed:
            say("every open trade has its workflow; nothing to take up")
        elif done:
            say("`surefoot trade ID` tells what becomes of each; then `surefoot reconcile` and `surefoot resume`")
    return exits.UNAVAILABLE if failed else exits.OK
