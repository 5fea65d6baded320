"""Whether a word that came through Temporal was given on this installation."""

from __future__ import annotations

from temporalio import activity

from activities.authority import Anybody, Authority
from activities.heartbeat import pulsed
from domain.requests import CheckRequest


class CommandActivities:
    """Without an `authority` every word counts: for tests, where nobody else speaks."""

    def __init__(self, authority: Authority | None = None) -> None:
        self._authority = authority if authority is not None else Anybody()

    @activity.defn(name="check_command")
    @pulsed
    async def check_command(self, request: CheckRequest) -> bool:
        return await self._authority.commands(request)
