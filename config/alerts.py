"""Who is told when something needs a person."""

from __future__ import annotations

from pydantic import Field

from config.section import Section


class AlertSettings(Section):
    """`command` is run for each alert as it is raised and again as it is over, the alert as one line of JSON on its
    standard input. It may take `timeout_ms`; one that fails is tried `tries` times in all, later each time.
    """

    command: tuple[str, ...] = ()
    timeout_ms: int = Field(default=10_000, ge=100, le=60_000)
    tries: int = Field(default=3, ge=1, le=10)
