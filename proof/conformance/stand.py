"""What one run offers its client: addresses, keys, two markets with known books, and what they cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Literal

OPENING_CASH = Decimal(1000)

BIDS = {Decimal("0.48"): Decimal(100), Decimal("0.47"): Decimal(200)}
ASKS = {Decimal("0.52"): Decimal(30), Decimal("0.53"): Decimal(50), Decimal("0.55"): Decimal(200)}
"""The known book of the market that is traded. It does not move by itself."""

TIDE_BIDS = {Decimal("0.30"): Decimal(100)}
TIDE_ASKS = {Decimal("0.60"): Decimal(100)}
TIDE_PRICE = Decimal("0.40")
TIDE_LOW = Decimal("0.35")
TIDE_SECONDS = 8
"""The other market: some seconds into the session its asks fall to `TIDE_LOW`, through an order that rests above."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Written by the runner, read by the client's process. `urls` by name: rest, ws (Kalshi), clob, gamma, market_ws,
    user_ws (Polymarket), admin. `secrets` names files, never their content. `fee_rate` is the taker's. `complement` is
    the other token of the traded market, where each outcome is an instrument; `others` are markets of another kind, by
    its name, with the known book."""

    venue: Literal["kalshi", "polymarket"]
    urls: dict[str, str]
    secrets: dict[str, str]
    market: str
    tide: str
    fee_rate: str
    complement: str = ""
    others: dict[str, str] = field(default_factory=dict)
    opening_cash: str = str(OPENING_CASH)
    play: dict[str, Any] = field(default_factory=dict)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Everything the script may come to hold."""
        return tuple(filter(None, (self.market, self.tide, self.complement, *self.others.values())))

    def fee(self, price: Decimal, size: Decimal) -> Decimal:
        """What a taker's fill costs by the venue's published rule, in dollars.

        Kalshi: rate·C·P·(1−P) rounded up to $0.0001 (docs.kalshi.com/getting_started/fee_rounding). Polymarket: the
        same product to the nearest $0.00001 (docs.polymarket.com/trading/fees).
        """
        exact = Decimal(self.fee_rate) * size * price * (1 - price)
        if self.venue == "kalshi":
            return exact.quantize(Decimal("0.0001"), ROUND_CEILING)
        return exact.quantize(Decimal("0.00001"), ROUND_HALF_UP)

    def secret(self, name: str) -> str:
        return Path(self.secrets[name]).read_text(encoding="ascii")

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="ascii")

    @classmethod
    def read(cls, path: Path) -> Stand:
        return cls(**json.loads(path.read_text(encoding="ascii")))
