"""Telling a person: the configured command gets each alert once as it is raised and once as it is resolved.

    {"alert": KIND, "state": "raised", "id", "severity", "text", "do", "subject", "trade", "host", "run", "mode",
     "seen_by", "at", "raised_at", "resolved_at"}          one line of JSON on standard input; times are ISO, UTC

No shell. The command has a time limit; one that fails or takes too long is tried again, later each time, and so often
and no more, whichever process tries. When many alerts come at once the worst are told one by one and the rest as one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from config.settings import Settings
from domain.alerts import Alert, Severity
from domain.errors import BadInput
from workers.alerting.box import AlertBox, wall_clock_us

_AT_ONCE = 5
"""So many alerts are told one by one at a time; of more, the rest are one line."""
_WORST = {severity: n for n, severity in enumerate(Severity)}
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER")


@dataclass(frozen=True, slots=True)
class AlertCommand:
    """`command` and its time limit in seconds; `tries` in all."""

    command: tuple[str, ...] = ()
    timeout_s: float = 10.0
    tries: int = 3

    @property
    def missing(self) -> str:
        """Why it cannot be run, in words; empty if it can, or if there is none."""
        if not self.command or shutil.which(self.command[0]) is not None:
            return ""
        return (
            f"alerts.command: there is no program {self.command[0]} that this user can run, so nobody would be told; "
            'expected a list of words such as ["/usr/local/bin/page-me", "--from", "surefoot"], or [] for none'
        )

    async def run(self, line: bytes) -> str:
        """Empty if it ended well, else what went wrong. Never raises, and never takes longer than its limit."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"{self.command[0]} did not start: {getattr(error, 'strerror', None) or error}"
        try:
            async with asyncio.timeout(self.timeout_s):
                _, said = await process.communicate(line)
        except TimeoutError:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, 9)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 1)
            return f"{self.command[0]} took longer than {self.timeout_s:g} s and was ended"
        if process.returncode == 0:
            return ""
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
        return f"{self.command[0]} ended with code {process.returncode}{': ' if last[0] else ''}{last[0][:200]}"


def alert_command(settings: Settings) -> AlertCommand:
    """The one that is configured, under its name or its older one."""
    wanted = settings.alerts
    return AlertCommand(wanted.command or settings.reconcile.alert_command, wanted.timeout_ms / 1000, wanted.tries)


def require_command(settings: Settings) -> None:
    """Raises `BadInput` for an alert command that does not exist: it would be missed in the night, not now."""
    if missing := alert_command(settings).missing:
        raise BadInput(missing, "alert_command")


def state_of(alert: Alert) -> str:
    return "raised" if alert.open else "resolved"


def document(alert: Alert, at: int) -> dict[str, Any]:
    """An alert as its command gets it, at `at`."""
    return {
        "alert": alert.kind,
        "state": state_of(alert),
        "id": alert.id,
        "severity": alert.severity,
        "text": alert.text,
        "do": alert.do,
        "subject": alert.subject,
        "trade": alert.trade or None,
        "host": alert.host,
        "run": alert.run,
        "mode": alert.mode,
        "seen_by": alert.seen_by,
        "at": iso(at),
        "raised_at": iso(alert.raised_at),
        "resolved_at": None if alert.resolved_at is None else iso(alert.resolved_at),
    }


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line_of(content: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(content) + b"\n"


class Delivery:
    """Tells what a box holds. Several processes may do so for one box: each try is claimed in it first."""

    def __init__(self, box: AlertBox, command: AlertCommand) -> None:
        self._box = box
        self._command = command

    async def tell(self, alerts: Sequence[Alert]) -> None:
        """Each of `alerts` that was not told yet in the state it is in. What fails is tried at a later call."""
        now = wall_clock_us()
        due = [alert for alert in alerts if self._due(alert, now)]
        due.sort(key=lambda alert: (not alert.open, _WORST[alert.severity], alert.raised_at))
        alone = due if len(due) <= _AT_ONCE else due[: _AT_ONCE - 1]
        for alert in alone:
            await self._try([alert], line_of(document(alert, wall_clock_us())))
        if rest := due[len(alone) :]:
            await self._try(rest, line_of(_together(rest, wall_clock_us())))

    def _due(self, alert: Alert, now: int) -> bool:
        state = state_of(alert)
        if self._box.told(alert, state):
            return False
        if not self._command.command:
            self._box.done(alert, state, "no alert command is set")
            return False
        if not alert.open and not self._box.told(alert, "raised"):  # over before anybody heard of it
            self._box.done(alert, "raised", "over before it was told")
            self._box.done(alert, state, "over before it was told")
            return False
        n, last = self._box.tries(alert, state)
        wait = (self._command.timeout_s + 2 ** (n + 1)) * 1e6
        return n == 0 or now - last >= wait

    async def _try(self, alerts: Sequence[Alert], line: bytes) -> None:
        mine: list[tuple[Alert, int]] = []
        for alert in alerts:
            n = self._box.tries(alert, state_of(alert))[0] + 1
            if n > self._command.tries:
                self._box.done(alert, state_of(alert), f"not told: {self._command.tries} tries failed")
            elif self._box.claim(alert, state_of(alert), n):
                mine.append((alert, n))
        if not mine:
            return
        wrong = await self._command.run(line)
        for alert, n in mine:
            if not wrong:
                self._box.done(alert, state_of(alert), f"told at {iso(wall_clock_us())}")
            elif n >= self._command.tries:
                self._box.done(alert, state_of(alert), f"not told after {n} tries: {wrong}")


def _together(alerts: Sequence[Alert], at: int) -> dict[str, Any]:
    kinds = sorted({alert.kind for alert in alerts})
    first = alerts[0]
    return document(first, at) | {
        "alert": "more",
        "state": "raised" if any(alert.open for alert in alerts) else "resolved",
        "id": [alert.id for alert in alerts],
        "text": f"{len(alerts)} more alerts at once ({', '.join(kinds)}): {first.text}",
        "do": "`surefoot alerts` lists them",
        "subject": "more",
        "trade": None,
    }
