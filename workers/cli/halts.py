"""halt, resume, halts: durable stops, set and cleared by a named person. Entries stop; everything else still passes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from domain.errors import BadInput, Denied
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from ledger.halts import HaltRecord
from venues.recording.numbers import iso
from workers.cli.operate import Author, Reason, command_of
from workers.cli.options import JsonFlag, options, out, print_json, say
from workers.stack.books import now, open_ledger
from workers.stack.layout import Stack


def register(app: typer.Typer) -> None:
    for command in (halt, resume, halts):
        app.command(command.__name__)(command)


def halt(
    *,
    reason: Reason,
    author: Author = "",
    venue: Annotated[Venue | None, typer.Option("--venue", help="Everything on this venue.")] = None,
    market: Annotated[str | None, typer.Option("--market", help="This market; MARKET or VENUE/MARKET.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="What this strategy decides.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
) -> None:
    """Stop opening trades, until a person resumes. Exits, hedges and cancels of open trades still pass.

    In force within a second, and for good: through restarts, and while ingest runs or not.
    """
    scope, target = _scope(venue, market, strategy, everything=everything)
    person = command_of(author, reason)
    wanted = Halt("", scope, target, Rule.OPERATOR, person.author, person.reason, now())
    standing = asyncio.run(_set(options.stack_with_ledger(), wanted))
    if (standing.at, standing.author) != (wanted.at, wanted.author):
        say("such a halt stands already; it stays as it is")
    out.print(str(standing), markup=False)
    say(f"lift it with `surefoot resume {standing.id} --reason …`")


def resume(
    halt_id: Annotated[str, typer.Argument(metavar="ID", help="The halt's id, or a unique beginning of it.")],
    reason: Reason,
    author: Author = "",
) -> None:
    """Lift one halt."""
    person = command_of(author, reason)
    lifted, left = asyncio.run(_clear(options.stack_with_ledger(), halt_id, person.author, person.reason))
    out.print(f"lifted by {person.author} ({person.reason}): {lifted}", markup=False)
    for other in left:
        say(f"still in force: {other}")


def halts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """List the halts in force, oldest first."""
    stack = options.stack_with_ledger()
    records = asyncio.run(_records(stack, everything=everything))
    if json_output:
        print_json([_row(one) for one in records])
        return
    if not records:
        say("there never was a halt" if everything else "no halt is in force")
        return
    table = Table("since", Column("id", no_wrap=True), "scope", "target", "rule", "author", "reason", box=None)
    if everything:
        table.add_column("lifted")
    for one in records:
        halt = one.halt
        ended = f"{iso(one.cleared_at)} by {one.cleared_by}: {one.cleared_reason}" if one.cleared_at else "in force"
        row = (iso(halt.at), halt.id, halt.scope, halt.target or "-", halt.rule, halt.author, halt.reason)
        table.add_row(*(escape(cell) for cell in (*row, *([ended] if everything else []))))
    out.print(table)


def _row(record: HaltRecord) -> dict[str, Any]:
    """Flat: the halt's own fields, and who lifted it, why and when (null while it is in force)."""
    row = asdict(record)
    flat: dict[str, Any] = row.pop("halt")
    return flat | row


def _scope(venue: Venue | None, market: str | None, strategy: str | None, *, everything: bool) -> tuple[Scope, str]:
    """The one scope that was named. Raises `BadInput` (`scope`) for none, several, or an empty name."""
    named = {Scope.VENUE: venue, Scope.MARKET: market, Scope.STRATEGY: strategy, Scope.ALL: "" if everything else None}
    given = [(scope, target) for scope, target in named.items() if target is not None]
    if len(given) != 1:
        said = "several scopes" if given else "no scope"
        raise BadInput(f"{said} named; give one of --venue, --market, --strategy and --all", "scope")
    scope, target = given[0]
    if scope is not Scope.ALL and not str(target).strip():
        raise BadInput(f"--{scope} is empty; name the {scope} that is to stop", "scope")
    return scope, str(target).strip()


async def _set(stack: Stack, wanted: Halt) -> Halt:
    async with open_ledger(stack) as ledger:
        return await ledger.set_halt(wanted)


async def _records(stack: Stack, *, everything: bool) -> tuple[HaltRecord, ...]:
    async with open_ledger(stack) as ledger:
        if everything:
            return tuple(reversed(await ledger.halt_history()))
        return tuple(HaltRecord(one) for one in await ledger.halts())


async def _clear(stack: Stack, beginning: str, author: str, reason: str) -> tuple[Halt, tuple[Halt, ...]]:
    async with open_ledger(stack) as ledger:
        standing = await ledger.halts()
        meant = chosen(beginning, standing)
        own = next(one for one in standing if one.id == meant)
        if own.rule is Rule.WORKFLOW_FAULT:
            raise Denied(
                f"{meant} ends by itself once its trade moves again, and cannot be lifted before: {own.reason}; see "
                "docs/how-to-run.md",
                "workflow_fault",
            )
        lifted = await ledger.clear_halt(meant, author, reason, now())
        return lifted, await ledger.halts()


def chosen(beginning: str, standing: Sequence[Halt]) -> str:
    """The id of the one halt in force that starts so, with or without `h-`. Raises `BadInput` if none or several do."""
    ids = [one.id for one in standing]
    if beginning in ids:
        return beginning
    meant = [known for known in ids if beginning and known.startswith((beginning, f"h-{beginning}"))]
    if len(meant) == 1:
        return meant[0]
    shown = ", ".join(meant or ids) or "none"
    said = "starts several halts" if meant else "is no halt in force"
    raise BadInput(f"{beginning!r} {said}; in force: {shown}. `surefoot halts` tells more", "no_such_halt")
