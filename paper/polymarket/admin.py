"""The operator's side of Polymarket, under /paper/v1/polymarket: modes, ticks, wallets, prints, the accounts' books.

Not part of the venue's API and unsigned; it exists on loopback alone. No API secret and no key is ever shown here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import msgspec
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import BadInput
from domain.money import Inexact, to_micros
from paper.core.bodies import body_of
from paper.core.book import ONE
from paper.polymarket.answers import answer
from paper.polymarket.clock import Clock
from paper.polymarket.conditions import Market
from paper.polymarket.exchange import Clob
from paper.polymarket.figures import text
from paper.polymarket.modes import Mode
from venues.polymarket.keccak import address_bytes, checksum_address

PREFIX = "/paper/v1/polymarket"
_STRICT = ConfigDict(extra="forbid")


class ModeRequest(BaseModel):
    model_config = _STRICT

    mode: Mode
    for_ms: int = Field(default=0, ge=0)


class TickRequest(BaseModel):
    model_config = _STRICT

    token: str
    tick: Decimal


class PrintRequest(BaseModel):
    """Somebody else's trade: a taker's `side` of `token`, dollars and shares."""

    model_config = _STRICT

    token: str
    side: Literal["BUY", "SELL"]
    price: Decimal
    size: Decimal


class WalletRequest(BaseModel):
    """What is given is set. `allowances` by spender; `kind` is the signature type of a wallet not seen yet."""

    model_config = _STRICT

    address: str
    keeper: str = ""
    kind: int = Field(default=0, ge=0, le=3)
    cash: Decimal | None = None
    tokens: dict[str, Decimal] | None = None
    collateral_allowances: dict[str, int] | None = None
    conditional_allowances: dict[str, int] | None = None
    closed_only: bool | None = None
    banned: bool | None = None


class PolymarketAdmin:
    """`timer` is how long after its result a market pays, in microseconds; `pays` what it pays for what was said."""

    def __init__(self, clob: Clob, clock: Clock, timer: int, pays: Callable[[int], int]) -> None:
        self._pays = pays
        self._clob = clob
        self._clock = clock
        self._timer = timer

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(f"{PREFIX}/status", self.status)
        app.router.add_post(f"{PREFIX}/mode", self.mode)
        app.router.add_post(f"{PREFIX}/tick", self.tick)
        app.router.add_post(f"{PREFIX}/print", self.print)
        app.router.add_post(f"{PREFIX}/wallet", self.wallet)
        app.router.add_get(f"{PREFIX}/audit", self.audit)

    # -- how markets end --------------------------------------------------------------------------------------------

    def knows(self, market: str) -> bool:
        """Whether that is a token of this side."""
        return self._clob.markets.of_token(market) is not None

    def knows_event(self, event: str) -> bool:
        return bool(self._clob.markets.of_event(event))

    def resolve(self, token: str, value: int) -> list[dict[str, Any]]:
        """A token pays `value` (micro-dollars), its complement the rest of the dollar."""
        market = self._token(token)
        self._end({market.id: value if market.index(token) == 0 else ONE - value})
        return [self._shown(market.id)]

    def crown(self, event: str, winner: str) -> list[dict[str, Any]]:
        """A token of the event won: the first tokens of its other markets pay nothing. Raises `BadInput`."""
        markets = self._clob.markets.of_event(event)
        if not any(winner in market.tokens for market in markets):
            known = ", ".join(token for market in markets for token in market.tokens)
            raise BadInput(f"{winner} is no token of {event}; expected one of {known}", "winner")
        values = {market.id: ONE if winner == market.tokens[0] else 0 for market in markets}
        self._end(values)
        return [self._shown(condition) for condition in values]

    def _end(self, values: dict[str, int]) -> None:
        for condition, value in values.items():
            market = self._clob.markets.get(condition)
            if market is not None and market.paid_at and market.value != value:
                raise BadInput(
                    f"{condition} was resolved and paid; it cannot become another: play its session again", "finalized"
                )
        self._clob.resolve({condition: self._pays(value) for condition, value in values.items()}, self._timer)
        self._clock.wake()

    def _shown(self, condition: str) -> dict[str, Any]:
        market = self._clob.markets.get(condition)
        assert market is not None
        stage = "finalized" if market.paid_at else "determined" if market.value >= 0 else "active"
        if stage == "active" and not market.trading:
            stage = "closed"
        return {
            "market": market.tokens[0],
            "complement": market.tokens[1],
            "condition": market.id,
            "event": market.spec.event,
            "title": market.spec.title,
            "outcomes": list(market.about.outcomes),
            "stage": stage,
            "result": {ONE: "yes", 0: "no", -1: ""}.get(market.value, "scalar"),
            "value": text(market.value) if market.value >= 0 else None,
        }

    # -- the pages --------------------------------------------------------------------------------------------------

    async def status(self, http: web.Request) -> web.Response:
        clob = self._clob
        return answer(
            {
                "mode": clob.modes.now(clob.now()),
                "working": len(clob.working),
                "unsettled": len(clob.unfinished),
                "markets": [self._shown(market.id) for market in clob.markets.all()],
            }
        )

    async def mode(self, http: web.Request) -> web.Response:
        """`for_ms` 0: until somebody says otherwise. After `restarting` comes post_only, as at the venue."""
        wanted = body_of(ModeRequest, await http.read())
        now = self._clob.now()
        self._clob.modes.set(wanted.mode, now + wanted.for_ms * 1000 if wanted.for_ms else 0)
        return await self.status(http)

    async def tick(self, http: web.Request) -> web.Response:
        wanted = body_of(TickRequest, await http.read())
        market, tick = self._token(wanted.token), _micros(wanted.tick, "tick")
        if tick not in (100, 1_000, 2_500, 5_000, 10_000, 100_000):
            raise BadInput(f"tick {wanted.tick} was asked; expected 0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001", "tick")
        self._clob.set_tick(market, tick)
        return await self.status(http)

    async def print(self, http: web.Request) -> web.Response:
        wanted = body_of(PrintRequest, await http.read())
        self._token(wanted.token)
        self._clob.print(wanted.token, wanted.side, _micros(wanted.price, "price"), _micros(wanted.size, "size"))
        self._clock.wake()
        return await self.status(http)

    async def wallet(self, http: web.Request) -> web.Response:
        wanted = body_of(WalletRequest, await http.read())
        address = "0x" + address_bytes(wanted.address).hex()
        keeper = checksum_address(address_bytes(wanted.keeper or wanted.address))
        with self._clob.step():
            wallet = self._clob.wallet(address, keeper, wanted.kind)
            allowances = dict(wallet.allowances)
            for what, given in (
                ("COLLATERAL", wanted.collateral_allowances),
                ("CONDITIONAL", wanted.conditional_allowances),
            ):
                for spender, amount in (given or {}).items():
                    allowances[f"{what}:{checksum_address(address_bytes(spender))}"] = amount
            tokens = {token: _micros(size, "tokens") for token, size in (wanted.tokens or {}).items()}
            cash = wallet.cash if wanted.cash is None else _micros(wanted.cash, "cash")
            wallet = msgspec.structs.replace(
                wallet,
                cash=cash,
                paid_in=wallet.paid_in + cash - wallet.cash,
                tokens=wallet.tokens | tokens,
                allowances=allowances,
                closed_only=wallet.closed_only if wanted.closed_only is None else wanted.closed_only,
                banned=wallet.banned if wanted.banned is None else wanted.banned,
            )
            self._clob.keep(wallet)
        return answer(_wallet(wallet))

    async def audit(self, http: web.Request) -> web.Response:
        """By order id: how often it arrived, the SHA-256 of each distinct body, and when first (µs). Wallets, and every
        order and trade, oldest first; all amounts in micros."""
        store = self._clob.store
        return answer(
            {
                "orders": store.receipts(),
                "wallets": [_wallet(wallet) for wallet in self._clob.wallets.values()],
                "book": list(store.orders())[::-1],
                "trades": list(store.trades())[::-1],
            }
        )

    def _token(self, token: str) -> Market:
        market = self._clob.markets.of_token(token)
        if market is None:
            raise BadInput(f"{token} was never listed here; expected a token id of the session", "market")
        return market


def _wallet(wallet: Any) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(wallet)
    return shown


def _micros(value: Decimal, name: str) -> int:
    try:
        return to_micros(value)
    except Inexact as error:
        raise BadInput(f"{name}: {error}", name) from None
