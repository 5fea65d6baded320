"""reconcile, acknowledge, transfer: compare now, declare known what was found, say what money was moved."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import exits
from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, person_of
from domain.errors import BadInput, SurefootError
from domain.halt import Rule
from domain.market import Venue
from domain.money import tidy
from domain.naming import shown
from domain.reconcile import Reconciliation
from recording.sources.numbers import iso

if TYPE_CHECKING:
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

    from workers.operator.stack import StackOperator

    stack = options.stack_with_ledger()
    comparing = StackOperator(stack).reconciliation
    result = asyncio.run(comparing.last() if last else comparing.run())
    if json_output:
        print_json({**msgspec.to_builtins(result), "agrees": result.agrees})
    else:
        _show(result, asyncio.run(_names(stack, result)))
    if result.unreached:
        raise typer.Exit(exits.UNAVAILABLE)
    if not result.agrees:
        raise typer.Exit(exits.INVARIANT)


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


def acknowledge(reason: Reason, author: Author = "") -> None:
    """Declare known what the last reconciliation found that no trade owns; lift safe mode and the halts set for it.

    Orders and shares that are nobody's stay yours to look after: from now on they are part of what is expected. Exit
    code 4 if there is nothing to acknowledge.
    """
    import asyncio

    person = person_of(author, reason)
    done = asyncio.run(options.operator_with_ledger().reconciliation.acknowledge(person))
    for finding in done.findings:
        out.print(f"known from now on: {finding}", markup=False)
    for halt in done.lifted:
        out.print(f"lifted by {person.author} ({person.reason}): {halt}", markup=False)
    for halt in done.left:
        say(f"still in force: {halt}; lift it with `surefoot resume {halt.id} --reason …`")


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

    person = person_of(author, reason)
    amount = dollars(came, went)
    asyncio.run(options.operator_with_ledger().reconciliation.declare_transfer(venue, amount, person))
    out.print(
        f"declared: ${tidy(amount)} at {venue} by {person.author} ({person.reason}); booked once the balance shows it",
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


# ---------------------------------------------------------------------- for status and doctor


async def awaited(stack: Stack, document: Mapping[str, Any]) -> str | None:
    """What keeps ingest from deciding: the start-up reconciliation, or safe mode; None if neither does.

    `document` is stack.json, which knows when ingest was started.
    """
    from workers.local.books import open_ledger
    from workers.operator.reconciliation import open_records
    from workers.stack import host

    ingest = next((record for record in host.recorded(document) if record.name == "ingest"), None)
    if ingest is None:
        return "ingest has not been started"
    try:
        async with open_ledger(stack) as ledger, open_records(stack) as records:
            if not await records.started_since(round(ingest.created * 1e6) - _SAME_MOMENT_US):
                return "ingest awaits its start-up reconciliation, which needs every venue, Temporal and the worker"
            safe = [halt for halt in await ledger.halts() if halt.rule is Rule.SAFE_MODE]
    except SurefootError as away:
        return f"whether the start-up reconciliation is done could not be read: {away.message}"
    return f"safe mode until `surefoot acknowledge`: {safe[0]}" if safe else None
