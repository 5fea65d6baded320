"""Polymarket's orders: from a ticket to the bytes on the wire, and what of it each part takes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from decimal import Decimal

from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side, TimeInForce
from proof.bench.figures import emit, percentiles
from venues.polymarket.auth import l2_headers
from venues.polymarket.keccak import keccak256
from venues.polymarket.orders import OrderRules, make_body, signed_order, wire_body
from venues.polymarket.wallet import Credentials, SignatureType, Wallet

_TARGET = "p50 ≤ 1 ms"
_TOKEN = "52114319501245915516055106046884209969926127482827954674443846427813813222426"  # noqa: S105 - an outcome, not a secret
_OWNER = "00000000-0000-4000-8000-000000000000"
_SECRET = "c3VyZWZvb3QncyBiZW5jaCwgbm9ib2R5J3Mgc2VjcmV0"  # noqa: S105 - nobody's
_KEY = "0x" + "59" * 32
_FUNDER = "0x" + "d3" * 20


def run(command: str, count: int = 3_000) -> None:
    """One figure a wallet kind for the whole, then its parts for an EOA."""
    eoa = Wallet.from_hex(_KEY)
    deposit = Wallet.from_hex(_KEY, funder=_FUNDER, signature_type=SignatureType.DEPOSIT)
    rules = OrderRules(_TOKEN, "v1", False, Decimal("0.01"))
    tickets = [_ticket(number) for number in range(count)]
    for name, wallet in (("EOA", eoa), ("deposit wallet", deposit)):
        spent = _time(lambda n, wallet=wallet: make_body(tickets[n], rules, wallet, _OWNER), count)  # type: ignore[misc]
        emit("order: sign and serialise", "µs", command, {"wallet": name, **percentiles(spent)}, _TARGET)
    digests = [keccak256(str(number).encode()) for number in range(count)]
    emit("part: signature", "µs", command, percentiles(_time(lambda n: eoa.sign(digests[n]), count)))
    signed = signed_order(tickets[0], rules, eoa)
    emit("part: JSON", "µs", command, percentiles(_time(lambda n: wire_body(signed, _OWNER), count)))
    body, credentials = wire_body(signed, _OWNER), Credentials(_OWNER, _SECRET, "phrase")
    headers = _time(lambda n: l2_headers(eoa.address, credentials, "POST", "/order", body, now_s=n), count)
    emit("part: L2 headers", "µs", command, percentiles(headers))


def _ticket(number: int) -> OrderTicket:
    return OrderTicket(
        intent_id=f"i-{number:032x}",
        leg="A",
        attempt=1,
        purpose=Purpose.OPEN,
        venue=Venue.POLYMARKET,
        market=_TOKEN,
        side=Side.BUY,
        size=Decimal(100 + number % 100),
        limit=Decimal(number % 90 + 5) / 100,
        tif=TimeInForce.IOC,
        decided_at=1_795_000_000_000_000 + number * 1_000,
    )


def _time(work: Callable[[int], object], count: int) -> list[float]:
    for number in range(min(count, 100)):
        work(number)
    spent = []
    gc.collect()
    gc.disable()
    try:
        for number in range(count):
            begun = time.perf_counter_ns()
            work(number)
            spent.append((time.perf_counter_ns() - begun) / 1000)
    finally:
        gc.enable()
    return spent
