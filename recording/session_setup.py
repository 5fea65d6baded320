"""What a session file says before and after its events: how the engine was set up, and what the run came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import msgspec

from domain.admission import AdmissionLimits
from domain.claims import EquivalenceRecord
from domain.decisions import Suppression
from domain.errors import BadInput
from domain.features.params import FeatureParams
from domain.intent import Intent, LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams, StrategySpec
from domain.market import MarketSpec, Venue
from ingest.engine import Engine
from ingest.guard import FirewallRules
from ingest.sets import MOST, OutcomeSet
from ingest.strategies.registry import strategies_of

FORMAT = "surefoot-recording"
VERSION = 1


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Everything besides the input that a decision depends on."""

    strategy: SetParams = SetParams()
    cross: CrossParams = CrossParams()
    gates: GateLimits = GateLimits()
    venue_gates: dict[Venue, GateLimits] = {}
    policy: LegPolicy = LegPolicy()
    features: FeatureParams = FeatureParams()
    settle_ms: int = 0
    firewall: FirewallRules = FirewallRules()
    admission: AdmissionLimits = AdmissionLimits(None, None)
    strategies: tuple[StrategySpec, ...] = ()


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of every part of a session.

    `instruments` are all that can be traded, second tokens included; `sets` the tickers of each set the engine watched;
    `claims` the records it looked at, `paper` whether those that a recording declares counted. `yes_price` says how
    Kalshi's frames write NO levels. `origin` says where the events came from, `notes` what its reader found, for
    people. `part` counts the files of one session from 1; `started_at` is microseconds of wall clock, for an import
    those of its first event.
    """

    format: str = FORMAT
    version: int = VERSION
    name: str
    origin: str
    part: int = 1
    started_at: int = 0
    instruments: tuple[MarketSpec, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()
    claims: tuple[EquivalenceRecord, ...] = ()
    paper: bool = False
    yes_price: bool = True
    rules: Rules = Rules()
    notes: tuple[str, ...] = ()


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a part that was closed properly.

    `fingerprint` is that of every decision since the session began, in this part and those before; so are the counts.
    `ended` says whether the session ends here; otherwise another part follows.
    """

    fingerprint: str
    events: int
    intents: int
    suppressed: int
    dropped: int
    ended: bool


_setup = msgspec.json.Decoder(Setup)
_footer = msgspec.json.Decoder(Footer)


def encode_setup(setup: Setup) -> bytes:
    return msgspec.json.encode(_said(setup))


def decode_setup(line: bytes, name: str) -> Setup:
    """Raises BadInput (`bad_version`) for what another program or version wrote."""
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
        if (said.get("format"), said.get("version")) != (FORMAT, VERSION):
            raise BadInput(
                f"{name}: format {said.get('format')!r} version {said.get('version')!r}; this program reads "
                f"{FORMAT!r} version {VERSION}. Read it with the version that wrote it",
                "bad_version",
            )
        return _setup.decode(line)
    except msgspec.DecodeError as wrong:
        raise BadInput(f"{name}: its first line is no set-up of a session ({wrong})", "bad_header") from None


def encode_footer(footer: Footer) -> bytes:
    return msgspec.json.encode(footer)


def decode_footer(line: bytes, name: str) -> Footer:
    try:
        return _footer.decode(line)
    except msgspec.DecodeError as wrong:
        raise BadInput(f"{name}: its last line is no end of a session ({wrong})", "bad_footer") from None


def whole_sets(instruments: Sequence[MarketSpec]) -> tuple[tuple[str, ...], ...]:
    """The sets among `instruments` whose venue says how many outcomes there are and all are here; others are left out,
    since a missing outcome would be a loss."""
    events: dict[tuple[Venue, str], list[MarketSpec]] = {}
    for spec in instruments:
        events.setdefault((spec.venue, spec.event), []).append(spec)
    return tuple(
        tuple(spec.market for spec in group)
        for group in events.values()
        if 2 <= len(group) <= MOST
        and all(spec.outcomes == len(group) and spec.payoff == group[0].payoff for spec in group)
    )


def engine_of(
    setup: Setup,
    on_intent: Callable[[Intent], None],
    on_suppressed: Callable[[Suppression], None],
    make: Callable[..., Engine] = Engine,
) -> Engine:
    """The engine as `setup` describes it. `make` is Engine or what takes its arguments.

    Raises BadInput (`no_market`) for a set or a claim on an instrument that the set-up does not name, and (`config`)
    for a strategy that this program does not have.
    """
    known = {spec.market: spec for spec in setup.instruments}
    rules = setup.rules
    sets = [OutcomeSet(tuple(_named(market, known, setup.name) for market in group)) for group in setup.sets]
    return make(
        strategies_of(rules, sets, setup.instruments, setup.claims, paper=setup.paper),
        rules.gates,
        on_intent,
        on_suppressed,
        venue_limits=rules.venue_gates,
        yes_price=setup.yes_price,
        features=rules.features,
        settle=rules.settle_ms * 1000,
        firewall=rules.firewall,
        admission=rules.admission,
    )


def _named(market: str, known: Mapping[str, MarketSpec], name: str) -> MarketSpec:
    spec = known.get(market)
    if spec is None:
        raise BadInput(f"{name}: a set names {market}, which is none of its instruments", "no_market")
    return spec


def _said(value: Any) -> Any:
    """As JSON, without what holds its default: a field that comes later changes no older line."""
    if isinstance(value, msgspec.Struct):
        return {name: _said(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, (tuple, list)):
        return [_said(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _said(one) for key, one in value.items()}
    if not is_dataclass(value):
        return msgspec.to_builtins(value)
    named = ((one, getattr(value, one.name)) for one in fields(value))
    return {one.name: _said(said) for one, said in named if said != one.default or one.default is MISSING}
