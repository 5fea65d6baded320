"""unwind, hold, retry, accept, adopt, flat: a person's word to one trade (`workers.operator.trades`).

An update that no worker answers within five seconds is left as a signal, which the trade obeys as soon as one is up.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, person_of
from domain.errors import BadInput
from domain.market import Venue
from domain.operator import Action

TradeId = Annotated[str, typer.Argument(help="The trade's id, or a beginning of it that no other trade shares.")]


def register(app: typer.Typer) -> None:
    for command in (unwind, hold, retry, accept, adopt, flat):
        app.command(command.__name__)(command)


def unwind(
    trade: TradeId,
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; goes on record. Not for --preview.")] = None,
    author: Author = "",
    min_price: Annotated[
        str, typer.Option("--min-price", help="Dollars a share that it must bring at least; any price if not given.")
    ] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Say what it would do now; nothing is asked.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Tell a trade to sell what stands alone, at any price or for no less than --min-price.

    --preview shows what would be sold at the bids of now, and what completing would bring instead. If no worker answers
    within 5 s the wish is left as a signal, which the trade obeys as soon as a worker is up. So is every other command.
    """
    least = _price(min_price)
    if preview:
        _preview(trade, least, json_output=json_output)
        return
    if reason is None:
        raise typer.BadParameter("say why; only --preview needs no reason", param_hint="--reason")
    _tell(Action.UNWIND, trade, author, reason, json_output=json_output, min_price=least)


def _price(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not (price.is_finite() and 0 < price < 1):
        raise BadInput(f"--min-price {text!r}; expected dollars a share between 0 and 1, such as 0.35", "operator")
    return price


def _preview(trade: str, least: Decimal | None, *, json_output: bool) -> None:
    import asyncio

    seen = asyncio.run(options.operator_with_ledger().trades.preview_unwind(trade, least))
    if json_output:
        print_json({"trade": seen.trade, "outlooks": [asdict(way) | {"words": way.words} for way in seen.ways]})
        return
    for way in seen.ways:
        out.print(f"trade {seen.trade}: {way.words}", markup=False)
    say("nothing was asked of the trade; `surefoot unwind` without --preview sells")


def hold(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade to send nothing more until it is told otherwise (retry, unwind or accept)."""
    _tell(Action.HOLD, trade, author, reason, json_output=json_output)


def retry(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade to try again now, with all of its policy's time and budget; a parked one goes on."""
    _tell(Action.RETRY, trade, author, reason, json_output=json_output)


def accept(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Tell a trade that what stands alone may stay as it is, until its market pays."""
    _tell(Action.ACCEPT, trade, author, reason, json_output=json_output)


def adopt(
    trade: TradeId,
    *,
    venue: Annotated[Venue, typer.Option("--venue", help="Where the order was placed.")],
    order: Annotated[str, typer.Option("--order", help="The venue's own id of the order.")],
    reason: Reason,
    author: Author = "",
    json_output: JsonFlag = False,
) -> None:
    """Tell a trade that an order placed by hand is one of its own: its fills count as the leg's."""
    if not order.strip():
        raise BadInput("--order is empty; give the venue's own id of the order", "operator")
    _tell(Action.ADOPT, trade, author, reason, json_output=json_output, order_id=order.strip(), venue=venue)


def flat(trade: TradeId, *, reason: Reason, author: Author = "", json_output: JsonFlag = False) -> None:
    """Leave an unwind with a trade without asking it: accepted while no worker is up, told in the trade's story."""
    _tell(Action.FORCE_FLAT, trade, author, reason, json_output=json_output)


def _tell(action: Action, trade: str, author: str, reason: str, *, json_output: bool, **details: Any) -> None:
    import asyncio

    from cli import faults
    from workers.operator.stack import StackOperator

    person = person_of(author, reason)
    stack = options.stack()
    told = asyncio.run(StackOperator(stack, say).trades.tell(trade, action, person, **details))
    for note in told.notes:
        say(note)
    if json_output:
        kept: dict[str, Any] = {"trade": told.trade, "action": action, "answer": told.answer, "stored": told.stored}
        if told.bids is not None:
            kept["bids"] = asdict(told.bids) | {"words": told.bids.words}
        print_json(kept | {"faults": [faults.plain(fault) for fault in told.faults]})
        return
    for fault in told.faults:
        say(f"trade {told.trade}: {fault.words}")
    out.print(f"trade {told.trade}: {told.answer}", markup=False)
    if told.bids is not None:
        say(f"as the books stood when you asked: {told.bids.words}")
    ui = f"; in the Temporal UI: `surefoot ui {told.trade}`" if stack.temporal_ui_url else ""
    say(f"what becomes of it: `surefoot trade {told.trade}`{ui}")
