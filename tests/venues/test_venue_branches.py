"""No room above `venues/` asks which venue it has before it: that is the adapter's to know (`venues.adapter`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from domain.market import Venue
from tests.places import ROOT

ROOMS = ("domain", "config", "ledger", "workflows", "activities", "ingest", "testing", "recording", "workers", "cli")

KNOWN: dict[str, int] = {
    "recording/wire.py": 1,
    "workers/accounts.py": 2,
    "workers/dead_mans_switch.py": 1,
    "workers/local/layout.py": 1,
    "workers/streams.py": 2,
    "cli/doctor.py": 2,
    "cli/ledger.py": 1,
    "cli/status.py": 2,
}
"""Branches that are left, by file, each until its seam is there. A number may only go down."""


def branches(source: str) -> Iterator[int]:
    """The lines that compare with a named venue, match one, look one up by name, have one as a default, or ask whether
    a client is a certain venue's."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare() if any(map(_names_venue, (node.left, *node.comparators))):
                yield node.lineno
            case ast.MatchValue() if _names_venue(node.value):
                yield node.value.lineno
            case ast.Subscript() if _names_venue(node.slice):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="get"), args=[first, *_]) if _names_venue(first):
                yield node.lineno
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]) if "Client" in ast.unparse(kind):
                yield node.lineno
            case ast.arguments() if any(default and _names_venue(default) for default in _defaults(node)):
                yield next(default.lineno for default in _defaults(node) if default and _names_venue(default))
            case _:
                pass


def _defaults(node: ast.arguments) -> list[ast.expr | None]:
    return [*node.defaults, *node.kw_defaults]


def _names_venue(node: ast.expr) -> bool:
    """Of a set or tuple too, written out."""
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        return any(map(_names_venue, node.elts))
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Venue"
    return named and isinstance(node, ast.Attribute) and node.attr in Venue.__members__


def test_every_kind_of_branch_is_seen() -> None:
    for branch in (
        "venue is Venue.KALSHI",
        "Venue.KALSHI not in settings.in_use",
        "venue in (Venue.KALSHI, Venue.POLYMARKET)",
        "clients[Venue.KALSHI]",
        "clients.get(Venue.KALSHI)",
        "isinstance(client, KalshiClient)",
        "def f(venue=Venue.KALSHI): ...",
        "def f(*, venue=(Venue.KALSHI,)): ...",
        "match venue:\n    case Venue.KALSHI: ...",
    ):
        assert list(branches(branch)), branch
    for other in ("venue is spec.venue", "MarketSpec(Venue.KALSHI, ticker)", "{Venue.KALSHI: limits}"):
        assert not list(branches(other)), other


def test_no_room_above_the_venues_branches_on_one() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if (lines := list(branches(path.read_text(encoding="utf-8"))))
    }
    assert {file: len(lines) for file, lines in found.items()} == KNOWN, found
