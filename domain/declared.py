"""What somebody declared, beside what the markets then paid: a contradiction is a finding, never only a profit or loss.

A trade stands on a declaration: that these outcomes are a set and a share of each pays a dollar together, or, in an
equivalence record that a person approved, what each instrument pays in every way their event can end. Payouts are
booked as they come, whatever was declared. So they are held against it here:

| declared | contradicted by |
|---|---|
| a set: its legs are all bought, or all sold | payouts that do not sum to the set's payoff, or can no longer |
| a claim: a table of joint outcomes | payouts that are together in no row of the table |
| any other combination: pays so much at least | payouts that sum to less, or can at best |
| that a market pays once | two payouts of one market |

What has not paid yet may pay anything from nothing to a dollar. Pure, as `domain.agreement` is for accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from domain.claims import EquivalenceRecord, InstrumentKey, JointOutcome, split_pin
from domain.evidence import Redemption
from domain.intent import Intent
from domain.money import plain
from domain.naming import shown
from domain.orders import Side
from domain.reconcile import Finding, Kind

Payouts = Mapping[InstrumentKey, Decimal]

_ZERO, _ONE = Decimal(0), Decimal(1)
_DO = (
    "read the rules of these markets and the venues' own pages: either the declaration is wrong (withdraw the claim, "
    "take the set out of `sets:`) or a venue has paid wrongly (ask it); then `surefoot acknowledge`"
)


def contradictions(
    intents: Iterable[Intent],
    redemptions: Sequence[Redemption],
    claims: Mapping[str, EquivalenceRecord],
    known: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """Findings of the declarations that `intents` stood on, each once. `redemptions` are all that is known of payouts,
    `claims` the records by pin, `known` what a person has acknowledged."""
    paid: dict[InstrumentKey, Decimal] = {}
    for one in redemptions:
        paid.setdefault((one.venue, one.market), one.payout)
    found = {finding.known_as: finding for finding in _paid_twice(redemptions)}
    for intent in intents:
        record = claims.get(intent.claim) if intent.claim else None
        finding = _of_claim(intent, record, paid) if record is not None else _of_legs(intent, paid)
        if finding is not None:
            found.setdefault(finding.known_as, finding)
    return tuple(finding for known_as, finding in sorted(found.items()) if known_as not in known)


def _paid_twice(redemptions: Sequence[Redemption]) -> Iterable[Finding]:
    """A market that paid two trades differently."""
    first: dict[InstrumentKey, Redemption] = {}
    for one in redemptions:
        other = first.setdefault((one.venue, one.market), one)
        if other.payout != one.payout:
            yield Finding(
                Kind.DECLARATION,
                "",
                f"{one.venue}/{one.market}",
                f"{shown(one.market)} paid ${plain(other.payout)} a share to trade {other.intent_id} and "
                f"${plain(one.payout)} to trade {one.intent_id}",
                "compare with the venue's own page of the market; then `surefoot acknowledge`",
                (f"{one.venue}/{one.market}",),
                one.intent_id,
                one.payout - other.payout,
            )


def _of_claim(intent: Intent, record: EquivalenceRecord, paid: Payouts) -> Finding | None:
    known = {place: paid[one.key] for place, one in enumerate(record.instruments) if one.key in paid}
    if not known or any(_is_row(outcome, known) for outcome in record.outcomes):
        return None
    said = ", ".join(f"{shown(record.instruments[n].market)} ${plain(payout)}" for n, payout in known.items())
    return Finding(
        Kind.DECLARATION,
        "",
        split_pin(intent.claim)[0],
        f"claim {record.pin} ({record.title}), approved by {record.author}: a share pays {said}; no outcome of its "
        "table does that",
        _DO,
        tuple(f"{one.venue}/{one.market}" for one in record.instruments),
        intent.id,
        _between(intent, paid)[0] - intent.payoff,
    )


def _is_row(outcome: JointOutcome, known: Mapping[int, Decimal]) -> bool:
    return all(outcome.pays[place].low <= payout <= outcome.pays[place].high for place, payout in known.items())


def _of_legs(intent: Intent, paid: Payouts) -> Finding | None:
    low, high = _between(intent, paid)
    whole_set = len({leg.side for leg in intent.legs}) == 1
    if high >= intent.payoff and (low <= intent.payoff or not whole_set):
        return None
    said = ", ".join(
        f"{'' if leg.side is Side.BUY else 'sold '}{shown(leg.market)} ${plain(paid[leg.venue, leg.market])}"
        for leg in intent.legs
        if (leg.venue, leg.market) in paid
    )
    sums = f"${plain(low)}" if low == high else f"${plain(low)} to ${plain(high)}"
    markets = tuple(f"{leg.venue}/{leg.market}" for leg in intent.legs)
    return Finding(
        Kind.DECLARATION,
        "",
        f"set {intent.pair}",
        f"a share of each of {intent.pair} was declared to pay ${plain(intent.payoff)} together, and pays {sums} "
        f"({said})",
        _DO,
        markets,
        intent.id,
        (low if low > intent.payoff else high) - intent.payoff,
    )


def _between(intent: Intent, paid: Payouts) -> tuple[Decimal, Decimal]:
    """The least and the most that a share of every leg pays together, by what is known of it."""
    low = high = _ZERO
    for leg in intent.legs:
        payout = paid.get((leg.venue, leg.market))
        sign = _ONE if leg.side is Side.BUY else -_ONE
        ends = (_ZERO, sign) if payout is None else (sign * payout, sign * payout)
        low, high = low + min(ends), high + max(ends)
    return low, high
