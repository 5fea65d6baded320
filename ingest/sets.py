"""Which markets make a set: all outcomes of one event, of which exactly one pays.

A set with an outcome missing is a loss waiting for that outcome, so nothing here is guessed. Either the market's rules
say how many outcomes there are and all of them are watched, or a person has named the set in the configuration.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import BadInput
from domain.market import MarketSpec

MOST = len(string.ascii_uppercase)
"""Outcomes of one set: each is a leg, and legs are letters."""


@dataclass(frozen=True, slots=True)
class OutcomeSet:
    """Markets that exclude each other and leave nothing out: one YES share of each pays `payoff`, whoever wins."""

    markets: tuple[MarketSpec, ...]

    @property
    def name(self) -> str:
        """The event; a set of several events' markets, which only a person can declare, joins their names."""
        return "+".join(dict.fromkeys(spec.event for spec in self.markets))


def sets_of(markets: Iterable[MarketSpec], declared: Sequence[Sequence[str]] = ()) -> tuple[OutcomeSet, ...]:
    """The sets among `markets`, in order of their first market: by event, or as `declared` lists their tickers.

    Raises BadInput (`no_set`) for a market left without its set: its event has other outcomes than are here, nobody
    says that they exclude each other, payoffs differ, there is only one of them, or more than MOST. A declared set too
    is refused where the venue lists more outcomes of its event than were declared.
    """
    known = {spec.market: spec for spec in markets}
    if declared:
        groups = [[_known(ticker, known) for ticker in group] for group in declared]
    else:
        events: dict[str, list[MarketSpec]] = {}
        for spec in known.values():
            events.setdefault(spec.event, []).append(spec)
        groups = list(events.values())
    for group in groups:
        why = _incomplete(group, declared=bool(declared))
        if why:
            names = ", ".join(spec.market for spec in group)
            raise BadInput(f"event {group[0].event} has {names}: {why}", "no_set")
    return tuple(OutcomeSet(tuple(group)) for group in groups)


def _known(ticker: str, known: dict[str, MarketSpec]) -> MarketSpec:
    spec = known.get(ticker)
    if spec is None:
        raise BadInput(f"sets: {ticker} is not among the markets read ({', '.join(known)}); check the ticker", "no_set")
    return spec


def _incomplete(group: Sequence[MarketSpec], *, declared: bool) -> str:
    """Why these markets are no set; empty if they are one."""
    first = group[0]
    if not 2 <= len(group) <= MOST:
        return f"a set needs 2 to {MOST} markets that exclude each other. Name all outcomes of the event"
    if any(spec.payoff != first.payoff for spec in group):
        return "their payoffs differ; a set needs one payoff. Name only markets that pay the same"
    if declared:
        for event in {spec.event for spec in group}:
            here = [spec for spec in group if spec.event == event]
            if here[0].outcomes > len(here) and len(here) > 1:
                return f"{event} has {here[0].outcomes} outcomes, {len(here)} are declared. Declare all of them"
        return ""
    if first.outcomes == 0:
        return "nobody says that exactly one of them pays. Declare them under `sets:` if you know it"
    if first.outcomes != len(group):
        return f"{len(group)} of {first.outcomes} outcomes; a missing one would be a loss. Name all of them"
    return ""
