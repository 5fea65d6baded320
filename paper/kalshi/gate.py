"""What every request passes before a route sees it: the signature, and the faults scripted for it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from config.loopback import SAFE_HEADERS, refusal
from paper.core.fault import Fault
from paper.core.faults import Faults
from paper.core.filling import filling_of
from paper.core.metrics import Metrics
from paper.core.read_lag import lag_micros
from paper.core.requests import KALSHI
from paper.core.spoiled import after, before, drop, instead
from paper.kalshi import refusals, rest
from paper.kalshi.auth import Keys
from paper.kalshi.exchange import Exchange
from paper.kalshi.paging import answer
from paper.kalshi.request import client_order_id
from paper.kalshi.request_changes import entries_of
from paper.kalshi.stream import Streams

OPERATOR = "/paper/"
WS_PATH = "/trade-api/ws/v2"
_ORDERS = f"{rest.PREFIX}/portfolio/events/orders"


@web.middleware
async def no_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another site has sent, before anything else looks at it; see `config.loopback`.

    The operator's side takes JSON alone; the venues' paths take what the venues take.
    """
    why = refusal(request.method, request.headers, json_only=request.path.startswith(OPERATOR))
    if why is not None:
        return web.json_response({"error": {"code": "stranger", "message": why}}, status=403, headers=SAFE_HEADERS)
    response = await handler(request)
    if not response.prepared:
        response.headers.update(SAFE_HEADERS)
    return response


def gate(exchange: Exchange, keys: Keys, faults: Faults, streams: Streams, metrics: Metrics) -> Middleware:
    """The middleware of the venue's paths; the admin paths pass untouched."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(KALSHI):
            return await handler(request)
        body = await request.read() if request.can_read_body else b""
        client_id = client_order_id(body) if body else ""
        fault = faults.pick(request.method, request.path, client_id)
        if fault is not None:
            metrics.faults.labels(fault.do).inc()
            if fault.do == "silent_socket":
                streams.silence(fault.ms or 0)
                fault = None
        if fault is not None and before(fault):
            if request.method == "POST" and request.path == _ORDERS:
                exchange.receive(client_id, body)
            elif request.method == "POST" and request.path == f"{_ORDERS}/batched":
                for entry in entries_of(body):
                    exchange.receive(client_order_id(entry), entry)
            places = request.method == "POST" and request.path == _ORDERS
            return drop(request) if fault.do == "lost_request" else instead(fault, "kalshi", faults, places)
        response = await _answered(request, handler, fault)
        if fault is None or request.path == WS_PATH:
            return response  # a socket's life is over by now; there is no answer to spoil
        return await after(request, response, fault, faults, "kalshi")

    async def _answered(request: web.Request, handler: Handler, fault: Fault | None) -> web.StreamResponse:
        try:
            if exchange.failed:
                raise refusals.unavailable("the paper exchange failed and must be restarted; see its log")
            if not rest.is_public(request.method, request.path):
                keys.check(request.headers, request.method, request.rel_url.raw_path, exchange.wall() // 1000)
            request[rest.FILLING] = filling_of(fault)
            if fault is not None and fault.do == "read_lag":
                request[rest.LAG] = lag_micros(fault.ms or 0)
            return await handler(request)
        except refusals.Refusal as refusal:
            return answer(refusal.body, refusal.status)
        except web.HTTPNotFound:
            return answer(refusals.api(404, "not_found").body, 404)

    return admit
