"""The paths a trade can take, each brought about on purpose: by what the intent asks of standing books, by a fault of
the exchange that names one order, or by a person's command."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.fees import FeeSchedule
from domain.intent import Intent, IntentLeg, LegPolicy
from domain.market import Venue
from domain.orders import Side, TimeInForce, client_order_id
from proof.chaos.books import POOL_FEES, POOL_LEAST, ticker, token
from proof.chaos.broken import PREFIX
from venues.polymarket.orders import salt_of
from workers.trading import wall_clock_us

_SIZE = Decimal(5)
_TTL_US = 8_000_000
_HOUR_MS = 3_600_000
_ALWAYS = 1_000  # every copy of the order that a trade sends again
_CACHED_MS = 4_000
# Trades that wait for a payment nobody makes are thousands by the end: they ask once, and then not for an hour. A book
# read slowly by a busy machine is not refused here: that is another path, and would make a path a matter of luck.
_POLICY = LegPolicy(
    absence_grace_ms=500,
    repair_deadline_ms=20_000,
    max_quote_age_ms=10_000,
    max_leg_delay_ms=10_000,
    settle_poll_ms=_HOUR_MS,
    settle_slowest_ms=_HOUR_MS,
)
_TIGHT = replace(_POLICY, repair_deadline_ms=500, loss_budget=Decimal("0.05"))
_PAID = replace(_POLICY, settle_poll_ms=500, settle_slowest_ms=1_000)

_moments = itertools.count(wall_clock_us())

Faults = Callable[[Intent], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Path:
    """`make` gives the intent of trade number n, None for the path that ingest decides by itself; `events` are those it
    trades on that do not always stand. `operator` is the command that ends it once it is stuck; `resolved` says that
    its markets pay when it waits for that, `halted` that a person has stopped them."""

    name: str
    make: Callable[[int], Intent] | None
    events: Callable[[int], tuple[str, ...]] = lambda n: ()
    faults: Faults = lambda intent: []
    operator: str = ""
    resolved: bool = False
    halted: bool = False


@dataclass(frozen=True, slots=True)
class _Leg:
    market: str
    limit: str
    tif: TimeInForce = TimeInForce.IOC
    rest_ms: int = 0
    side: Side = Side.BUY
    venue: Venue = Venue.KALSHI

    @property
    def fees(self) -> FeeSchedule:
        return FeeSchedule() if self.venue is Venue.KALSHI else POOL_FEES

    @property
    def least(self) -> Decimal:
        return Decimal("0.01") if self.venue is Venue.KALSHI else POOL_LEAST


def _intent(path: str, *legs: _Leg, policy: LegPolicy = _POLICY) -> Intent:
    """Five shares of each leg, decided now; no two are alike."""
    now = max(wall_clock_us(), next(_moments))
    made = []
    for name, leg in zip("ABC", legs, strict=False):
        limit = Decimal(leg.limit)
        price = limit if leg.side is Side.BUY else -limit
        made.append(
            IntentLeg(
                name=name,
                venue=leg.venue,
                market=leg.market,
                side=leg.side,
                size=_SIZE,
                limit=limit,
                expected_cost=price * _SIZE + leg.fees.trade_fee(limit, _SIZE),
                fees=leg.fees,
                tif=leg.tif,
                rest_ms=leg.rest_ms,
                min_size=leg.least,
            )
        )
    return Intent(
        strategy="chaos",
        strategy_version="1",
        pair=path,
        legs=tuple(made),
        payoff=Decimal(1 if legs[0].side is Side.BUY else -1),
        edge=Decimal("0.1"),
        decided_at=now,
        expires_at=now + _TTL_US,
        policy=policy,
        evidence=(),
    )


def _pair(path: str, event: str, a: str = "0.45", b: str = "0.45", policy: LegPolicy = _POLICY) -> Intent:
    return _intent(path, _Leg(ticker(event, "RED"), a), _Leg(ticker(event, "BLUE"), b), policy=policy)


def _fault(leg: str, do: str, **details: Any) -> Faults:
    """The first order of `leg` goes wrong, or otherwise than usual."""
    return lambda intent: [{"match": {"method": "POST"} | _first_order(intent, leg), "do": do, **details}]


def _settles(leg: str, do: str, **details: Any) -> Faults:
    """What the first order of `leg` matched is settled otherwise than usual."""
    return lambda intent: [{"match": {"event": "settlement"} | _first_order(intent, leg), "do": do, **details}]


def _first_order(intent: Intent, leg: str) -> dict[str, Any]:
    """How a fault names it: Polymarket is not told our id, but its salt is made from that."""
    name = client_order_id(intent.id, leg, 1)
    venue = next(one.venue for one in intent.legs if one.name == leg)
    return {"client_order_id": name} if venue is Venue.KALSHI else {"salt": salt_of(name)}


def _calm(path: str, faults: Faults = lambda intent: []) -> Path:
    return Path(path, lambda n: _pair(path, "CALM"), faults=faults)


def _stuck(path: str, operator: str) -> Path:
    return Path(path, lambda n: _pair(path, "TRAP", b="0.44", policy=_TIGHT), operator=operator)


def _raises(then: str, operator: str) -> Path:
    """Its own code raises with leg A filled (see `broken`): it is parked until a person ends it, or lets it go on."""
    name = f"{PREFIX}{then}"
    return Path(name, lambda n: _pair(name, f"BROKEN-{n}"), lambda n: (f"BROKEN-{n}",), operator=operator)


def _resting(path: str, event: Callable[[int], str], limit: str) -> Path:
    def make(n: int) -> Intent:
        a = _Leg(ticker(event(n), "RED"), limit, TimeInForce.GTC, rest_ms=400)
        return _intent(path, a, _Leg(ticker(event(n), "BLUE"), "0.45"))

    return Path(path, make, lambda n: (event(n),))


def _pool(event: str, tif: TimeInForce = TimeInForce.IOC) -> _Leg:
    """A leg at Polymarket; one that rests does so for 400 ms."""
    rest_ms = 400 if tif is TimeInForce.GTC else 0
    return _Leg(token(event, "RED"), "0.45", tif, rest_ms, venue=Venue.POLYMARKET)


def _cross(path: str, faults: Faults = lambda intent: [], b: str = "0.45", on: str = "CALM") -> Path:
    """Leg A at Polymarket, leg B at Kalshi."""
    return Path(path, lambda n: _intent(path, _pool("POOL"), _Leg(ticker(on, "BLUE"), b)), faults=faults)


def _cross_resting(n: int) -> Intent:
    """Two shares stand at Polymarket, three rest and are cancelled."""
    a = _pool(f"POOLTHIN-{n}", tif=TimeInForce.GTC)
    return _intent("cross-rested", a, _Leg(ticker("CALM", "BLUE"), "0.45"))


def _cross_paid(path: str, faults: Faults = lambda intent: []) -> Path:
    """Both venues pay, what no other path trades on."""

    def events(n: int) -> tuple[str, ...]:
        return tuple(f"{kind}-{path.upper()}-{n}" for kind in ("POOLPAID", "PAID"))

    def make(n: int) -> Intent:
        pool, event = events(n)
        return _intent(path, _pool(pool), _Leg(ticker(event, "BLUE"), "0.45"), policy=_PAID)

    return Path(path, make, events, faults, resolved=True)


def _second(path: str, faults: Faults = lambda intent: []) -> Path:
    """Leg A at Kalshi, leg B at Polymarket."""
    return Path(path, lambda n: _intent(path, _Leg(ticker("CALM", "BLUE"), "0.45"), _pool("POOL")), faults=faults)


def _all_or_none(n: int) -> Intent:
    """Five shares or none, where two stand."""
    red = _Leg(ticker(f"THIN-{n}", "RED"), "0.45", TimeInForce.FOK)
    return _intent("all-or-none", red, _Leg(ticker(f"THIN-{n}", "BLUE"), "0.45"))


def _short(n: int) -> Intent:
    return _intent("short", *(_Leg(ticker("RICH", colour), "0.55", side=Side.SELL) for colour in ("RED", "BLUE")))


def _basket(n: int) -> Intent:
    return _intent("basket", *(_Leg(ticker(f"BASKET-{leg}", "RED"), "0.30") for leg in range(3)))


PATHS: tuple[Path, ...] = (
    _calm("hedged"),
    Path("missed", lambda n: _pair("missed", "CALM", a="0.40")),
    Path("completed", lambda n: _pair("completed", "CALM", b="0.44")),
    Path("unwound", lambda n: _pair("unwound", "CLIFF", b="0.44")),
    _calm("partial-a", _fault("A", "partial", fraction="0.4")),
    _calm("partial-b", _fault("B", "partial", fraction="0.4")),
    _calm("a-lost-present", _fault("A", "lost_answer")),
    _calm("a-lost-absent", _fault("A", "lost_request")),
    _calm("b-lost-present", _fault("B", "lost_answer")),
    _calm("b-lost-absent", _fault("B", "lost_request")),
    _resting("rested-missed", lambda n: "CALM", "0.40"),
    _resting("rested-filled", lambda n: f"THIN-{n}", "0.45"),
    Path("all-or-none", _all_or_none, lambda n: (f"THIN-{n}",)),
    Path("basket", _basket),
    Path("short", _short),
    _stuck("stuck-unwind", "unwind"),
    _stuck("stuck-accept", "accept"),
    _stuck("stuck-adopt", "adopt"),
    _stuck("stuck-flat", "flat"),
    Path("halted", lambda n: _pair("halted", "HALTED"), halted=True),
    Path("settled", lambda n: _pair("settled", f"PAID-{n}", policy=_PAID), lambda n: (f"PAID-{n}",), resolved=True),
    Path("decided", None, lambda n: (f"DECIDED-{n}",)),
    _cross("cross-lost-present", _fault("A", "lost_answer")),
    _cross("cross-lost-absent", _fault("A", "lost_request")),
    _cross("cross-unwound", b="0.44", on="CLIFF"),
    _second("second-lost-present", _fault("B", "lost_answer")),
    _second("second-lost-absent", _fault("B", "lost_request")),
    Path("cross-rested", _cross_resting, lambda n: (f"POOLTHIN-{n}",)),
    _cross_paid("cross-settled"),
    _cross_paid("cross-void", _settles("A", "fail")),
    _calm("a-uneven", _fault("A", "improve", ticks=2, shares="1.31")),
    _calm("b-uneven", _fault("B", "makers", count=3)),
    _cross("cross-uneven", _fault("A", "merge", count=2, ticks=1, shares="1.31")),
    _second("second-uneven", _fault("B", "merge", count=2, ticks=1, shares="1.31")),
    _calm("b-refused", _fault("B", "refuse", times=_ALWAYS)),
    _second("second-refused", _fault("B", "refuse", times=_ALWAYS)),
    _calm("b-no-order-present", _fault("B", "no_order", when="after")),
    _calm("b-no-order-absent", _fault("B", "no_order", when="before")),
    _second("second-no-order-present", _fault("B", "no_order", when="after")),
    _second("second-no-order-absent", _fault("B", "no_order", when="before")),
    _calm("b-beyond", _fault("B", "beyond")),
    _second("second-beyond", _fault("B", "beyond")),
    _cross("cross-retried", _settles("A", "retry")),
    _cross("cross-cached", _settles("A", "cached", ms=_CACHED_MS), b="0.44", on="CLIFF"),
    _raises("unwound", "unwind"),
    _raises("retried", "retry"),
)
