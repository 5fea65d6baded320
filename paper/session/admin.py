"""The operator's side, under /paper/v1 on the same loopback port: play, resolve, faults, the audit, health.

Not part of the venue's API and without a signature; it exists only on loopback.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.errors import BadInput, SurefootError
from domain.money import Inexact, from_micros, to_micros
from paper.core import faults as scripted
from paper.core.fault import PAYOUT
from paper.core.faults import Faults
from paper.core.metrics import Metrics
from paper.kalshi import refusals
from paper.kalshi.exchange import Exchange
from paper.kalshi.listing import NO, YES, Outcome, scalar
from paper.kalshi.paging import answer
from paper.kalshi.settlement import Clerk
from paper.kalshi.stream import Streams
from paper.polymarket.facade import PolymarketSide
from paper.session.playback import Playback, Spec

PREFIX = "/paper/v1"


class PlayRequest(BaseModel):
    """`from` and `to` narrow the recording; `lead_ms` is how long the opening books stand before time begins.

    Without `replace` the very session that is already playing is left to play on; another one replaces it.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    recording: str = Field(min_length=1)
    game: str | None = None
    start: str | None = Field(default=None, alias="from")
    end: str | None = Field(default=None, alias="to")
    speed: Decimal = Decimal(1)
    lead_ms: int = 0
    replace: bool = False


class ResolveRequest(BaseModel):
    """One market by its result, or a whole event by its winner: the event's other markets resolve to no.

    `settlement_value` is dollars a YES share, for a scalar result alone.
    """

    model_config = ConfigDict(extra="forbid")

    market: str = ""
    result: Literal["yes", "no", "scalar"] | None = None
    settlement_value: Decimal | None = None
    event: str = ""
    winner: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> ResolveRequest:
        if bool(self.market and self.result) == bool(self.event and self.winner):
            raise ValueError("give market and result, or event and winner")
        if self.market and (self.event or self.winner):
            raise ValueError("give market and result, or event and winner, not both")
        if (self.result == "scalar") != (self.settlement_value is not None):
            raise ValueError("settlement_value goes with the result scalar, and with no other")
        return self


class Admin:
    def __init__(  # noqa: PLR0917 - the parts of one server
        self,
        exchange: Exchange,
        playback: Playback,
        clerk: Clerk,
        faults: Faults,
        streams: Streams,
        metrics: Metrics,
        side: PolymarketSide,
    ) -> None:
        self._exchange = exchange
        self._playback = playback
        self._clerk = clerk
        self._faults = faults
        self._streams = streams
        self._metrics = metrics
        self._side = side

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(f"{PREFIX}/play", self.play)
        app.router.add_post(f"{PREFIX}/resolve", self.resolve)
        app.router.add_get(f"{PREFIX}/status", self.status)
        app.router.add_post(f"{PREFIX}/faults", self.add_faults)
        app.router.add_get(f"{PREFIX}/faults", self.list_faults)
        app.router.add_delete(f"{PREFIX}/faults", self.clear_faults)
        app.router.add_get(f"{PREFIX}/audit", self.audit)
        app.router.add_get(f"{PREFIX}/healthz", self.healthz)
        app.router.add_get(f"{PREFIX}/metrics", self.metrics)

    async def play(self, http: web.Request) -> web.Response:
        body = _json(await http.read())
        wanted = _parsed(PlayRequest, body, "play", "recording, game, from, to, speed, lead_ms, replace")
        await self._playback.play(
            Spec(
                recording=wanted.recording,
                game=wanted.game,
                start=wanted.start,
                end=wanted.end,
                speed=wanted.speed,
                lead_ms=wanted.lead_ms,
            ),
            replace=wanted.replace,
        )
        return await self.status(http)

    async def resolve(self, http: web.Request) -> web.Response:
        """Ends trading and starts the settlement timer; answers with the markets as they stand then."""
        body = _json(await http.read())
        wanted = _parsed(ResolveRequest, body, "resolve", "market, result and settlement_value, or event and winner")
        if (told := self._elsewhere(wanted)) is not None:
            return answer({"markets": told})
        outcomes = {ticker: self._paid(outcome) for ticker, outcome in self._outcomes(wanted).items()}
        self._clerk.resolve(outcomes)
        return answer({"markets": [self._listing(ticker) for ticker in outcomes]})

    def _elsewhere(self, wanted: ResolveRequest) -> list[dict[str, Any]] | None:
        """The markets it ended at Polymarket; None if it is about Kalshi's."""
        there = self._side.admin
        if wanted.event:
            return there.crown(wanted.event, wanted.winner) if there.knows_event(wanted.event) else None
        if not there.knows(wanted.market):
            return None
        if wanted.settlement_value is not None:
            return there.resolve(wanted.market, scalar(_micros(wanted.settlement_value)).value)
        return there.resolve(wanted.market, (YES if wanted.result == "yes" else NO).value)

    def _outcomes(self, wanted: ResolveRequest) -> dict[str, Outcome]:
        if not wanted.event:
            if wanted.settlement_value is not None:
                return {wanted.market: scalar(_micros(wanted.settlement_value))}
            return {wanted.market: YES if wanted.result == "yes" else NO}
        tickers = [listing.ticker for listing in self._exchange.listings.of_event(wanted.event)]
        if wanted.winner not in tickers:
            raise BadInput(
                f"{wanted.winner} is no market of {wanted.event}; expected one of {', '.join(tickers) or 'none'}",
                "winner",
            )
        return {ticker: YES if ticker == wanted.winner else NO for ticker in tickers}

    def _paid(self, declared: Outcome) -> Outcome:
        """What a market pays: what was said, or what a fault makes of it."""
        fault = self._faults.pick_event("kalshi", PAYOUT)
        if fault is None or fault.value is None:
            return declared
        self._metrics.faults.labels(fault.do).inc()
        return {Decimal(1): YES, Decimal(0): NO}.get(fault.value) or scalar(_micros(fault.value))

    def _listing(self, ticker: str) -> dict[str, Any]:
        listing = self._exchange.listings.get(ticker)
        assert listing is not None
        return {
            "market": ticker,
            "event": listing.spec.event,
            "stage": listing.stage,
            "result": listing.result,
            "value": str(from_micros(listing.value)) if listing.result else None,
        }

    async def status(self, http: web.Request) -> web.Response:
        """How far the session is, how the markets stand that no longer trade, and how often each fault happened."""
        ended = [listing.ticker for listing in self._exchange.listings.all() if not listing.trading]
        told = {
            "clients": self._streams.clients + self._side.clients,
            "ended": [self._listing(ticker) for ticker in ended],
            "faults": self._faults.counts(),
        }
        return answer(self._playback.status() | told)

    async def add_faults(self, http: web.Request) -> web.Response:
        script = scripted.read(_json(await http.read()), "faults")
        new = script.faults
        if script.seed is not None:
            self._faults.reseed(script.seed)
        for fault in new:
            if fault.do == "silent_socket" and fault.match.empty:
                self._metrics.faults.labels(fault.do).inc()
                self._streams.silence(fault.ms or 0)
                self._side.silence(fault.ms or 0)
        self._faults.add([f for f in new if not (f.do == "silent_socket" and f.match.empty)])
        return answer(self._faults.status())

    async def list_faults(self, http: web.Request) -> web.Response:
        return answer(self._faults.status())

    async def clear_faults(self, http: web.Request) -> web.Response:
        self._faults.clear()
        return answer([])

    async def audit(self, http: web.Request) -> web.Response:
        """In `orders` by client order id, in `polymarket_orders` by order id: how often it arrived, the SHA-256 of each
        distinct body (an entry of a batch counts as one), and when first (µs). Of Kalshi's side also every position a
        market's end turned into cash, oldest first, in micros. And the account as the exchange has it: cash
        (before what working orders hold back), signed shares by market, all fills oldest first, all in micros."""
        settlements = list(self._exchange.store.settlements())[::-1]
        held = self._exchange.account.positions.items()
        account = {
            "cash": self._exchange.account.cash,
            "positions": {ticker: position.shares for ticker, position in held if position.shares},
            "fills": list(self._exchange.store.fills())[::-1],
        }
        return answer(
            {
                "orders": self._exchange.store.receipts(),
                "polymarket_orders": self._side.clob.store.receipts(),
                "settlements": settlements,
                "account": account,
            }
        )

    async def healthz(self, http: web.Request) -> web.Response:
        state = self._playback.state
        return answer({"ok": state != "failed", "state": state}, 503 if state == "failed" else 200)

    async def metrics(self, http: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})


@web.middleware
async def admin_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Our errors as JSON: BadInput is the caller's to fix (400), anything else says the exchange is not able (503)."""
    try:
        return await handler(request)
    except SurefootError as error:
        status = 400 if isinstance(error, BadInput) else 503
        return answer({"error": {"code": error.code or "bad_input", "message": error.message}}, status)
    except refusals.Refusal as refusal:
        return answer(refusal.body, refusal.status)


_Model = TypeVar("_Model", bound=BaseModel)


def _parsed(model: type[_Model], body: Any, what: str, expected: str) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc'])) or what}: {e['msg']}" for e in error.errors())
        raise BadInput(f"{what}: {where}; expected {expected}", f"bad_{what}") from None


def _micros(dollars: Decimal) -> int:
    try:
        return to_micros(dollars)
    except Inexact as error:
        raise BadInput(f"settlement_value: {error}", "settlement_value") from None


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not JSON ({error}); expected a JSON document", "bad_json") from None
