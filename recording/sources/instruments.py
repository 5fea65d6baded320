"""Everything of a session that can be traded: its markets, and the second token of each Polymarket condition.

A session names a condition by its first token and keeps one book for it. The second token's book is that book seen from
the other side: a bid at p for one is an ask at 1 − p for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.market import MarketSpec
from recording.sources.session import BookReset, Condition, SessionEvent


def instruments(markets: Sequence[MarketSpec], conditions: Sequence[Condition] = ()) -> tuple[MarketSpec, ...]:
    """`markets`, each first token followed by its second unless that is listed itself.

    The second token of a neg-risk group's market pays when its own first does not, and only with that one makes a set:
    its event is the condition, of which nobody says how many outcomes a set has.
    """
    listed = {spec.market for spec in markets}
    about = {one.token: one for one in conditions}
    found: list[MarketSpec] = []
    for spec in markets:
        found.append(spec)
        if spec.complement and spec.complement not in listed:
            found.append(_second(spec, about.get(spec.market)))
    return tuple(found)


def mirrored(event: SessionEvent, second: str) -> SessionEvent:
    """What happened to the first token's book, as it happened to that of `second`."""
    if isinstance(event, BookReset):
        return BookReset(event.at, second, event.no, event.yes)
    return replace(event, market=second, side="no" if event.side == "yes" else "yes")


def _second(first: MarketSpec, about: Condition | None) -> MarketSpec:
    label = about.outcomes[1] if about is not None else "No"
    neg_risk = about.neg_risk if about is not None else first.outcomes > 2
    event = about.condition_id if neg_risk and about is not None else first.event
    return replace(
        first,
        market=first.complement,
        complement=first.market,
        outcome=label,
        event=event,
        outcomes=0 if neg_risk else first.outcomes,
    )
