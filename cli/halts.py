"""halt, resume, halts: durable stops, set and cleared by a named person. Entries stop; everything else still passes.

Where a halt stands when the ledger does not answer: `workers.operator.halts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, person_of
from domain.errors import BadInput
from domain.halt import Halt, Scope
from domain.market import Venue
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from ledger.halts import HaltRecord
    from workers.operator.halts import StackHalts
    from workers.operator.port import WouldStop


def register(app: typer.Typer) -> None:
    for command in (halt, resume, halts):
        app.command(command.__name__)(command)


def halt(
    *,
    reason: Reason,
    author: Author = "",
    venue: Annotated[Venue | None, typer.Option("--venue", help="Everything on this venue.")] = None,
    market: Annotated[str | None, typer.Option("--market", help="This market; MARKET or VENUE/MARKET.")] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="What this strategy decides; `surefoot strategies` names them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also for a name that is not known here yet.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would stop.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Stop opening trades, until a person resumes. Exits, hedges and cancels of open trades still pass.

    In force within a second, and for good: through restarts, and whatever of the stack runs or does not. Where the
    ledger cannot be reached the halt stands in the file HALT of the state folder.
    """
    import asyncio

    scope, target = _scope(venue, market, strategy, everything=everything)
    person = person_of(author, reason)
    brake = _brake()
    if dry_run:
        _show_stopped(asyncio.run(brake.would_stop(scope, target)), json_output=json_output)
        return
    told = asyncio.run(brake.place(scope, target, person, anyway=anyway))
    for note in told.notes:
        say(note)
    if told.known:
        say("such a halt stands already; it stays as it is")
    if json_output:
        print_json(_standing(told.halt))
    else:
        out.print(str(told.halt), markup=False)
    say(f"lift it with `surefoot resume {told.halt.id} --reason …`")


def _brake() -> StackHalts:
    """It needs the state folder alone: what the configuration or the ledger cannot tell is not waited for."""
    from workers.operator.halts import StackHalts

    return StackHalts(options.layout_at_hand(), options.stack, say)


def _show_stopped(told: WouldStop, *, json_output: bool) -> None:
    from rich.table import Table

    for note in told.notes:
        say(note)
    if told.watched is None:
        say("ingest does not answer, or watches nothing yet: nobody can say what would stop")
        if json_output:
            print_json({"watched": None, "would_stop": None})
        return
    if json_output:
        print_json({"watched": told.watched, "would_stop": [asdict(one) for one in told.stopped]})
        return
    table = Table("strategy", "pair", "markets", box=None)
    for one in told.stopped:
        table.add_row(one.strategy, one.pair, ", ".join(f"{venue}/{market}" for venue, market in one.markets))
    if told.stopped:
        out.print(table)
    say(f"would stop {len(told.stopped)} of the {told.watched} that ingest watches; nothing was halted")


def resume(
    halt_id: Annotated[str, typer.Argument(metavar="ID", help="The halt's id, or a unique beginning of it.")],
    reason: Reason,
    author: Author = "",
    json_output: JsonFlag = False,
) -> None:
    """Lift one halt."""
    import asyncio

    person = person_of(author, reason)
    told = asyncio.run(_brake().lift(halt_id, person))
    for note in told.notes:
        say(note)
    if json_output:
        print_json({"lifted": _standing(told.halt), "in_force": [_standing(one) for one in told.left]})
    else:
        out.print(f"lifted by {person.author} ({person.reason}): {told.halt}", markup=False)
    for other in told.left:
        say(f"still in force: {other}")


def halts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """List the halts in force, oldest first; those of the file HALT too. Exit code 5 if the ledger cannot be asked."""
    import asyncio

    told = asyncio.run(_brake().listed(lifted_too=everything))
    _list(told.records, everything=everything, json_output=json_output)
    if told.unread:
        say(f"only what the file HALT says; the ledger cannot be asked: {told.unread}")
        raise typer.Exit(exits.UNAVAILABLE)


def _list(records: Sequence[HaltRecord], *, everything: bool, json_output: bool) -> None:
    from rich.table import Column, Table

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
        table.add_row(*row, *([ended] if everything else []))
    out.print(table)


def _standing(halt: Halt) -> dict[str, Any]:
    from ledger.halts import HaltRecord

    return _row(HaltRecord(halt))


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
