"""reconcile, acknowledge, transfer: compare now, declare known what was found, say what money was moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, command_of
from domain.errors import BadInput, Denied, SurefootError, Unavailable
from domain.halt import Halt, Rule, Scope
from domain.market import Venue
from domain.money import tidy
from domain.naming import shown
from domain.reconcile import ACKNOWLEDGEABLE, ADDS_UP, Finding, Kind, Reconciliation, Trigger
from ledger.port import HaltLedger
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from ledger.reconciliations import Acknowledgement, ReconcileLedger, Reconciliations
    from workers.local.layout import Stack


_PATIENCE_S = 120.0
_SAME_MOMENT_US = 2_000_000  # a process's start time is known to the second


def register(app: typer.Typer) -> None:
    app.command("reconcile")(reconcile)
    app.command("acknowledge")(acknowledge)
    app.command("transfer")(transfer)


# ---------------------------------------------------------------------- reconcile


def reconcile(
    *,
    last: Annotated[bool, typer.Option("--last", help="Show the last run instead of running one.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Compare every venue account with the ledger now, and act on what differs.

    Exit code 0 if both agree or what differed was put right, 6 if something differs that stops trading, 5 if a venue
    could not be asked.
    """
    import asyncio

    import msgspec

    stack = options.stack_with_ledger()
    result = asyncio.run(_last(stack) if last else _run(stack))
    if json_output:
        print_json({**msgspec.to_builtins(result), "agrees": result.agrees})
    else:
        _show(result, asyncio.run(_names(stack, result)))
    if result.unreached:
        raise typer.Exit(exits.UNAVAILABLE)
    if not result.agrees:
        raise typer.Exit(exits.INVARIANT)


async def _last(stack: Stack) -> Reconciliation:
    async with _records(stack) as records:
        runs = await records.latest()
    if not runs:
        raise Unavailable("no reconciliation has run yet; run one with `surefoot reconcile`", "reconcile")
    return runs[0]


async def _run(stack: Stack) -> Reconciliation:
    # The SDK's native library is loaded by the commands that need it.
    import asyncio

    from workers.reconciler import reconcile_now
    from workers.trading import connect_temporal

    client = await connect_temporal(stack)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await reconcile_now(client, Trigger.REQUEST, venues=stack.settings.in_use)
    except TimeoutError:
        raise Unavailable(
            f"no worker took the reconciliation within {_PATIENCE_S:g} s; see `surefoot status`", "reconcile"
        ) from None


async def _names(stack: Stack, result: Reconciliation) -> dict[str, str]:
    """What the tokens stand for that the findings are about."""
    from cli.names import names_of
    from workers.local.books import open_ledger

    markets = {where for finding in (*result.findings, *result.moving) for where in finding.markets}
    split = [where.partition("/") for where in sorted(markets)]
    keys = [(Venue(venue), market) for venue, _, market in split if venue in set(Venue)]
    with suppress(SurefootError):
        async with open_ledger(stack) as ledger:
            return await names_of(stack, ledger, keys)
    return {}


def _show(result: Reconciliation, names: dict[str, str]) -> None:
    from rich.table import Table

    from cli.names import told

    out.print(f"{iso(result.at)}, {result.trigger}: {_verdict(result)}", markup=False)
    table = Table("venue", "cash $", "ledger $", "looks", box=None)
    for comparison in result.comparisons:
        table.add_row(comparison.venue, tidy(comparison.cash), tidy(comparison.booked), str(comparison.looks))
    for venue, why in result.unreached.items():
        table.add_row(venue, "?", "?", f"not reached: {why}")
    out.print(table)
    for heading, findings in (("", result.findings), ("in motion, looked at again by the next run: ", result.moving)):
        for finding in findings:
            out.print(f"{heading}{finding}", markup=False)
            for market in (where.rpartition("/")[2] for where in finding.markets):
                if shown(market) != market:
                    out.print(f"    {told(market, names)}", markup=False)
            out.print(f"    → {finding.do}", markup=False)
    for line in result.done:
        out.print(f"done: {line}", markup=False)


def _verdict(result: Reconciliation) -> str:
    if result.unreached:
        return "a venue could not be asked"
    if not result.agrees:
        return "venue and ledger differ"
    return "venue and ledger agree" + (", what differed was put right" if result.findings else "")


# ---------------------------------------------------------------------- acknowledge


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became known, and the halts that were lifted for it and that stay."""

    findings: tuple[Finding, ...]
    lifted: tuple[Halt, ...]
    left: tuple[Halt, ...]


def acknowledge(reason: Reason, author: Author = "") -> None:
    """Declare known what the last reconciliation found that no trade owns; lift safe mode and the halts set for it.

    Orders and shares that are nobody's stay yours to look after: from now on they are part of what is expected. Exit
    code 4 if there is nothing to acknowledge.
    """
    import asyncio

    person = command_of(author, reason)
    done = asyncio.run(_acknowledge(options.stack_with_ledger(), person.author, person.reason))
    for finding in done.findings:
        out.print(f"known from now on: {finding}", markup=False)
    for halt in done.lifted:
        out.print(f"lifted by {person.author} ({person.reason}): {halt}", markup=False)
    for halt in done.left:
        say(f"still in force: {halt}; lift it with `surefoot resume {halt.id} --reason …`")


async def _acknowledge(stack: Stack, author: str, reason: str) -> Acknowledged:
    from ledger.reconciliations import Acknowledgement
    from workers.local.books import now, open_ledger

    async with open_ledger(stack) as ledger, _records(stack) as records:
        return await take_note(ledger, records, Acknowledgement(author, reason, now()))


async def take_note(halts: HaltLedger, records: ReconcileLedger, by: Acknowledgement) -> Acknowledged:
    """Acknowledge the last run that reached every venue.

    Raises `Denied` if nothing waits for a person. What is declared known is written first: a crash before a halt is
    lifted leaves the halt.
    """
    runs = [run for run in await records.latest(20) if not run.unreached]
    latest = runs[0] if runs else None
    known = await records.known()
    standing: Sequence[Halt] = await halts.halts()
    findings = tuple(
        finding
        for finding in (latest.findings if latest is not None else ())
        if finding.kind in ACKNOWLEDGEABLE and (finding.kind in ADDS_UP or finding.known_as not in known)
    )
    safe = [halt for halt in standing if halt.rule is Rule.SAFE_MODE]
    if not findings and not safe:
        raise Denied("nothing waits to be acknowledged; `surefoot reconcile` compares now", "nothing_to_acknowledge")
    if latest is not None:
        await records.acknowledge(latest, findings, by)
    settled = {market for finding in findings for market in finding.markets}
    explained = {finding.venue for finding in findings if finding.kind is Kind.UNEXPLAINED_CASH}
    others = latest.findings if latest is not None else ()
    settled -= {m for f in others if f.stops and f not in findings and f.known_as not in known for m in f.markets}
    lifted = [
        await halts.clear_halt(halt.id, by.author, by.reason, by.at)
        for halt in standing
        if halt in safe
        or (halt.rule is Rule.MISMATCH and halt.scope is Scope.MARKET and halt.target in settled)
        or (halt.rule is Rule.MISMATCH and halt.scope is Scope.VENUE and halt.target in explained)
    ]
    return Acknowledged(findings, tuple(lifted), tuple(await halts.halts()))


# ---------------------------------------------------------------------- transfers


def transfer(
    venue: Venue,
    reason: Reason,
    came: Annotated[str, typer.Option("--in", metavar="DOLLARS", help="Moved to the venue.")] = "",
    went: Annotated[str, typer.Option("--out", metavar="DOLLARS", help="Moved away from it.")] = "",
    author: Author = "",
) -> None:
    """Declare that money was moved to or from a venue's account. It is booked once the balance shows it.

    One that does not show within an hour is a finding that halts the venue. The opposite takes the word back.
    """
    import asyncio

    from ledger.reconciliations import Acknowledgement
    from workers.local.books import now

    person = command_of(author, reason)
    amount = dollars(came, went)
    by = Acknowledgement(person.author, person.reason, now())
    asyncio.run(_declare(options.stack_with_ledger(), venue, amount, by))
    out.print(
        f"declared: ${tidy(amount)} at {venue} by {by.author} ({by.reason}); booked once the balance shows it",
        markup=False,
    )


def dollars(came: str, went: str) -> Decimal:
    """Signed dollars of exactly one of both. Raises `BadInput` for anything else."""
    said = came or went
    try:
        amount = Decimal(said) if bool(came) != bool(went) else Decimal(0)
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and amount > 0 and amount == amount.quantize(Decimal("0.000001"))):
        raise BadInput(
            f"--in {came or '(none)'} --out {went or '(none)'}; expected one of both, in dollars above 0 with at most "
            "six decimals",
            "bad_amount",
        )
    return amount if came else -amount


async def _declare(stack: Stack, venue: Venue, amount: Decimal, by: Acknowledgement) -> None:
    async with _records(stack) as records:
        await records.declare_transfer(venue, amount, by)


# ---------------------------------------------------------------------- for status and doctor


async def awaited(stack: Stack, document: Mapping[str, Any]) -> str | None:
    """What keeps ingest from deciding: the start-up reconciliation, or safe mode; None if neither does.

    `document` is stack.json, which knows when ingest was started.
    """
    from workers.local import host
    from workers.local.books import open_ledger

    ingest = next((record for record in host.recorded(document) if record.name == "ingest"), None)
    if ingest is None:
        return "ingest has not been started"
    try:
        async with open_ledger(stack) as ledger, _records(stack) as records:
            if not await records.started_since(round(ingest.created * 1e6) - _SAME_MOMENT_US):
                return "ingest awaits its start-up reconciliation, which needs every venue, Temporal and the worker"
            safe = [halt for halt in await ledger.halts() if halt.rule is Rule.SAFE_MODE]
    except SurefootError as away:
        return f"whether the start-up reconciliation is done could not be read: {away.message}"
    return f"safe mode until `surefoot acknowledge`: {safe[0]}" if safe else None


@asynccontextmanager
async def _records(stack: Stack) -> AsyncIterator[Reconciliations]:
    from ledger.reconciliations import Reconciliations

    records = await Reconciliations.connect(stack.postgres_dsn)
    try:
        yield records
    finally:
        await records.close()
