"""Everything that can be set, and what it may be.

Values are exact: money is a Decimal written as text, times are whole milliseconds. Secrets are never values here: a key
is the path of a file, a password part of a DSN that is never printed.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.admission import Admission
from config.alerts import AlertSettings
from config.ingest import Firewall, Readiness, Recording
from config.section import Section
from config.spot import SpotFeedSettings, WarmCache, trouble_with_spot
from config.venues import Kalshi, Polymarket
from domain.features.params import FeatureParams
from domain.intent import LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams, StrategySpec
from domain.market import Venue

FROM_SESSION: Literal["from session"] = "from session"

Port = int
"""A TCP port on loopback; 0 means: choose a free one, and keep it for the next start."""


class Live(Section):
    """The two deliberate steps without which no order reaches a real exchange.

    `i_accept_the_risk` names the venues that real orders go to: `kalshi`, `polymarket` or `kalshi+polymarket`.
    """

    enabled: bool = False
    i_accept_the_risk: str | None = None


class Postgres(Section):
    """The ledger's database: `dsn` of a server of yours, or null for one kept in the state folder."""

    dsn: str | None = Field(default=None, repr=False)
    port: Port = Field(default=0, ge=0, le=65535)


class Temporal(Section):
    """`address` (host:port) of a cluster of yours, or null for a development server kept in the state folder.

    `binary` names the `temporal` executable; null looks on PATH, then beside the Python interpreter.
    `db` is the development server's file; null puts it in the state folder. `ui` shows the development server's pages
    through a door of ours, on `ui_port`, to whoever opens a link of `surefoot ui`. `seal_keys` is the file of the keys
    that decisions and commands are sealed with, the same on every host; null makes one in the state folder.
    """

    address: str | None = None
    namespace: str = Field(default="default", min_length=1)
    binary: str | None = None
    port: Port = Field(default=0, ge=0, le=65535)
    ui: bool = True
    ui_port: Port = Field(default=0, ge=0, le=65535)
    db: Path | None = None
    seal_keys: Path | None = None


class PaperSession(Section):
    """What the paper exchange plays once all is up; `recording` null leaves it idle until `surefoot play`.

    `recording` is a folder, a file or `synth:SEED`; `from` and `to` bound the window, `speed` multiplies its pace.
    """

    recording: str | None = None
    game: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    speed: float = Field(default=1.0, gt=0, le=1_000)


class PaperPolymarket(Section):
    """The simulator's Polymarket account, apart from its Kalshi account as real ones are. `opening_cash` in dollars."""

    opening_cash: Decimal = Field(default=Decimal("10000"), ge=0)


class Paper(Section):
    """The exchange simulator. `member_unit` is the balance unit in dollars: 0.0001 for direct members, else 0.01.

    `opening_cash` and `member_unit` are the Kalshi account's. `settle_after_ms` is how long after its result a market
    pays. `rudeness` multiplies how often the exchange does what venues do unasked; 0 is polite.
    """

    port: Port = Field(default=0, ge=0, le=65535)
    opening_cash: Decimal = Field(default=Decimal("10000"), ge=0)
    member_unit: Decimal = Decimal("0.0001")
    faults_file: Path | None = None
    read_lag_ms: int = Field(default=0, ge=0)
    settle_after_ms: int = Field(default=1_000, ge=0)
    seed: int = 0
    rudeness: Decimal = Field(default=Decimal(1), ge=0, le=1000)
    polymarket: PaperPolymarket = PaperPolymarket()
    session: PaperSession = PaperSession()


class Worker(Section):
    """The trade worker. Keep `max_cached_workflows` above the trades ever open at once: eviction means full replay.

    With `leave_trades` it starts although open trades of another version do not replay on this one, or have a leg at a
    venue that is not in use; they wait for such a start.
    `graceful_shutdown_ms` must exceed the longest activity, or a stop turns orders in flight into unknowns.
    """

    max_concurrent_workflow_tasks: int = Field(default=100, gt=0)
    max_concurrent_activities: int = Field(default=100, gt=0)
    max_cached_workflows: int = Field(default=1_000, gt=0)
    task_timeout_ms: int = Field(default=2_000, ge=100)
    sticky_timeout_ms: int = Field(default=1_000, ge=100)
    graceful_shutdown_ms: int = Field(default=10_000, ge=0)
    leave_trades: bool = False


class Reconcile(Section):
    """Venue accounts compared with the ledger: at every start, then every `every_s` seconds, and when asked.

    What one look finds is looked at again, `looks` times in all and `look_ms` apart, before it counts: a trade in
    flight is between two steps. An order whose outcome nothing has shown for `unknown_after_s` halts its market.
    `max_loss` dollars lost by trades closed within `loss_window_s` halt everything; null never does.
    `alert_command` is the older name of `alerts.command`, which goes before it.
    """

    every_s: int = Field(default=60, ge=5)
    looks: int = Field(default=3, ge=1, le=10)
    look_ms: int = Field(default=1_000, ge=0, le=10_000)
    unknown_after_s: int = Field(default=120, gt=0)
    max_loss: Decimal | None = Field(default=None, gt=0)
    loss_window_s: int = Field(default=86_400, gt=0)
    alert_command: tuple[str, ...] = ()


class Metrics(Section):
    """Prometheus ports on loopback, one a process; `*_sdk` carry the Temporal SDK's own metrics."""

    temporal: Port = Field(default=0, ge=0, le=65535)
    paper: Port = Field(default=0, ge=0, le=65535)
    worker: Port = Field(default=0, ge=0, le=65535)
    worker_sdk: Port = Field(default=0, ge=0, le=65535)
    ingest: Port = Field(default=0, ge=0, le=65535)
    ingest_sdk: Port = Field(default=0, ge=0, le=65535)


class Logging(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    """The whole configuration of one state folder; `config.load.load` builds it and names the source of each value."""

    name: str = Field(default="paper", min_length=1)
    """What runs and reports call this configuration."""
    state_dir: Path = Path(".surefoot")
    mode: Literal["paper", "live"] = "paper"
    live: Live = Live()
    venues: tuple[Literal["kalshi", "polymarket"], ...] = ("kalshi",)
    """The venues in use, each once: accounts that are traded and reconciled, feeds that are read."""
    postgres: Postgres = Postgres()
    temporal: Temporal = Temporal()
    kalshi: Kalshi = Kalshi()
    polymarket: Polymarket = Polymarket()
    paper: Paper = Paper()
    sets: Literal["from session"] | tuple[tuple[str, ...], ...] = FROM_SESSION
    strategy: SetParams = SetParams()
    cross: CrossParams = CrossParams()
    strategies: tuple[StrategySpec, ...] = ()
    """The strategies to run, in this order; none: one on sets by `strategy`, one on claims by `cross`."""
    gates: GateLimits = GateLimits()
    gates_polymarket: GateLimits = GateLimits()
    readiness: Readiness = Readiness()
    recording: Recording = Recording()
    firewall: Firewall = Firewall()
    policy: LegPolicy = LegPolicy()
    spot: tuple[SpotFeedSettings, ...] = ()
    """The spot feeds that run; none by default."""
    features: FeatureParams = FeatureParams()
    warm_cache: WarmCache = WarmCache()
    worker: Worker = Worker()
    admission: Admission = Admission()
    reconcile: Reconcile = Reconcile()
    alerts: AlertSettings = AlertSettings()
    metrics: Metrics = Metrics()
    logging: Logging = Logging()

    @property
    def in_use(self) -> tuple[Venue, ...]:
        return tuple(Venue(name) for name in self.venues)

    @property
    def venue_gates(self) -> dict[Venue, GateLimits]:
        """The limits of each venue that has some of its own; `gates` hold at every other."""
        return {Venue.POLYMARKET: self.gates_polymarket}

    @model_validator(mode="after")
    def _live_is_deliberate(self) -> Self:
        if self.mode != "live":
            return self
        sections: dict[Venue, Kalshi | Polymarket] = {Venue.KALSHI: self.kalshi, Venue.POLYMARKET: self.polymarket}
        missing = []
        if not self.live.enabled:
            missing.append("live.enabled: true")
        named = "+".join(sorted(self.venues))
        if "+".join(sorted((self.live.i_accept_the_risk or "").split("+"))) != named:
            missing.append(f'live.i_accept_the_risk: "{named}"')
        for venue in self.in_use:
            missing += sections[venue].missing_for_live()
        if self.sets == FROM_SESSION:
            missing.append("sets: an explicit list of lists of markets, one of which pays for certain")
        if missing:
            raise ValueError(
                f"mode live sends real orders and is refused until these are set too: {'; '.join(missing)}"
            )
        return self

    @model_validator(mode="after")
    def _spot_fits(self) -> Self:
        if trouble := trouble_with_spot(
            self.spot, self.features, self.polymarket.credentials_file, live=self.mode == "live"
        ):
            raise ValueError(trouble)
        return self

    @model_validator(mode="after")
    def _sane(self) -> Self:
        policy, gates = self.policy, self.gates
        if not self.venues or len(set(self.venues)) < len(self.venues):
            raise ValueError(
                f"venues: [{', '.join(self.venues)}]; expected one or more of kalshi, polymarket, each once"
            )
        for section, unit in (("paper", self.paper.member_unit), ("kalshi", self.kalshi.member_unit)):
            if unit not in (Decimal("0.0001"), Decimal("0.01")):
                raise ValueError(f"{section}.member_unit {unit}: Kalshi knows 0.0001 and 0.01 dollars")
        negative = [
            name
            for name, value in (
                ("policy.leg_b_slack", policy.leg_b_slack),
                ("policy.loss_budget", policy.loss_budget),
                ("policy.dust", policy.dust),
                ("policy.max_quote_age_ms", policy.max_quote_age_ms - 1),
                ("policy.max_leg_delay_ms", policy.max_leg_delay_ms - 1),
                ("policy.absence_grace_ms", policy.absence_grace_ms),
                ("policy.evidence_poll_ms", policy.evidence_poll_ms - 1),
                ("gates.max_book_age_ms", gates.max_book_age_ms - 1),
                ("gates.max_skew_ms", gates.max_skew_ms),
                ("gates.max_lag_ms", gates.max_lag_ms - 1),
                ("gates.max_open_per_pair", gates.max_open_per_pair - 1),
            )
            if value < 0
        ]
        if negative:
            raise ValueError(f"{', '.join(negative)}: too small; times and counts start at 1, money at 0")
        for outcomes in () if self.sets == FROM_SESSION else self.sets:
            if not 2 <= len(set(outcomes)) == len(outcomes):
                raise ValueError(f"sets: [{', '.join(outcomes)}] is no set; expected two or more different markets")
        return self
