"""Every kind of fault there is, by group: how often it is drawn among its group's, and the public record behind it.

`WEIGHTS` alone says what is drawn: a kind of weight 0 is switched off. `RECORD` says where each kind was seen; those of
our own side (a process, a worker, the ledger) need no record. A campaign counts each kind, and a kind that is switched
on and never happens in twenty thousand worlds fails it: what does not happen proves nothing.
"""

from __future__ import annotations

WEIGHTS: dict[str, dict[str, int]] = {
    "worker": {"dies_before": 1, "dies_during": 1, "dies_after": 1, "frozen": 1},
    "life": {"raises": 1, "a_command_raises": 1, "renewed": 1},
    "ledger": {"away": 1, "slow": 1, "stuck": 1},
    "wire": {"lost": 1, "answer_lost": 1, "late": 2, "twice": 1, "limited": 1, "refused": 2, "slow": 1},
    "read": {"unavailable": 2, "slow": 2},
    "message": {"lost": 4, "late": 2, "twice": 2},
    "match": {
        "improved": 4,
        "several_makers": 3,
        "several_prices": 4,
        "mirrored": 3,
        "own_order_gives_way": 2,
        "beyond_signed": 1,
    },
    "answer": {
        "averages": 3,
        "no_fee": 3,
        "counts_only": 2,
        "error_in_success": 2,
        "no_order": 2,
        "no_order_and_none": 2,
        "no_order_landed": 2,
        "no_order_landed_and_none": 1,
        "unknown_words": 2,
        "unknown_words_always": 1,
        "other_unit": 1,
        "other_unit_dollars": 1,
        "other_unit_listed": 1,
        "too_many": 1,
        "impossible": 1,
    },
    "listing": {
        "late": 2,
        "twice": 2,
        "shuffled": 2,
        "unseen": 1,
        "wrong_count": 1,
        "other_order": 1,
        "impossible": 1,
        "zero_time": 1,
        "far_time": 1,
    },
    "freshness": {"lies": 1},
    "book": {"impossible": 0, "other_market": 0, "crossed": 1},
    "payout": {"impossible": 0, "other_market": 0, "odd_time": 1},
    "balance": {"stale_shares": 2, "stale_cash": 1},
    "venue": {
        "void": 1,
        "cancels": 1,
        "reduces": 1,
        "pauses": 1,
        "down": 1,
        "maintenance": 1,
        "retires": 1,
        "pays_half": 1,
        "pays_parts": 1,
        "pays_nobody": 1,
        "pays_everybody": 1,
        "pays_otherwise_elsewhere": 1,
    },
}

RECORD: dict[str, str] = {
    "wire:twice": "a proxy sends a request again; the second answer is a duplicate's",
    "wire:limited": "429, and our own limiter before it",
    "match:improved": "an order trades at better prices than its limit; dollars / shares does not end",
    "match:several_makers": "one order, many maker orders of odd sizes at one price",
    "match:several_prices": "one trade over several makers' prices is one row with one price (C13)",
    "match:mirrored": "a buy of one outcome meets a buy of the other: minted; or a sale a sale: merged",
    "match:own_order_gives_way": "self-trade prevention of the kind `maker`: the resting order is cancelled",
    "match:beyond_signed": "an answer of more than was signed that is true all the same (G1)",
    "answer:averages": "Kalshi answers with averages of four places only",
    "answer:no_fee": "`average_fee_paid` missing from the answer (A1)",
    "answer:counts_only": "an answer of counts alone",
    "answer:error_in_success": "a 200 whose body is an error, of an order that is there",
    "answer:no_order": "a 201 without an order, of an order that is there (C1)",
    "answer:no_order_and_none": "the same of an order that is nowhere (C1)",
    "answer:no_order_landed": "an answer taken for proof that the order arrived, and it did",
    "answer:no_order_landed_and_none": "the same, and it is nowhere (C1)",
    "answer:unknown_words": "a 400 in words nobody documented, once (D1)",
    "answer:unknown_words_always": "the same for that market and side, every time (D1)",
    "answer:other_unit": "amounts in millionths (G1)",
    "answer:other_unit_dollars": "the dollars alone in millionths (G1)",
    "answer:other_unit_listed": "answer and list in millionths until somebody mends it; the position denies it (G1)",
    "answer:too_many": "more shares than asked",
    "answer:impossible": "counts below zero, without end, or no number at all",
    "listing:late": "reads that lag writes by seconds; the newest fills missing",
    "listing:twice": "a page boundary lists a fill twice",
    "listing:shuffled": "fills out of order",
    "listing:unseen": "an order missing from its list for a while",
    "listing:wrong_count": "a count below the fills listed beside it, right a moment later",
    "listing:other_order": "the row of another order",
    "listing:impossible": "counts that cannot be",
    "listing:zero_time": "a match time of 0",
    "listing:far_time": "a match time of the next century",
    "freshness:lies": "a list that lags beside a statement of freshness that does not: an order is nowhere whose fills "
    "the user channel has told",
    "book:impossible": "prices above a dollar, sizes below nothing",
    "book:other_market": "another market's book",
    "book:crossed": "a crossed snapshot while books are rebuilt",
    "payout:impossible": "a settlement value above a dollar",
    "payout:other_market": "another market's result",
    "payout:odd_time": "a settlement time of 0, or of the next century",
    "balance:stale_shares": "'not enough balance' for what a confirmed fill brought, until a cache is refreshed (J2)",
    "balance:stale_cash": "a cached balance from before the last fills (J1)",
    "venue:void": "a match that failed on chain, a bust trade",
    "venue:cancels": "the venue cancels resting orders by itself",
    "venue:reduces": "the venue takes part of a resting order out",
    "venue:pauses": "trading in a market pauses",
    "venue:down": "the venue cannot be reached",
    "venue:maintenance": "everything is refused for a while",
    "venue:retires": "an endpoint answers 404 or 410 for good, until mended code asks another",
    "venue:pays_half": "a market is void and pays half to each side",
    "venue:pays_parts": "a scalar result: each side is paid a part",
    "venue:pays_nobody": "no outcome of a set is paid",
    "venue:pays_everybody": "two outcomes of a set are paid",
    "venue:pays_otherwise_elsewhere": "two venues resolve the same claim differently",
}


_ELSEWHERE = frozenset({"a_command_raises", "renewed"})
"""Kinds that are not drawn with their group: a message brings them, or a long history."""


def _drawn(group: str) -> tuple[str, ...]:
    return tuple(kind for kind, n in WEIGHTS[group].items() if kind not in _ELSEWHERE for _ in range(n))


DRAWN: dict[str, tuple[str, ...]] = {group: _drawn(group) for group in WEIGHTS}
"""What is drawn from, each kind as often as its weight says."""

ON: tuple[str, ...] = tuple(f"{group}:{kind}" for group, kinds in WEIGHTS.items() for kind, n in kinds.items() if n)
"""The names of all that is switched on, as they are counted."""
