"""What a halt may name: the venues in use, the markets that are watched or may be traded, the strategies there are.

A halt of a name that nothing goes by stops nothing, and the person who set it believes that it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.errors import BadInput, SurefootError
from domain.halt import FAMILIES, Halt, Scope
from domain.market import Venue

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.claims import EquivalenceRecord
    from workers.local.layout import Stack

_PATIENCE_S = 2.0
_MOST = 5

UNKNOWN = "unknown_target"


@dataclass(frozen=True, slots=True)
class Watched:
    """One pair that ingest watches, as one strategy."""

    strategy: str
    pair: str
    markets: tuple[tuple[Venue, str], ...]

    def stopped_by(self, halt: Halt) -> bool:
        return any(halt.covers_market(venue, market, self.strategy) for venue, market in self.markets)


def watched(stack: Stack) -> tuple[Watched, ...] | None:
    """What ingest watches now; None if it does not answer, or watches nothing yet."""
    from workers.local.pages import NoAnswer, ask

    try:
        answer = ask("GET", f"http://127.0.0.1:{stack.metrics_ports['ingest']}/why", timeout=_PATIENCE_S)
        if answer.status != 200:
            return None
        told: list[dict[str, Any]] = json.loads(answer.body)["strategies"]
        return tuple(
            Watched(one["strategy"], one["pair"], tuple((Venue(m["venue"]), m["market"]) for m in one["markets"]))
            for one in told
        )
    except (NoAnswer, ValueError, KeyError, TypeError):
        return None


def strategy_names(settings: Settings) -> tuple[str, ...]:
    """The names that halts go by, as `surefoot strategies` lists them."""
    from ingest.strategies.registry import instances

    return tuple(name for one in instances(settings) for name in called(one.name, one.spec.strategy))


def called(name: str, code: str) -> tuple[str, ...]:
    """What intents of a strategy are called: its own name, else the code's, and those that the code's stands for."""
    return (name,) if name else (code, *(member for member, family in FAMILIES.items() if family == code))


def require_known(
    scope: Scope,
    target: str,
    settings: Settings,
    seen: Sequence[Watched] | None,
    claims: Iterable[EquivalenceRecord] | None,
) -> str:
    """Raise `BadInput` (`unknown_target`) with the nearest names for a target that nothing goes by.

    Returns a warning where nobody could say: then the halt is taken. `seen` is None where ingest does not answer,
    `claims` where the ledger does not.
    """
    if scope is Scope.VENUE:
        known: tuple[str, ...] = tuple(settings.in_use)
    elif scope is Scope.STRATEGY:
        try:
            known = strategy_names(settings)
        except SurefootError as unreadable:
            return f"nobody can say whether {target} is a strategy: {unreadable.message}"
        known += tuple(one.strategy for one in seen or ())
    elif scope is Scope.MARKET:
        markets = {place for one in seen or () for place in one.markets}
        markets |= {(leg.venue, leg.market) for record in claims or () for leg in record.instruments}
        sets = () if isinstance(settings.sets, str) else settings.sets
        declared = {market for outcomes in sets for market in outcomes}
        known = (*(market for _, market in markets), *declared)
        venue, _, market = target.partition("/")
        if (venue, market) in markets or (venue in set(settings.in_use) and market in declared):
            return ""
        if target not in known and (seen is None or claims is None):
            return f"nobody can say now whether {target} is watched or may be traded; look at it with `surefoot why`"
    else:
        return ""
    if target in known:
        return ""
    raise BadInput(
        f"no {scope} {target!r} is in use, so this halt would stop nothing{_nearest(target, known)}; --anyway sets it "
        f"for a {scope} that is not known yet, --all stops everything",
        UNKNOWN,
    )


def _nearest(target: str, known: Iterable[str]) -> str:
    import difflib

    names = sorted(set(known))
    meant = target.rpartition("/")[2]
    near = [name for name in names if meant.casefold() in name.casefold()]
    near += [name for name in difflib.get_close_matches(meant, names, _MOST, 0.5) if name not in near]
    shown = near or names
    if not shown:
        return ""
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return f"; {'nearest' if near else 'there are'}: {', '.join(shown[:_MOST])}{more}"
