"""The operator's side, under /paper/v1 on the same loopback port: play, faults, the audit of received bytes, health.

Not part of the venue's API and without a signature; it exists only on loopback.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import BadInput, SurefootError
from venues.paper import faults as scripted
from venues.paper import refusals
from venues.paper.exchange import Exchange
from venues.paper.faults import Faults
from venues.paper.metrics import Metrics
from venues.paper.playback import Playback, Spec
from venues.paper.rest import answer
from venues.paper.stream import Streams

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


class Admin:
    def __init__(
        self, exchange: Exchange, playback: Playback, faults: Faults, streams: Streams, metrics: Metrics
    ) -> None:
        self._exchange = exchange
        self._playback = playback
        self._faults = faults
        self._streams = streams
        self._metrics = metrics

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(f"{PREFIX}/play", self.play)
        app.router.add_get(f"{PREFIX}/status", self.status)
        app.router.add_post(f"{PREFIX}/faults", self.add_faults)
        app.router.add_get(f"{PREFIX}/faults", self.list_faults)
        app.router.add_delete(f"{PREFIX}/faults", self.clear_faults)
        app.router.add_get(f"{PREFIX}/audit", self.audit)
        app.router.add_get(f"{PREFIX}/healthz", self.healthz)
        app.router.add_get(f"{PREFIX}/metrics", self.metrics)

    async def play(self, http: web.Request) -> web.Response:
        body = _json(await http.read())
        try:
            wanted = PlayRequest.model_validate(body)
        except ValidationError as error:
            where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise BadInput(
                f"play: {where}; expected recording, game, from, to, speed, lead_ms, replace", "bad_play"
            ) from None
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

    async def status(self, http: web.Request) -> web.Response:
        return answer(self._playback.status() | {"clients": self._streams.clients})

    async def add_faults(self, http: web.Request) -> web.Response:
        new = scripted.parse(_json(await http.read()), "faults")
        for fault in new:
            if fault.do == "silent_socket" and fault.match.empty:
                self._metrics.faults.labels(fault.do).inc()
                self._streams.silence(fault.ms or 0)
        self._faults.add([f for f in new if not (f.do == "silent_socket" and f.match.empty)])
        return answer(self._faults.status())

    async def list_faults(self, http: web.Request) -> web.Response:
        return answer(self._faults.status())

    async def clear_faults(self, http: web.Request) -> web.Response:
        self._faults.clear()
        return answer([])

    async def audit(self, http: web.Request) -> web.Response:
        """By client order id: how often it arrived, the SHA-256 of each distinct body, and when first (µs)."""
        return answer({"orders": self._exchange.store.receipts()})

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


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not JSON ({error}); expected a JSON document", "bad_json") from None
