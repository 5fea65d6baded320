"""How bad a world's weather is, what its trades may do, and what its markets pay: drawn once, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from domain.intent import LegPolicy, Way
from domain.market import Venue

D = Decimal
_OURS = ("worker", "wire", "read", "ledger")
_THEIRS = ("listing", "answer", "book", "payout", "balance")
_MISTAKES = (0.0, 0.0, 0.0, 0.01, 0.05)
_SELDOM = (0.0, 0.0, 0.0, 0.02, 0.1, 0.25, 0.5)
_OFTEN = (0.0, 0.1, 0.3, 0.6)
_MESSAGES = (0.0, 0.2, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Payment:
    """`kind` is `venue:pays_…` of the catalogue, empty where one market pays a dollar and the others nothing."""

    kind: str
    winner: str
    payouts: Mapping[Venue, Mapping[str, Decimal]]


_LIES = 0.5  # of the few orders that nobody knows an id of when the user channel has told of a fill


def rates(rng: Random) -> dict[str, float]:
    """Chances by group. Fills at several prices and messages that are lost are no storm: they always may happen."""
    always = {"match": rng.choice(_OFTEN), "message": rng.choice(_MESSAGES), "life": rng.choice(_MISTAKES)}
    if rng.random() < 0.2:
        return always
    return always | {group: rng.choice(_SELDOM) for group in (*_OURS, *_THEIRS)} | {"freshness": _LIES}


def payment(rng: Random, venues: Sequence[Venue], names: Sequence[str]) -> Payment:
    """What one share of each market pays, at each venue."""
    winner = rng.choice(list(names))
    won = {name: D(name == winner) for name in names}
    everywhere = dict.fromkeys(venues, won)
    draw = rng.random()
    if draw >= 0.1:
        return Payment("", winner, everywhere)
    if len(venues) == 2 and draw < 0.04:
        other = {name: 1 - paid for name, paid in won.items()}
        return Payment("venue:pays_otherwise_elsewhere", winner, {venues[0]: won, venues[1]: other})
    odd: dict[str, Mapping[str, Decimal]] = {
        "venue:pays_half": dict.fromkeys(names, D("0.5")),
        "venue:pays_parts": _parts(rng, names),
        "venue:pays_nobody": dict.fromkeys(names, D(0)),
        "venue:pays_everybody": dict.fromkeys(names, D(1)),
    }
    kind = rng.choice(list(odd))
    return Payment(kind, winner, dict.fromkeys(venues, odd[kind]))


def _parts(rng: Random, names: Sequence[str]) -> Mapping[str, Decimal]:
    """Of a dollar, each market some of it, to six places."""
    left, found = D(1), dict[str, Decimal]()
    for name in names[:-1]:
        found[name] = (left * D(rng.choice(("0.37", "0.5", "0.333333")))).quantize(D("0.000001"))
        left -= found[name]
    return {**found, names[-1]: left}


def policy(rng: Random) -> LegPolicy:
    """What a trade may do, by somebody's taste."""
    ways = rng.choice(
        (
            (Way.COMPLETE, Way.UNWIND),
            (Way.COMPLETE, Way.UNWIND),
            (Way.COMPLETE, Way.UNWIND),
            (Way.COMPLETE,),
            (Way.UNWIND,),
            (Way.COMPLETE, Way.UNWIND, Way.HOLD),
        )
    )
    return LegPolicy(
        max_quote_age_ms=rng.choice((500, 500, 500, 10)),
        max_leg_delay_ms=rng.choice((2_000, 2_000, 5)),
        leg_b_slack=rng.choice((D(0), D(0), D("0.02"))),
        loss_budget=rng.choice((D(5), D(1), D("0.5"), D("0.1"), D("0.02"))),
        ladder_ticks=rng.choice(((0, 1, 2, 4, 8), (0,), (3, 10))),
        repair_deadline_ms=rng.choice((60_000, 10_000, 5_000, 2_000, 2_000)),
        unknown_deadline_ms=rng.choice((600_000, 30_000, 5_000)),
        dust=rng.choice((D(0), D(0), D(0), D("0.2"))),
        ways=ways,
        rest_fill=rng.choice((D(0), D(0), D("0.5"))),
        settle_poll_ms=rng.choice((20_000, 300_000, 300_000, 900_000, 900_000)),
    )
