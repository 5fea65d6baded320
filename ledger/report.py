"""What a run came to: decisions, trades, fills, money, time on one leg, and whether the invariants held.

Pure: a snapshot of the ledger, the venue's account and the exchange's audit in; numbers out. Money is exact.

P&L counts hedged sets at their certain payoff: one share of every leg together pays `payoff` whatever happens, so a
set's profit is known when its last share is bought, though the cash comes only when the markets pay. Until then it is
`locked`, afterwards `realised`; `pnl` is both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.evidence import Fill, Redemption
from domain.exposure import own_fills, realised_pnl, unhedged_notional_seconds
from domain.halt import Halt
from domain.invariants import Finding
from domain.judgement import check_venues
from domain.market import Venue
from domain.money import tidy
from domain.snapshot import Arrival, TradeFacts, VenueCapital, VenueSnapshot
from domain.trade import Outcome, TradeState
from ledger.story import Snapshot

_SUPPRESSIONS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One trade of the report. Its money and the dollar-seconds come from its fills, not from what it declared.

    `locked` is `pnl` while the trade waits for its markets, `realised` once it is closed; both 0 while it trades.
    """

    id: str
    pair: str
    state: TradeState
    outcome: Outcome | None
    size: Decimal
    hedged: Decimal
    unwound: Decimal
    residual: Decimal
    fills: int
    fees: Decimal
    edge: Decimal
    pnl: Decimal
    realised: Decimal
    locked: Decimal
    unhedged_notional_seconds: Decimal
    decided_at: int


@dataclass(frozen=True, slots=True)
class SuppressedLine:
    """An opportunity not taken: `edge` dollars after fees on `size` shares, and the gate that was shut."""

    pair: str
    gate: str
    detail: str
    edge: Decimal
    size: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Report:
    """A run in numbers. `pnl` is certain: of trades that are done trading, `realised` of the closed ones plus `locked`
    of those that wait for their markets; `edge` is what all intents hoped for. Times in microseconds.

    `halts` are those in force, `capital` is each venue's money, both of the whole ledger. `findings` has one entry an
    invariant; `holds` None means it could not be judged, and its note says why.
    """

    run: str | None
    profile: str | None
    mode: str | None
    source: str | None
    started_at: int | None
    finished_at: int | None
    as_of: int
    intents: int
    suppressed: dict[str, int]
    trades: dict[str, int]
    outcomes: dict[str, int]
    fills: int
    fees: Decimal
    edge: Decimal
    pnl: Decimal
    realised: Decimal
    locked: Decimal
    unhedged_notional_seconds: Decimal
    halts: tuple[Halt, ...]
    capital: tuple[VenueCapital, ...]
    findings: tuple[Finding, ...]
    lines: tuple[TradeLine, ...]
    suppressions: tuple[SuppressedLine, ...]

    @property
    def invariants(self) -> dict[str, bool | None]:
        return {finding.name: finding.holds for finding in self.findings}

    @property
    def violations(self) -> tuple[str, ...]:
        return tuple(f"{finding.name}: {text}" for finding in self.findings for text in finding.violations)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; dollars and shares are strings. `invariants` is true, false, or null with a note."""
        return {
            "run": self.run,
            "profile": self.profile,
            "mode": self.mode,
            "source": self.source,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "as_of": self.as_of,
            "intents": self.intents,
            "suppressed": self.suppressed,
            "trades": self.trades,
            "outcomes": self.outcomes,
            "fills": self.fills,
            "fees": tidy(self.fees),
            "edge": tidy(self.edge),
            "pnl": tidy(self.pnl),
            "realised": tidy(self.realised),
            "locked": tidy(self.locked),
            "unhedged_notional_seconds": tidy(self.unhedged_notional_seconds),
            "halts": [_halt_dict(halt) for halt in self.halts],
            "capital": [_capital_dict(venue) for venue in self.capital],
            "invariants": self.invariants,
            "invariant_notes": {finding.name: finding.note for finding in self.findings if finding.note},
            "violations": list(self.violations),
            "trade_rows": [_trade_dict(line) for line in self.lines],
            "suppressions": [_suppressed_dict(line) for line in self.suppressions[:_SUPPRESSIONS_SHOWN]],
            "suppressions_omitted": max(len(self.suppressions) - _SUPPRESSIONS_SHOWN, 0),
        }

    def to_json(self) -> str:
        """`to_dict` as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)


def build_report(
    snapshot: Snapshot, venues: Mapping[Venue, VenueSnapshot | None], audit: Iterable[Arrival] | None, now: int
) -> Report:
    """The report of the snapshot's run. `now` (microseconds, wall clock) ends the time of legs that still stand alone.
    `venues` has every venue in use, with None for one that could not be asked.

    The invariants judge the whole ledger, not the run alone: the venue's account knows no runs.
    """
    fills, paid = snapshot.facts.fills_by_intent(), snapshot.facts.redemptions_by_intent()
    mine = {intent.id for intent in snapshot.intents}
    lines = tuple(
        _line(trade, fills.get(trade.id, []), paid.get(trade.id, []), now)
        for trade in snapshot.facts.trades
        if trade.id in mine
    )
    run = snapshot.run
    suppressed = Counter(str(item.gate) for item in snapshot.suppressions)
    outcomes = Counter(str(line.outcome) for line in lines if line.outcome is not None)
    realised = sum((line.realised for line in lines), Decimal(0))
    locked = sum((line.locked for line in lines), Decimal(0))
    return Report(
        run=run.run_id if run else None,
        profile=run.profile if run else None,
        mode=run.mode if run else None,
        source=run.source if run else None,
        started_at=run.started_at if run else None,
        finished_at=run.finished_at if run else None,
        as_of=now,
        intents=len(snapshot.intents),
        suppressed=dict(sorted(suppressed.items())),
        trades=dict(sorted(Counter(str(line.state) for line in lines).items())),
        outcomes=dict(sorted(outcomes.items())),
        fills=sum(line.fills for line in lines),
        fees=sum((line.fees for line in lines), Decimal(0)),
        edge=sum((intent.edge for intent in snapshot.intents), Decimal(0)),
        pnl=realised + locked,
        realised=realised,
        locked=locked,
        unhedged_notional_seconds=sum((line.unhedged_notional_seconds for line in lines), Decimal(0)),
        halts=snapshot.halts,
        capital=snapshot.facts.capital,
        findings=check_venues(snapshot.facts, venues, audit),
        lines=lines,
        suppressions=tuple(
            SuppressedLine(item.pair, item.gate, item.detail, item.edge, item.size, item.at)
            for item in snapshot.suppressions
        ),
    )


def _line(trade: TradeFacts, fills: list[Fill], paid: list[Redemption], now: int) -> TradeLine:
    counted = own_fills(trade.intent, fills)
    pnl = realised_pnl(trade.intent, counted, paid)
    until = min(trade.at, now) if trade.state is TradeState.CLOSED else now
    return TradeLine(
        id=trade.id,
        pair=trade.intent.pair,
        state=trade.state,
        outcome=trade.outcome,
        size=trade.intent.size,
        hedged=trade.hedged,
        unwound=trade.unwound,
        residual=trade.residual,
        fills=len(counted),
        fees=sum((fill.fee for fill in counted), Decimal(0)),
        edge=trade.intent.edge,
        pnl=pnl,
        realised=pnl if trade.state is TradeState.CLOSED else Decimal(0),
        locked=pnl if trade.state is TradeState.SETTLING else Decimal(0),
        unhedged_notional_seconds=unhedged_notional_seconds(trade.intent, counted, until),
        decided_at=trade.intent.decided_at,
    )


def _trade_dict(line: TradeLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "pair": line.pair,
        "state": line.state,
        "outcome": line.outcome,
        "size": tidy(line.size),
        "hedged": tidy(line.hedged),
        "unwound": tidy(line.unwound),
        "residual": tidy(line.residual),
        "fills": line.fills,
        "fees": tidy(line.fees),
        "edge": tidy(line.edge),
        "pnl": tidy(line.pnl),
        "realised": tidy(line.realised),
        "locked": tidy(line.locked),
        "unhedged_notional_seconds": tidy(line.unhedged_notional_seconds),
        "decided_at": line.decided_at,
    }


def _suppressed_dict(line: SuppressedLine) -> dict[str, Any]:
    return {
        "pair": line.pair,
        "gate": line.gate,
        "detail": line.detail,
        "edge": tidy(line.edge),
        "size": tidy(line.size),
        "at": line.at,
    }


def _halt_dict(halt: Halt) -> dict[str, Any]:
    return {
        "id": halt.id,
        "scope": halt.scope,
        "target": halt.target,
        "rule": halt.rule,
        "author": halt.author,
        "reason": halt.reason,
        "at": halt.at,
    }


def _capital_dict(venue: VenueCapital) -> dict[str, Any]:
    return {
        "venue": venue.venue,
        "cash": tidy(venue.cash),
        "reserved": tidy(venue.reserved),
        "free": tidy(venue.free) if venue.free is not None else None,
        "trades": len(venue.held),
    }
