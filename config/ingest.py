"""What the decision side is held to besides the prices: readiness, recordings, the quote firewall."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from config.section import Section


class Readiness(Section):
    """When the process may trade; `ingest.readiness` has the machine.

    `settle_ms` is how long everything must have held, a market's book among it, before it is traded on again.
    `clock_ms` is how far our clock may be behind a venue's. `ledger_s` is how long trading goes on with the halts as
    last read while the ledger cannot be asked; what ingest has to say to it goes to the disk meanwhile. `spool_mib` is
    how much of that is kept; beyond it trading pauses. With less than `disk_mib` free where the state folder lies
    nothing is opened, until a quarter more than that is free.
    """

    settle_ms: int = Field(default=1_000, ge=0)
    clock_ms: int = Field(default=500, gt=0)
    ledger_s: int = Field(default=30, ge=0)
    spool_mib: int = Field(default=64, gt=0)
    disk_mib: int = Field(default=512, ge=0)


class Recording(Section):
    """What ingest sees and decides, kept in `recordings/` of the state folder.

    Trading pauses while nothing of it has reached the disk for `behind_s`. The oldest sessions are deleted once all
    together take more than `most_mib`; 0 keeps everything.
    """

    enabled: bool = True
    behind_s: int = Field(default=5, gt=0)
    most_mib: int = Field(default=20_480, ge=0)


class Firewall(Section):
    """The quote firewall (`ingest.firewall`). `markets` names what stands behind it: a venue, or how the names of
    markets or events begin. Spreads in dollars, `lean` and `floor` in ticks, `prior` in dollars per square root of a
    second."""

    markets: tuple[str, ...] = ()
    void: Decimal = Field(default=Decimal("0.50"), gt=0, le=1)
    wide: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)
    still_ms: int = Field(default=5_000, ge=0)
    lean: Decimal = Field(default=Decimal("2"), ge=0)
    sigmas: Decimal = Field(default=Decimal("6"), gt=0)
    floor: Decimal = Field(default=Decimal("2"), ge=0)
    moment_ms: int = Field(default=1_000, gt=0)
    stands_ms: int = Field(default=2_000, ge=0)
    halflife_s: int = Field(default=60, gt=0)
    prior: Decimal = Field(default=Decimal("0.005"), gt=0)
