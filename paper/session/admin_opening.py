"""The operator's side of the exchange's opening: pause it, announce maintenance, say something to everybody."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from paper.core.bodies import body_of
from paper.kalshi.exchange import Exchange
from paper.kalshi.office import Notice, Opening, Window
from paper.kalshi.paging import answer

PREFIX = "/paper/v1"
_MS = 1_000


class WindowRequest(BaseModel):
    """Wall-clock milliseconds."""

    model_config = ConfigDict(extra="forbid")

    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)


class NoticeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["info", "warning", "error"] = "info"
    message: str = Field(min_length=1)


class OpeningRequest(BaseModel):
    """The whole opening: what is left out is as on an ordinary day. `resumes_ms` is the venue's own estimate."""

    model_config = ConfigDict(extra="forbid")

    trading: bool = True
    active: bool = True
    resumes_ms: int = Field(default=0, ge=0)
    windows: list[WindowRequest] = []
    notices: list[NoticeRequest] = []


class OpeningAdmin:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, app: web.Application) -> None:
        app.router.add_put(f"{PREFIX}/opening", self.open_as)
        app.router.add_get(f"{PREFIX}/opening", self.show)

    async def open_as(self, http: web.Request) -> web.Response:
        wanted, now = body_of(OpeningRequest, await http.read()), self._exchange.now()
        self._exchange.open_as(
            Opening(
                trading=wanted.trading,
                active=wanted.active,
                resumes_at=wanted.resumes_ms * _MS,
                windows=tuple(Window(one.start_ms * _MS, one.end_ms * _MS) for one in wanted.windows),
                notices=tuple(Notice(one.kind, one.message, now) for one in wanted.notices),
            )
        )
        return await self.show(http)

    async def show(self, http: web.Request) -> web.Response:
        """All times in microseconds."""
        return answer(self._exchange.office.opening)
