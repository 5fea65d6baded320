"""match: markets of two venues that look like one claim, their rules side by side. It proposes; it never approves."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.columns import Columns
from rich.markup import escape
from rich.panel import Panel

from cli.claims import document_of, payoff_table
from cli.matching.pairing import LEAST
from cli.options import JsonFlag, options, out, print_json, say
from domain.claims import Pays
from domain.errors import BadInput

if TYPE_CHECKING:
    from cli.matching.listing import KalshiMarket, Listing
    from cli.matching.pairing import Candidate
    from domain.claims import EquivalenceRecord
    from workers.local.layout import Stack


AUTHOR = "surefoot match"
_MOST_BYTES = 512 << 20  # a whole listing of a venue is some tens of megabytes

Document = TypeVar("Document")

_ONE, _NOTHING = Pays.exactly(Decimal(1)), Pays.exactly(Decimal(0))


def register(app: typer.Typer) -> None:
    app.command("match")(match)


def match(
    *,
    polymarket: Annotated[
        list[Path],
        typer.Option("--polymarket", help="Gamma documents (JSON, .gz allowed), or a text of slugs, one a line."),
    ],
    kalshi: Annotated[
        list[Path], typer.Option("--kalshi", help="Kalshi event or market documents, or a text of tickers, one a line.")
    ],
    least: Annotated[int, typer.Option("--least", min=0, max=100, help="The lowest score to show.")] = LEAST,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show, best first.")] = 20,
    propose: Annotated[
        bool, typer.Option("--propose", help="Record those shown in the ledger as proposed, for a person to approve.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Find markets that may be one claim, and show what their rules do differently. Nothing is ever approved here.

    With --json each candidate carries a `claim` that `surefoot claims propose` reads once its table has been checked.
    """
    import asyncio

    from cli.matching.pairing import candidates
    from workers.local.books import now

    here = [listing for path in polymarket for listing in read_polymarket(path)]
    there = [listing for path in kalshi for listing in read_kalshi(path)]
    found = candidates(here, there, least)
    say(f"{len(here)} Polymarket and {len(there)} Kalshi listings, {len(found)} candidates")
    if not found:
        _say_why(here, there, least)
    shown = found[:limit]
    at = now()
    records = [draft(one, at) for one in shown]
    if propose:
        kept = asyncio.run(_propose(options.stack_with_ledger(), shown, records))
        say(f"proposed: {', '.join(one.pin for one in kept) or 'none'}; `surefoot claims show ID` before approving any")
    if json_output:
        print_json([_document(one, record) for one, record in zip(shown, records, strict=True)])
        return
    for one, record in zip(shown, records, strict=True):
        _show(one, record)


def _say_why(here: Sequence[Listing], there: Sequence[Listing], least: int) -> None:
    """What was read and compared, and what excluded the nearest."""
    from cli.matching.nearest import compared_pairs, nearest, summary

    say(f"Polymarket: {summary(here)}; Kalshi: {summary(there)}")
    games, questions = compared_pairs(here, there)
    say(f"compared: {games} pairs of games, {questions} pairs of questions; a game and a question are never one claim")
    if not games + questions:
        say("nothing could be compared: give documents of both venues that hold games of the same days, or questions")
    for one in nearest(here, there, least):
        say(f"near ({one.score}): {one.polymarket.title} | {one.kalshi.title}: {one.why}")
        say(f"  {one.polymarket.id} | {one.kalshi.id}")


def draft(one: Candidate, at: int) -> EquivalenceRecord:
    """The candidate as a proposal. Its table is what may be said without a person: each result pays its own outcomes,
    and for every topic that the texts treat differently a row with all that the texts leave open."""
    from cli.matching.rules import differences, pays_when
    from domain.claims import Instrument, JointOutcome, proposal

    sides = [(one.polymarket, n, m) for n, m in one.pairs] + [(one.kalshi, m, m) for _, m in one.pairs]
    places = [m for _, _, m in sides]
    instruments = [
        Instrument(listing.venue, listing.outcomes[n].market, f"{listing.outcomes[n].label}: yes", _hash(listing))
        for listing, n, _ in sides
    ]
    results = sorted(set(places))
    rows = [
        JointOutcome(
            one.kalshi.outcomes[result].label,
            tuple(_ONE if place == result else _NOTHING for place in places),
        )
        for result in results
    ]
    if len(results) == 1:
        rows.append(JointOutcome(f"not {one.kalshi.outcomes[0].label}", tuple(_NOTHING for _ in places)))
    for topic, (ours, theirs) in differences(one.polymarket.rules, one.kalshi.rules).items():
        pays = tuple(pays_when(ours if listing is one.polymarket else theirs) for listing, _, _ in sides)
        rows.append(JointOutcome(f"{topic} (the rules differ)", pays))
    title = f"{one.polymarket.title} = {one.kalshi.title}"
    reason = f"score {one.score}" + "".join(f"; {doubt}" for doubt in one.doubts)
    return proposal(title, instruments, rows, AUTHOR, reason, at)


def _hash(listing: Listing) -> str:
    from domain.claims import rules_hash

    return rules_hash(listing.rules)


def _texts(one: Candidate) -> list[str]:
    """The rules of each instrument of the draft, in its order."""
    return [one.polymarket.rules] * len(one.pairs) + [one.kalshi.rules] * len(one.pairs)


async def _propose(
    stack: Stack, shown: Sequence[Candidate], records: Sequence[EquivalenceRecord]
) -> list[EquivalenceRecord]:
    """Those that are not in the ledger yet; what people have decided about the others is left alone."""
    from workers.local.books import open_ledger
    from workers.operator.claims import keep_proposal

    async with open_ledger(stack) as ledger:
        known = {one.id for one in await ledger.claims()}
        return [
            await keep_proposal(ledger, record, _texts(one))
            for one, record in zip(shown, records, strict=True)
            if record.id not in known
        ]


def _document(one: Candidate, record: EquivalenceRecord) -> dict[str, Any]:
    from cli.matching.rules import differences

    gaps = differences(one.polymarket.rules, one.kalshi.rules)
    return {
        "score": one.score,
        "polymarket": one.polymarket.id,
        "kalshi": one.kalshi.id,
        "pairs": [[one.polymarket.outcomes[n].market, one.kalshi.outcomes[m].market] for n, m in one.pairs],
        "doubts": list(one.doubts),
        "differences": {
            topic: {
                "polymarket": {"does": list(ours.does), "sentences": list(ours.sentences)},
                "kalshi": {"does": list(theirs.does), "sentences": list(theirs.sentences)},
            }
            for topic, (ours, theirs) in gaps.items()
        },
        "claim": document_of(record, _texts(one)),
    }


def _show(one: Candidate, record: EquivalenceRecord) -> None:
    from cli.matching.rules import differences

    out.rule(escape(f"score {one.score} · {record.id}"))
    panels = [
        Panel(
            listing.rules or "(no rule text in the document)",
            title=escape(f"{listing.venue} {listing.id}"),
            subtitle=escape(listing.title),
            width=(out.width - 2) // 2,
        )
        for listing in (one.polymarket, one.kalshi)
    ]
    out.print(Columns(panels, padding=(0, 1)))
    for doubt in one.doubts:
        out.print(f"look at: {doubt}", markup=False, style="yellow")
    for topic, (ours, theirs) in differences(one.polymarket.rules, one.kalshi.rules).items():
        out.print(f"{topic}: Polymarket {ours}; Kalshi {theirs}", markup=False, style="red")
    out.print(payoff_table(record))


def read_polymarket(path: Path) -> list[Listing]:
    """Gamma documents: a list of markets, or an object with `markets`; or slugs, one a line or in a CSV's first column.

    Raises BadInput for a file that is neither.
    """
    from cli.matching.listing import GammaMarket, gamma_listings, polymarket_ids

    raw = _read(path)
    if raw.lstrip()[:1] not in (b"[", b"{"):
        return polymarket_ids(_lines(raw, 0))
    return gamma_listings(_decoded(path, raw, GammaMarket))


def read_kalshi(path: Path) -> list[Listing]:
    """Event documents (`events`, each with its `markets`), market documents (`markets` or a list), or tickers, one a
    line or in a CSV's last column. Raises BadInput for a file that is none of them."""
    from cli.matching.listing import KalshiEvent, KalshiMarket, kalshi_events, kalshi_listings

    raw = _read(path)
    if raw.lstrip()[:1] not in (b"[", b"{"):
        return kalshi_events(_lines(raw, -1))
    if b'"events"' in raw[:200]:
        return kalshi_listings(_decoded(path, raw, KalshiEvent, "events"))
    events: dict[str, list[KalshiMarket]] = {}
    for market in _decoded(path, raw, KalshiMarket):
        events.setdefault(market.event_ticker or market.name.rpartition("-")[0], []).append(market)
    return kalshi_listings(KalshiEvent(markets) for markets in events.values())


def _read(path: Path) -> bytes:
    from recording.sources.text import whole

    try:
        raw = whole(path, _MOST_BYTES)
    except (OSError, EOFError, zlib.error) as failed:
        raise BadInput(f"{path} cannot be read: {failed}", "missing") from None
    return raw.removeprefix(b"\xef\xbb\xbf")


def _lines(raw: bytes, column: int) -> list[str]:
    rows = csv.reader(raw.decode("utf-8", "replace").splitlines())
    return [row[column].strip() for row in rows if row]


def _decoded(path: Path, raw: bytes, kind: type[Document], key: str = "markets") -> list[Document]:
    import msgspec

    try:
        document = msgspec.json.decode(raw)
        rows = document[key] if isinstance(document, dict) else document
        return [msgspec.convert(row, kind) for row in rows]
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as wrong:
        raise BadInput(f"{path} is no list of {kind.__name__}: {wrong}; expected the venue's own documents") from None
