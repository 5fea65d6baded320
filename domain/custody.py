"""Who carries what: open trades against the workflows that should carry them, capital against trades, losses.

Pure, as `domain.agreement` is for venue accounts.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.money import plain, tidy
from domain.reconcile import Finding, Kind
from domain.trade import TradeState


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """A trade that the ledger does not know as closed. `markets` are written `venue/market`.

    `filled`: a share of it filled once. `unproven`: bytes of an order may have left, and nothing has settled it.
    """

    id: str
    state: TradeState
    markets: tuple[str, ...]
    legs: tuple[str, ...]
    filled: bool
    unproven: bool


YOUNG_US = 60_000_000
"""A workflow this young may not have told the ledger yet: whoever carries its first step may just have died."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A trade that a workflow carries: its markets (`venue/market`, or bare), and when the workflow began (µs)."""

    markets: tuple[str, ...] = ()
    begun_at: int = 0


@dataclass(frozen=True, slots=True)
class CapitalHeld:
    """Capital reserved for a trade and not released. `state` None: the ledger has no such trade."""

    intent_id: str
    venue: str
    reserved: Decimal
    state: TradeState | None


def compare_trades(
    trades: Sequence[OpenTrade],
    running: Mapping[str, Carried],
    capital: Sequence[CapitalHeld],
    known: frozenset[str],
    recorded: Container[str],
    *,
    now: int,
) -> tuple[Finding, ...]:
    """Open trades of the ledger against running workflows, by intent id, and capital that nothing holds.

    `recorded` are the intents the ledger knows, whatever became of them.
    """
    found: list[Finding] = []
    by_id = {trade.id: trade for trade in trades}
    for trade in trades:
        if trade.id in running or f"/{trade.id}" in known or not (trade.filled or trade.unproven):
            continue
        found.append(
            Finding(
                Kind.ORPHAN_TRADE,
                "",
                trade.id,
                f"trade {trade.id} is {trade.state} in the ledger, and no workflow carries it: it was ended by hand, "
                "or Temporal lost its history",
                f"take it up again with `surefoot revive {trade.id} --reason …` (--all: every one that no workflow "
                "carries); or trade out of it at the venue, then `surefoot acknowledge`",
                trade.markets,
                trade.id,
            )
        )
    for intent_id, carried in running.items():
        if now - carried.begun_at < YOUNG_US:
            continue
        if f"/{intent_id}" not in known and intent_id not in recorded:
            found.append(
                Finding(
                    Kind.STRANGE_WORKFLOW,
                    "",
                    intent_id,
                    f"a workflow carries trade {intent_id}, and the ledger has none of that id: the ledger is older "
                    "than the history, or was never told",
                    "check that this ledger belongs to this Temporal; the trade records itself when it next moves",
                    carried.markets,
                    intent_id,
                )
            )
    for held in capital:
        trade_held = by_id.get(held.intent_id)
        idle = (
            held.state in (None, TradeState.CLOSED)
            if trade_held is None
            else not trade_held.filled and not trade_held.unproven
        )
        if idle and held.intent_id not in running:
            why = "is closed" if held.state is TradeState.CLOSED else "was never begun"
            found.append(
                Finding(
                    Kind.IDLE_CAPITAL,
                    held.venue,
                    held.intent_id,
                    f"${tidy(held.reserved)} at {held.venue} is reserved for trade {held.intent_id}, which {why}",
                    "nothing: released",
                    (),
                    held.intent_id,
                    held.reserved,
                )
            )
    return tuple(found)


def judge_loss(realised: Decimal, most: Decimal | None, hours: Decimal) -> tuple[Finding, ...]:
    """Whether what closed trades earned over the last `hours` is a loss of `most` dollars or more."""
    if most is None or realised > -most:
        return ()
    return (
        Finding(
            Kind.LOSS,
            "",
            "realised",
            f"closed trades lost ${tidy(-realised)} within {plain(hours.normalize())} h; the limit is ${tidy(most)}",
            "find out why before `surefoot resume`; losses from before that are not counted again",
            amount=realised,
        ),
    )
