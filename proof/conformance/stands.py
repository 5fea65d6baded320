"""A stand for each venue: keys, the two markets, the session that holds their books, and the exchange's settings."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.fees import FeeModel, FeeSchedule
from domain.market import MarketSpec, Venue
from proof.conformance import sessions
from proof.conformance.stand import OPENING_CASH, Stand
from recording.sources.session import Condition
from recording.sources.tickers import market as kalshi_market
from venues.kalshi.signing import generate_rsa_key

CONFIG = "config.json"
SESSION = "known.session.jsonl.gz"
_V2_BITS = ((1 << 64) - 1) << 40


def prepare(venue: str, folder: Path, faults: Path | None = None) -> dict[str, Any]:
    """Writes keys, session and settings into `folder`; returns what is known of the stand before the exchange runs."""
    known, api_keys = _kalshi(folder) if venue == Venue.KALSHI.value else _polymarket(folder)
    told = {
        "opening_cash": str(OPENING_CASH),
        "api_keys": api_keys,
        "faults_file": None if faults is None else str(faults.absolute()),
    }
    (folder / CONFIG).write_text(json.dumps(told), encoding="ascii")
    return known


def stand_of(known: dict[str, Any], urls: dict[str, str]) -> Stand:
    return Stand(urls=urls, **known)


def _kalshi(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    private, public = generate_rsa_key()
    stranger, _ = generate_rsa_key()
    key_id = str(uuid.uuid4())
    kept = _keep(folder, {"key": private, "other_key": stranger, "key_id": key_id.encode()})
    traded = kalshi_market("KXCONF-26NOV21-AAA", "KXCONF-26NOV21", "The market of the known book")
    tide = kalshi_market("KXTIDE-26NOV21-BBB", "KXTIDE-26NOV21", "The market that moves once")
    sessions.write(traded, tide, (), (), folder / SESSION)
    return _known(folder, kept, traded, tide), {key_id: public.decode()}


def _polymarket(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    kept = _keep(folder, {"key": b"0x" + secrets.token_hex(32).encode()})
    traded, tide = _token("known book", 11), _token("market that moves once", 22)
    neg_risk, newer = _token("market of a neg-risk group", 33), _token("market of protocol V2", 44, newer=True)
    about = (
        *(Condition(spec.market, spec.event, slug=f"conformance-{spec.event[-2:]}") for spec in (traded, tide)),
        Condition(neg_risk.market, neg_risk.event, slug="conformance-21", neg_risk=True),
        Condition(newer.market, newer.event, slug="conformance-2c", version="v2"),
    )
    sessions.write(traded, tide, (neg_risk, newer), about, folder / SESSION)
    others = {"neg-risk": neg_risk.market, "protocol V2": newer.market}
    return _known(folder, kept, traded, tide) | {"complement": traded.complement, "others": others}, {}


def _token(title: str, number: int, *, newer: bool = False) -> MarketSpec:
    """The Yes token of a plain binary condition, with the fees of a sports market."""
    return MarketSpec(
        Venue.POLYMARKET,
        _token_id(number, newer),
        f"0x{number:062x}00" if newer else f"0x{number:064x}",
        f"The {title}",
        FeeSchedule(taker=Decimal("0.05"), maker=Decimal("0"), unit=Decimal("0.000001"), model=FeeModel.POLYMARKET),
        min_size=Decimal("5"),
        outcomes=2,
        min_notional=Decimal("1"),
        outcome="Yes",
        complement=_token_id(number + 1, newer),
    )


def _token_id(number: int, newer: bool) -> str:
    """As large and as mixed as real ones: clients tell protocol V2 by 64 bits that are zero."""
    mixed = int.from_bytes(hashlib.sha256(f"conformance {number}".encode()).digest())
    return str(mixed & ~_V2_BITS if newer else mixed)


def _keep(folder: Path, contents: dict[str, bytes]) -> dict[str, str]:
    for name, content in contents.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    return {name: str(folder / name) for name in contents}


def _known(folder: Path, kept: dict[str, str], traded: MarketSpec, tide: MarketSpec) -> dict[str, Any]:
    return {
        "venue": traded.venue.value,
        "secrets": kept,
        "market": traded.market,
        "tide": tide.market,
        "fee_rate": str(traded.fees.taker),
        "play": {"recording": str(folder / SESSION)},
    }
