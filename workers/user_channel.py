"""The venue's user channel: fills into the ledger, and a nudge to the trade that still waits for evidence.

Nothing is believed from it alone. A trade whose order was answered needs no nudge, so it gets none: a signal is a hop.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import SurefootError
from domain.orders import Verdict
from ledger.port import OrderLedger
from venues.kalshi.messages import FillMessage, UserOrderMessage
from venues.kalshi.translate import fill_from_stream
from workflows.names import SIGNAL_ORDER_UPDATE

log = structlog.get_logger(__name__)

_ANSWER_TIME_S = 0.5  # an order's own answer is on its way; only one that stays away needs a nudge


class _Type(msgspec.Struct):
    type: str = ""


_BOOK = b'{"type":"orderbook_'
_OUTSIDE = msgspec.json.Decoder(_Type)


class _Fill(msgspec.Struct):
    msg: FillMessage


class _Order(msgspec.Struct):
    msg: UserOrderMessage


class UserChannel:
    """Takes `fill` and `user_order` frames on the trading side's loop."""

    def __init__(self, client: Client, ledger: OrderLedger) -> None:
        self._client = client
        self._ledger = ledger
        self._fills = msgspec.json.Decoder(_Fill)
        self._orders = msgspec.json.Decoder(_Order)

    async def take(self, raw: bytes) -> None:
        """One frame. What cannot be read or stored is logged: the trade's own settling reads every fill again."""
        try:
            if _OUTSIDE.decode(raw).type == "fill":
                message = self._fills.decode(raw).msg
                fill = fill_from_stream(message)
                if fill is not None and fill.client_order_id:
                    await self._ledger.record_fills([fill])
                client_order_id = message.client_order_id or ""
            else:
                client_order_id = self._orders.decode(raw).msg.client_order_id or ""
            if client_order_id:
                await self._nudge(client_order_id)
        except (SurefootError, msgspec.DecodeError, UnicodeDecodeError) as trouble:
            log.warning("user channel frame not taken", error=str(trouble))

    async def _nudge(self, client_order_id: str) -> None:
        await asyncio.sleep(_ANSWER_TIME_S)
        order = await self._ledger.order_outcome(client_order_id)
        if order is None or order.settled or order.verdict not in (None, Verdict.UNKNOWN):
            return
        try:
            handle = self._client.get_workflow_handle(order.ticket.intent_id)
            await handle.signal(SIGNAL_ORDER_UPDATE, client_order_id)
        except RPCError as error:
            log.info("trade not nudged", order=client_order_id, error=error.message)


def is_user_frame(raw: bytes) -> bool:
    """Whether a frame belongs to the user channels. The book's frames, nearly all there are, are told at a glance."""
    if raw.startswith(_BOOK):
        return False
    try:
        return _OUTSIDE.decode(raw).type in ("fill", "user_order")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
