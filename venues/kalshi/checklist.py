"""Before trading on Kalshi: clock, key, collateral by shard, limits, the exchange itself. What was seen, what to do.

Every line stands for itself: one that cannot be looked at says so and the others go on. What hangs on each read:

| read | trading needs it | without it |
|---|---|---|
| clock (the `Date` of `/exchange/status`, else of `/portfolio/balance`) | yes | signatures far off are refused |
| key (`/api_keys`: scopes, attestation) | yes | nobody knows whether the key may trade, or until when |
| collateral (`/portfolio/balance`, `/markets/…`: shards) | yes | nobody knows whether an order can be paid |
| transfers (`/portfolio/intra_exchange_instance_transfers`) | no | money under way is not shown |
| limits (`/account/limits`, `/account/endpoint_costs`) | no | the documented limits of the lowest tier are kept to |
| exchange (`/exchange/status`) | no | an order sent in a pause gets the venue's own refusal |
| maintenance (`/exchange/schedule`) | no | a pause says no end |
| announcements (`/exchange/announcements`) | no | read them at the venue |
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.money import plain
from venues.checklist import Check, Finding, LookAt, Weight, look_at
from venues.kalshi.client import KalshiClient
from venues.kalshi.hours import next_window
from venues.kalshi.order_messages import ApiKeys
from venues.kalshi.shards import helpful_move

_OFF_BY = 5_000_000  # µs: the venue took 5 s and refused 30
_SOON = 86_400_000_000  # µs
_LAPSES_SOON = 7 * _SOON  # an attestation takes a person, and a weekend may lie between
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SLOW = 100  # writes a second of the lowest tier
ATTESTED = "Sports, Elections and Entertainment"
"""Categories that a key may trade only while its holder's location is attested."""

_TRADES = frozenset({"write", "write::trade"})
_MOVES_MONEY = frozenset({"write", "write::transfer"})


async def checklist(client: KalshiClient, key_id: str, markets: Sequence[str] = ()) -> list[Check]:
    """`key_id` is the key the client signs with, `markets` what is to be traded: their shards need money."""
    return await look_at(
        "kalshi",
        (
            LookAt("clock", Weight.NEEDED, lambda: _clock(client)),
            LookAt("key", Weight.NEEDED, lambda: _key(client, key_id)),
            LookAt("collateral", Weight.NEEDED, lambda: _collateral(client, markets)),
            LookAt("transfers", Weight.INFORMS, lambda: _transfers(client)),
            LookAt("limits", Weight.INFORMS, lambda: _limits(client)),
            LookAt("exchange", Weight.INFORMS, lambda: _exchange(client)),
            LookAt("maintenance", Weight.INFORMS, lambda: _maintenance(client)),
            LookAt("announcements", Weight.INFORMS, lambda: _announcements(client)),
        ),
    )


async def _clock(client: KalshiClient) -> list[Check]:
    skew = await client.clock_skew()
    seen = f"{skew.offset / 1e6:+.1f} s against the venue's, ± {skew.error / 1e6:.1f} s"
    if abs(skew.offset) - skew.error > _OFF_BY:
        fix = "set this machine's clock (NTP): signatures further off are refused"
        return [Check("kalshi clock", "fail", seen, fix)]
    return [Check("kalshi clock", "ok", seen)]


async def _key(client: KalshiClient, key_id: str) -> list[Check]:
    name = "kalshi key"
    keys = await client.wire.get("/api_keys", ApiKeys)
    key = next((one for one in keys.api_keys if one.api_key_id == key_id), None)
    if key is None:
        return [Check(name, "warn", "the venue does not list the key it just accepted", "compare kalshi.key_id")]
    scopes, seen = set(key.scopes), f"scopes {', '.join(sorted(key.scopes)) or 'none'}"
    lines = []
    if not scopes & _TRADES:
        lines.append(Check(name, "fail", seen, "make a key with the scopes read and write::trade"))
    elif scopes & _MOVES_MONEY:
        lines.append(Check(name, "warn", f"{seen}: it can move money", "trade with read and write::trade alone"))
    else:
        lines.append(Check(name, "ok", seen))
    if key.subaccount is not None:
        fix = "its balance has no shards to tell apart: keep its money on the shards of its markets"
        lines.append(Check("kalshi subaccount", "warn", f"the key is locked to subaccount {key.subaccount}", fix))
    else:
        lines.append(Check("kalshi subaccount", "ok", "the primary one, 0"))
    lapses = keys.api_key_region_expiration_ts
    if lapses is not None:
        at, now = lapses * 1_000_000, client.wire.clock()
        left, seen = at - now, f"of location, until {_text(at)}"
        verdict: Finding = "fail" if left <= 0 else "warn" if left <= _LAPSES_SOON else "ok"
        fix = (
            "" if verdict == "ok" else f"attest your location at the venue again: after it {ATTESTED} may not be traded"
        )
        lines.append(Check("kalshi attestation", verdict, seen, fix))
    return lines


async def _collateral(client: KalshiClient, markets: Sequence[str]) -> list[Check]:
    """One line a shard that holds money or is needed."""
    held = {int(name): amount for name, amount in (await client.pools()).items()}
    needs: dict[int, list[str]] = {}
    for market in markets:
        shard = await client.shard(market)
        if shard is not None:
            needs.setdefault(shard, []).append(market)
    lines = []
    for shard in sorted(held.keys() | needs.keys()):
        free, wanted = held.get(shard, Decimal(0)), needs.get(shard, [])
        seen = f"${plain(free)} free" + (f", {len(wanted)} market(s) of yours trade there" if wanted else "")
        if wanted and free <= 0:
            move = helpful_move(held, shard, Decimal("0.01"))
            fix = f"move money from shard {move.source} to shard {shard}" if move else "add funds"
            lines.append(Check(f"kalshi shard {shard}", "fail", seen, f"{fix}: orders there will fail however rich"))
        elif free > 0 and markets and not wanted:
            lines.append(Check(f"kalshi shard {shard}", "warn", f"{seen}, none of your markets does", "move it"))
        else:
            lines.append(Check(f"kalshi shard {shard}", "ok", seen))
    return lines


async def _transfers(client: KalshiClient) -> list[Check]:
    """One line a transfer of money under way between shards."""
    lines = []
    for transfer in await client.pending_transfers():
        route = f"from shard {transfer.source_exchange_shard} to shard {transfer.destination_exchange_shard}"
        seen = f"${plain(transfer.amount)} {route} is under way"
        lines.append(Check("kalshi transfer", "warn", seen, "wait until it is complete"))
    return lines


async def _limits(client: KalshiClient) -> list[Check]:
    limits = await client.configure_limits()
    tier = limits.usage_tier or "unnamed"
    orders = limits.write.refill_rate / client.wire.costs.of("POST", "/portfolio/events/orders")
    reads, writes = limits.read.refill_rate, limits.write.refill_rate
    seen = f"tier {tier}: {reads} read and {writes} write tokens/s, {orders:g} orders/s"
    if writes <= _SLOW:
        return [Check("kalshi limits", "warn", seen, "ask the venue for the advanced tier: it is granted on request")]
    return [Check("kalshi limits", "ok", seen)]


async def _exchange(client: KalshiClient) -> list[Check]:
    pause = await client.exchange.pause()
    if pause is not None:
        return [Check("kalshi exchange", "warn", str(pause), "trades wait until it is over")]
    return [Check("kalshi exchange", "ok", "trading")]


async def _maintenance(client: KalshiClient) -> list[Check]:
    now = client.wire.clock()
    window = next_window(await client.exchange.schedule(), now)
    if window is not None and window[0] - now < _SOON:
        seen = f"from {_text(window[0])} to {_text(window[1])}"
        return [
            Check("kalshi maintenance", "warn", seen, "no order can be placed then; cancels work in a trading pause")
        ]
    return [Check("kalshi maintenance", "ok", "none within a day")]


async def _announcements(client: KalshiClient) -> list[Check]:
    told = [one for one in await client.exchange.announcements() if one.type in ("warning", "error")]
    if not told:
        return [Check("kalshi announcements", "ok", "none that warn")]
    return [Check("kalshi announcements", "warn", one.message, "read it at the venue") for one in told]


def _text(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%MZ")
