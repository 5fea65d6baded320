"""Whether a word that came through Temporal was given on this installation."""

from __future__ import annotations

from temporalio import activity

from activities.authority import Authority
from activities.heartbeat import pulsed
from domain.requests import CheckRequest


class CommandActivities:
    """`authority` says whose word counts."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    @activity.defn(name="check_command")
    @pulsed
    async def check_command(self, request: CheckRequest) -> bool:
        return await self._authority.commands(request)
