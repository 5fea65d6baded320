"""resolve: how a market of the paper exchange ended, told by a person or by what the recording knows."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import options, out, say
from domain.errors import BadInput
from domain.naming import shown

if TYPE_CHECKING:
    from config.settings import PaperSession
    from workers.local.layout import Stack


def register(app: typer.Typer) -> None:
    app.command("resolve")(resolve)


def resolve(
    market: Annotated[str, typer.Argument(help="The market's ticker.")],
    result: Annotated[str, typer.Argument(help="yes, no, or what a YES share pays in dollars, such as 0.35.")],
    whole_event: Annotated[
        bool, typer.Option("--event", help="With yes: the other markets of its event resolve to no.")
    ] = False,
) -> None:
    """Tell the paper exchange how a market ended; it closes, is determined and pays. Trades that held it close.

    Real exchanges resolve themselves: on a stack in mode live this is refused (exit code 4).
    """
    from cli import paper

    stack = options.stack()
    if whole_event:
        if result != "yes":
            raise BadInput(f"--event names a winner; expected yes, not {result}", "result")
        markets = paper.resolve(stack, event=event_of(market), winner=market)
    elif result in ("yes", "no"):
        markets = paper.resolve(stack, market=market, result=result)
    else:
        markets = paper.resolve(stack, market=market, result="scalar", settlement_value=_dollars(result))
    for item in markets:
        out.print(f"{item['market']}: {item['result']}, a YES share pays {item['value']}", markup=False)


def resolve_known(stack: Stack, session: PaperSession, patience: float) -> None:
    """Resolve the events whose winner the session's recording knows, and wait until their trades are closed.

    Says of every other event why its trades stay SETTLING."""
    import asyncio

    from cli import paper
    from cli.progress import await_paid
    from cli.session import opened
    from recording.sources.instruments import instruments
    from recording.sources.winners import winners

    assert session.recording is not None
    recorded = opened(session, whole=True)
    played = {spec.event for spec in opened(session).markets}  # a folder may hold more games than its best window
    known = {event: winner for event, winner in winners(recorded).items() if event in played}
    paid = {event: winner for event, winner in known.items() if winner is not None}
    for event, winner in paid.items():
        paper.resolve(stack, event=event, winner=winner)
        say(f"{brief(event)} is over: {shown(winner)} won")
    for event in sorted(known.keys() - paid.keys()):
        say(
            f"how {event} ended is not known: the recording stops before its last books say so. Its trades stay "
            "SETTLING, their capital locked; `surefoot resolve MARKET yes --event` on a running stack pays them"
        )
    if paid:
        traded = instruments(recorded.markets, recorded.conditions)
        events = {spec.market: spec.event for spec in traded}
        events |= {spec.complement: spec.event for spec in recorded.markets if spec.complement}
        asyncio.run(await_paid(stack, {market for market, event in events.items() if event in paid}, patience))


def brief(event: str) -> str:
    """A condition, 0x and 64 digits, by its first eight; everything else by its own name."""
    return f"{event[:10]}…" if event.startswith("0x") else event


def event_of(market: str) -> str:
    """`KXGAME-26NOV21AAABBB-AAA` → `KXGAME-26NOV21AAABBB`, as the venue builds its tickers."""
    return market.rpartition("-")[0]


def _dollars(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not 0 <= value <= 1:
        raise BadInput(f"result {text!r}; expected yes, no, or dollars from 0.00 to 1.00 such as 0.35", "result")
    return text
