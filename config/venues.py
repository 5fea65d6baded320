"""The real exchanges, one section each, used only in mode live; and what each still lacks before it may be traded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from config.section import Section

SignatureType = Literal["eoa", "proxy", "safe", "deposit"]

Tier = Literal["standard", "copper", "bronze", "silver", "gold", "platinum", "diamond", "elite"]


class Kalshi(Section):
    """The default is Kalshi's demo environment.

    `member_unit` is the unit your balance is rounded to, in dollars: 0.01, or 0.0001 for direct members. Too coarse a
    guess makes edges look smaller than they are, too fine a one larger.
    `order_groups` are the ids of order groups that orders opening a trade join, by exchange shard, shard 0 first; an
    empty text for a shard without.

    Source: docs.kalshi.com/getting_started/api_environments; demo and production keys are not interchangeable.
    """

    base_url: str = "https://external-api.demo.kalshi.co/trade-api/v2"
    ws_url: str = "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"
    key_id: str | None = None
    private_key_file: Path | None = None
    member_unit: Decimal = Decimal("0.01")
    order_groups: tuple[str, ...] = ()
    connect_timeout_ms: int = Field(default=2_000, gt=0)
    read_timeout_ms: int = Field(default=5_000, gt=0)

    def missing_for_live(self) -> list[str]:
        """The keys without which no order can be signed here."""
        missing: list[str] = []
        if not self.key_id:
            missing.append("kalshi.key_id")
        if self.private_key_file is None:
            missing.append("kalshi.private_key_file (the path of a PEM file)")
        return missing


class Polymarket(Section):
    """The addresses are production's: Polymarket has no test environment that takes everybody.

    `signer_key_file` holds the signer's private key as 64 hex digits, `credentials_file` the API key made with it, as
    JSON with the keys `apiKey`, `secret` and `passphrase`; both readable by their owner alone. `funder` is the wallet
    that holds the money, `signature_type` how its signer speaks for it: `eoa` for itself (then `funder` may be null),
    `proxy` and `safe` for the wallets of the web site, `deposit` for a deposit wallet.
    With `merge` complete sets are handed back for their payoff through that wallet by the venue's relayer, which takes
    no calls of an `eoa`; `relayer_key_file` holds its API key as JSON with the keys `key` and `address`. `tier` bounds
    how fast orders and cancels leave. With `heartbeat` the venue cancels everything that rests once ingest stops
    answering for us.

    Source: docs.polymarket.com/api-reference (addresses, authentication, trading rate limits, heartbeats).
    """

    clob_url: str = "https://clob.polymarket.com"
    gamma_url: str = "https://gamma-api.polymarket.com"
    data_url: str = "https://data-api.polymarket.com"
    relayer_url: str = "https://relayer-v2.polymarket.com"
    ws_url: str = "wss://ws-subscriptions-clob.polymarket.com/ws"
    geoblock_url: str = "https://polymarket.com/api/geoblock"
    signer_key_file: Path | None = None
    credentials_file: Path | None = None
    funder: str | None = Field(default=None, pattern=r"^0x[0-9a-fA-F]{40}$")
    signature_type: SignatureType = "eoa"
    tier: Tier = "standard"
    merge: bool = False
    relayer_key_file: Path | None = None
    heartbeat: bool = False
    connect_timeout_ms: int = Field(default=2_000, gt=0)
    read_timeout_ms: int = Field(default=5_000, gt=0)

    def missing_for_live(self) -> list[str]:
        """The keys without which no order can be signed here."""
        missing: list[str] = []
        if self.signer_key_file is None:
            missing.append("polymarket.signer_key_file (the path of a file with the key in hex)")
        if self.credentials_file is None:
            missing.append("polymarket.credentials_file (the path of a JSON file)")
        if self.signature_type != "eoa" and self.funder is None:
            missing.append(f"polymarket.funder (the wallet's address: signature_type is {self.signature_type})")
        if self.merge and self.signature_type == "eoa":
            missing.append(
                "polymarket.merge: false, or polymarket.signature_type: proxy, safe or deposit (the relayer carries no "
                "calls of a key that holds its money itself: an eoa waits for the markets to pay)"
            )
        elif self.merge and self.relayer_key_file is None:
            missing.append("polymarket.relayer_key_file (the path of a JSON file; polymarket.merge needs it)")
        return missing
