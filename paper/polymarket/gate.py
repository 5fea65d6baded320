"""What every CLOB request passes before a route sees it: the signature, and the faults scripted for it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from paper.core.fault import Fault
from paper.core.faults import Faults
from paper.core.filling import filling_of
from paper.core.metrics import Metrics
from paper.core.read_lag import lag_micros
from paper.core.requests import KALSHI
from paper.core.spoiled import after, before, drop, instead
from paper.polymarket import refusals
from paper.polymarket.answers import FILLING, KEY, LAG, answer
from paper.polymarket.desk import Desk
from paper.polymarket.exchange import Clob
from paper.polymarket.keys import ApiKeys
from paper.polymarket.limits import Limits
from venues.polymarket import auth
from venues.polymarket.orders import ORDER_PATH

_OTHERS = (KALSHI, "/paper/")
_SIGNED = (
    "/order",
    "/orders",
    "/cancel-all",
    "/cancel-market-orders",
    "/data/",
    "/balance-allowance",
    "/v1/",
    "/auth/",
    "/order-scoring",
    "/orders-scoring",
    "/notifications",
)


def clob_gate(  # noqa: PLR0917 - the parts of one server
    clob: Clob,
    keys: ApiKeys,
    faults: Faults,
    metrics: Metrics,
    silence: Callable[[int], None],
    desk: Desk,
    limits: Limits | None,
) -> Middleware:
    """The middleware of the CLOB's paths; all others pass untouched."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(_OTHERS):
            return await handler(request)
        places = request.method == "POST" and request.path == ORDER_PATH
        fault = faults.pick(request.method, request.path, salt=salt_in(await request.read()) if places else 0)
        if fault is not None:
            metrics.faults.labels(fault.do).inc()
            if fault.do == "silent_socket":
                silence(fault.ms or 0)
                fault = None
        if fault is not None and before(fault):
            if request.method == "POST" and request.path in ("/order", "/orders"):
                desk.arrived(await request.read())
            return drop(request) if fault.do == "lost_request" else instead(fault, "polymarket", faults, places)
        response = await _answered(request, handler, fault)
        if fault is None or request.path.startswith("/ws/"):
            return response  # a socket's life is over by now; there is no answer to spoil
        return await after(request, response, fault, faults, "polymarket")

    async def _answered(request: web.Request, handler: Handler, fault: Fault | None) -> web.StreamResponse:
        left: dict[str, str] = {}
        try:
            if clob.failed:
                raise refusals.failed()
            if needs_key(request.method, request.path):
                body = await request.read()
                key = keys.check(request.headers, request.method, request.rel_url.raw_path, body)
                request[KEY] = key
                if limits is not None:
                    left = limits.admit(key.address, request.method, request.path, body, clob.now())
            request[FILLING] = filling_of(fault)
            if fault is not None and fault.do == "read_lag":
                request[LAG] = lag_micros(fault.ms or 0)
            response = await handler(request)
            if left:
                response.headers.update(left)
            return response
        except refusals.PolyRefusal as refused:
            return answer(refused.body, refused.status, refused.headers)
        except web.HTTPNotFound:
            return answer({"error": "404 page not found"}, 404)

    return admit


class _Salt(msgspec.Struct, frozen=True):
    salt: int = 0


class _Salted(msgspec.Struct, frozen=True):
    order: _Salt = _Salt()


_SALTED = msgspec.json.Decoder(_Salted)


def salt_in(body: bytes) -> int:
    """The salt of a posted order, however wrong the rest of it is; 0 if it has none."""
    try:
        return _SALTED.decode(body).order.salt
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def needs_key(method: str, path: str) -> bool:
    """Whether a request is signed with an API key's secret. Creating and deriving a key is signed by the wallet."""
    if path == auth.DERIVE_KEY_PATH or (path == auth.CREATE_KEY_PATH and method == "POST"):
        return False
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in _SIGNED) or path.startswith(
        "/balance-allowance/"
    )
