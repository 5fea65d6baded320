"""claims: which markets of two venues are one claim, and who says so. Only a named person approves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.panel import Panel

from cli.options import JsonFlag, options, out, print_json, say
from cli.person import Author, Reason, person_of
from domain.errors import BadInput
from domain.market import Venue
from domain.money import decimal, plain
from recording.sources.numbers import iso

if TYPE_CHECKING:
    from rich.table import Table

    from domain.claims import ClaimStatus, EquivalenceRecord, Pays
    from workers.operator.port import Person


Claim = Annotated[str, typer.Argument(metavar="CLAIM", help="The claim's id, or a unique beginning of it.")]
Version = Annotated[
    int, typer.Option("--version", min=1, help="The version you have read; refused if it is no longer the newest.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Which markets are one claim, and who says so.", no_args_is_help=True)
    for name, command in (
        ("ls", ls), ("show", show), ("propose", propose), ("approve", approve), ("suspend", suspend),
        ("withdraw", withdraw),
    ):  # fmt: skip
        group.command(name)(command)
    app.add_typer(group, name="claims")


def ls(json_output: JsonFlag = False) -> None:
    """Every claim in its newest version. The stack need not run."""
    import asyncio

    from rich.table import Column, Table

    from domain.claims import crosses
    from venues.registry import SELLABLE

    records = asyncio.run(options.operator().claims.newest())
    if json_output:
        print_json([asdict(one) for one in records])
        return
    if not records:
        say("no claim yet; `surefoot match` finds candidates, `surefoot claims propose FILE` records one")
        return
    table = Table(
        Column("claim", no_wrap=True), "status", "title", "worst pays $", "author", "reason", "since", box=None
    )
    for one in records:
        worst = ", ".join(sorted({plain(pair.worst) for pair in crosses(one, SELLABLE)})) or "-"
        status = f"{one.status} (paper only)" if one.paper else one.status
        table.add_row(one.pin, status, one.title, worst, one.author, one.reason, iso(one.at))
    out.print(table)


def show(claim: Claim, json_output: JsonFlag = False) -> None:
    """One claim: its texts, what is paid in every outcome, what each pair pays at worst, and its versions."""
    import asyncio

    from domain.claims import crosses
    from venues.registry import SELLABLE

    told = asyncio.run(options.operator().claims.story(claim))
    history, texts = told.versions, told.texts
    if json_output:
        print_json({"versions": [asdict(one) for one in history], "texts": texts})
        return
    newest = history[-1]
    out.print(f"{newest.pin} {newest.status}: {newest.title}", markup=False)
    for one in newest.instruments:
        text = texts.get(one.rules_sha256, "(no text was kept)")
        title = escape(f"{one.venue} {one.market}: {one.meaning} · rules {one.rules_sha256[:12]}")
        out.print(Panel(text, title=title, title_align="left"))
    out.print(payoff_table(newest))
    for pair in crosses(newest, SELLABLE):
        legs = " and ".join(
            f"{side} {newest.instruments[place].venue} {newest.instruments[place].meaning}"
            for place, side in zip(pair.places, pair.sides, strict=True)
        )
        out.print(f"{legs}: pays {plain(pair.worst)} at worst ({pair.in_outcome})", markup=False)
    for past in history:
        out.print(f"@{past.version} {past.status} {iso(past.at)} by {past.author}: {past.reason}", markup=False)


def payoff_table(record: EquivalenceRecord) -> Table:
    """What each instrument pays in every joint outcome."""
    from rich.table import Table

    table = Table("outcome", *(f"{one.venue} {one.meaning}" for one in record.instruments), box=None)
    for outcome in record.outcomes:
        table.add_row(outcome.name, *map(str, outcome.pays))
    return table


def propose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON as `surefoot match --json` writes a record.")],
    reason: Reason,
    author: Author = "",
) -> None:
    """Record a claim, or another version of one, for a person to approve. Nothing trades on it before."""
    import asyncio

    from domain.claims import without_text
    from workers.local.books import now

    person = person_of(author, reason)
    record, texts = read_proposal(file, person.author, person.reason, now())
    for market in without_text(record):
        say(f"{market} has no rule text: the claim cannot be approved so; propose it again with the venue's whole text")
    kept = asyncio.run(options.operator_with_ledger().claims.propose(record, texts))
    say(f"read it again with `surefoot claims show {kept.id}`, then `surefoot claims approve {kept.id}`")
    out.print(kept.pin, markup=False)


def approve(claim: Claim, version: Version, reason: Reason, author: Author = "") -> None:
    """Say, with your name, that you have read both rule texts and that the table is what they pay."""
    from domain.claims import ClaimStatus

    _decide(claim, ClaimStatus.APPROVED, person_of(author, reason), version)


def suspend(claim: Claim, reason: Reason, author: Author = "") -> None:
    """No new trade on this claim until somebody approves it again; open ones go on."""
    from domain.claims import ClaimStatus

    _decide(claim, ClaimStatus.SUSPENDED, person_of(author, reason), None)


def withdraw(claim: Claim, reason: Reason, author: Author = "") -> None:
    """The claim is wrong: never to be used again."""
    from domain.claims import ClaimStatus

    _decide(claim, ClaimStatus.WITHDRAWN, person_of(author, reason), None)


def _decide(claim: str, status: ClaimStatus, person: Person, version: int | None) -> None:
    import asyncio

    decided = asyncio.run(options.operator_with_ledger().claims.decide(claim, status, person, version))
    out.print(f"{decided.pin} {decided.status} by {decided.author}: {decided.reason}", markup=False)


class _Leg(msgspec.Struct, forbid_unknown_fields=True):
    venue: Venue
    market: str
    meaning: str
    rules: str


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    pays: list[str]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    instruments: list[_Leg]
    outcomes: list[_Row]


def read_proposal(file: Path, author: str, reason: str, at: int) -> tuple[EquivalenceRecord, list[str]]:
    """The record in a JSON file, and its rule texts: `{"title", "instruments": [{"venue", "market", "meaning",
    "rules"}], "outcomes": [{"name", "pays": ["1", "0..1"]}]}`. Raises BadInput for anything else."""
    from domain.claims import Instrument, JointOutcome, proposal, rules_hash

    try:
        document = msgspec.json.decode(file.read_bytes(), type=_Document)
    except OSError as failed:
        raise BadInput(f"{file} cannot be read: {failed.strerror}", "missing") from None
    except msgspec.DecodeError as wrong:
        raise BadInput(f"{file} is no claim: {wrong}; expected title, instruments and outcomes", "bad_claim") from None
    legs = [Instrument(one.venue, one.market, one.meaning, rules_hash(one.rules)) for one in document.instruments]
    rows = [JointOutcome(row.name, tuple(_pays(row.name, text) for text in row.pays)) for row in document.outcomes]
    record = proposal(document.title, legs, rows, author, reason, at)
    return record, [one.rules for one in document.instruments]


def _pays(row: str, text: str) -> Pays:
    """`0.5` exactly, `0..1` where the rules leave it open."""
    from domain.claims import Pays

    low, dots, high = text.partition("..")
    try:
        return Pays(decimal(low), decimal(high) if dots else decimal(low))
    except ValueError as wrong:
        raise BadInput(f"outcome {row!r} pays {text!r}: {wrong}; expected 0.5 or 0..1", "bad_claim") from None


def document_of(record: EquivalenceRecord, rules: Sequence[str]) -> dict[str, Any]:
    """What `read_proposal` reads."""
    return {
        "title": record.title,
        "instruments": [
            {"venue": one.venue, "market": one.market, "meaning": one.meaning, "rules": text}
            for one, text in zip(record.instruments, rules, strict=True)
        ],
        "outcomes": [{"name": row.name, "pays": [_shown(paid) for paid in row.pays]} for row in record.outcomes],
    }


def _shown(paid: Pays) -> str:
    return plain(paid.low) if paid.low == paid.high else f"{plain(paid.low)}..{plain(paid.high)}"
