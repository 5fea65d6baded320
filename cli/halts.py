"""halt, resume, halts: durable stops, set and cleared by a named person. Entries stop; everything else still passes.

A halt works whenever anything may trade:

| the ledger                                        | where the halt stands                                         |
|---------------------------------------------------|---------------------------------------------------------------|
| answers, whoever started it                       | in the ledger                                                 |
| does not, and nothing of the stack runs           | in the ledger: its Postgres is started for the command        |
| does not otherwise, or not in time                | in the file HALT of the state folder: see `workers.halt_flag` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits, targets
from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, command_of
from cli.recorded import open_ledger
from domain.errors import BadInput, Denied, SurefootError, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.halt_flag import PREFIX, UNREAD
from domain.market import Venue
from recording.sources.numbers import iso
from workers.halt_flag import HaltFlag

if TYPE_CHECKING:
    from ledger.halts import HaltRecord
    from workers.local.layout import Layout, Stack


_PATIENCE_S = 3.0  # for a ledger that should answer: a brake is not kept waiting


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
    from workers.local.books import now

    scope, target = _scope(venue, market, strategy, everything=everything)
    person = command_of(author, reason)
    wanted = Halt("", scope, target, Rule.OPERATOR, person.author, person.reason, now())
    if dry_run:
        _show_stopped(options.stack(), wanted, json_output=json_output)
        return
    standing = _in_force(options.layout_at_hand(), wanted, anyway=anyway)
    if (standing.at, standing.author) != (wanted.at, wanted.author):
        say("such a halt stands already; it stays as it is")
    if json_output:
        print_json(_standing(standing))
    else:
        out.print(str(standing), markup=False)
    say(f"lift it with `surefoot resume {standing.id} --reason …`")


def _in_force(layout: Layout, wanted: Halt, *, anyway: bool) -> Halt:
    """Sets the halt where it can stand. Raises `Unavailable` only if neither ledger nor disk takes it."""
    import asyncio

    from workers.local.presence import running

    seen: Sequence[targets.Watched] | None = None
    stack: Stack | None = None
    try:
        stack = options.stack()
        seen = targets.watched(stack) if wanted.scope is not Scope.ALL else None
        return asyncio.run(_set(stack, wanted, seen, anyway=anyway))
    except (SurefootError, OSError, TimeoutError) as away:
        if isinstance(away, BadInput) and away.code == targets.UNKNOWN:
            raise
        if stack is None and not running(layout):
            raise
        if stack is not None and not anyway:
            _warn(targets.require_known(wanted.scope, wanted.target, stack.settings, seen, None))
        return _flagged(layout, wanted, str(away) or "it did not answer in time")


def _flagged(layout: Layout, wanted: Halt, why: str) -> Halt:
    flag = HaltFlag(layout.root)
    try:
        standing = flag.add(wanted)
    except OSError as error:
        raise Unavailable(
            f"nothing was halted: the ledger cannot be reached ({why}), and {flag.path} cannot be written "
            f"({error.strerror}); `surefoot down` stops trading",
            "no_halt",
        ) from None
    say(f"the ledger cannot be reached ({why}); the halt stands in {flag.path}, which whatever opens trades reads")
    if standing.id == UNREAD:
        say("that file cannot be read, or not be written whole: it halts everything")
    return standing


def _show_stopped(stack: Stack, wanted: Halt, *, json_output: bool) -> None:
    from rich.table import Table

    seen = targets.watched(stack)
    _warn(targets.require_known(wanted.scope, wanted.target, stack.settings, seen, None))
    if seen is None:
        say("ingest does not answer, or watches nothing yet: nobody can say what would stop")
        if json_output:
            print_json({"watched": None, "would_stop": None})
        return
    stopped = [one for one in seen if one.stopped_by(wanted)]
    if json_output:
        print_json({"watched": len(seen), "would_stop": [asdict(one) for one in stopped]})
        return
    table = Table("strategy", "pair", "markets", box=None)
    for one in stopped:
        table.add_row(one.strategy, one.pair, ", ".join(f"{venue}/{market}" for venue, market in one.markets))
    if stopped:
        out.print(table)
    say(f"would stop {len(stopped)} of the {len(seen)} that ingest watches; nothing was halted")


def _warn(text: str) -> None:
    if text:
        say(text)


def resume(
    halt_id: Annotated[str, typer.Argument(metavar="ID", help="The halt's id, or a unique beginning of it.")],
    reason: Reason,
    author: Author = "",
    json_output: JsonFlag = False,
) -> None:
    """Lift one halt."""
    import asyncio

    person = command_of(author, reason)
    layout = options.layout_at_hand()
    flag = HaltFlag(layout.root)
    left: tuple[Halt, ...]
    if halt_id.startswith(PREFIX):
        lifted = _lifted(flag, halt_id)
        try:
            left = tuple(one.halt for one in asyncio.run(_records(options.stack(), everything=False)))
        except SurefootError as away:
            left = ()
            say(f"whether the ledger has other halts cannot be said: {away.message}")
    else:
        lifted, left = asyncio.run(_clear(options.stack(), halt_id, person.author, person.reason))
    still = (*flag.standing(), *left)
    if json_output:
        print_json({"lifted": _standing(lifted), "in_force": [_standing(one) for one in still]})
    else:
        out.print(f"lifted by {person.author} ({person.reason}): {lifted}", markup=False)
    for other in still:
        say(f"still in force: {other}")


def _lifted(flag: HaltFlag, beginning: str) -> Halt:
    standing = flag.standing()
    meant = chosen(beginning, standing)
    try:
        flag.remove(meant)
    except OSError as error:
        raise Unavailable(f"{flag.path} cannot be changed ({error.strerror}); remove it by hand", "halt_flag") from None
    return next(one for one in standing if one.id == meant)


def halts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """List the halts in force, oldest first; those of the file HALT too. Exit code 5 if the ledger cannot be asked."""
    import asyncio

    from ledger.halts import HaltRecord

    records = tuple(HaltRecord(one) for one in HaltFlag(options.layout_at_hand().root).standing())
    unknown = ""
    try:
        records += asyncio.run(_records(options.stack(), everything=everything))
    except SurefootError as away:
        if not records:
            raise
        unknown = away.message
    _list(records, everything=everything, json_output=json_output)
    if unknown:
        say(f"only what the file HALT says; the ledger cannot be asked: {unknown}")
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


async def _set(stack: Stack, wanted: Halt, seen: Sequence[targets.Watched] | None, *, anyway: bool) -> Halt:
    """Raises `BadInput` (`unknown_target`), `TimeoutError` if a ledger that runs does not answer soon."""
    import asyncio

    from workers.local.presence import running

    async with asyncio.timeout(_PATIENCE_S if running(stack.layout) else None), open_ledger(stack) as ledger:
        if not anyway:
            claims = await ledger.claims() if wanted.scope is Scope.MARKET else None
            _warn(targets.require_known(wanted.scope, wanted.target, stack.settings, seen, claims))
        return await ledger.set_halt(wanted)


async def _records(stack: Stack, *, everything: bool) -> tuple[HaltRecord, ...]:
    from ledger.halts import HaltRecord

    async with open_ledger(stack) as ledger:
        if everything:
            return tuple(reversed(await ledger.halt_history()))
        return tuple(HaltRecord(one) for one in await ledger.halts())


async def _clear(stack: Stack, beginning: str, author: str, reason: str) -> tuple[Halt, tuple[Halt, ...]]:
    from workers.local.books import now

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
