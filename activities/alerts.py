"""Alerts raised by code that carries trades: a log line, a count, and an entry in the box of alerts.

None of them may hold up what raised them: the box is a small file, and who tells a person of it is somebody else
(`workers.alerting`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from domain.alerts import AlertKind, Trouble

log = structlog.get_logger(__name__)


class Box(Protocol):
    """Where alerts are kept, raised once each; see `workers.alerting.box`."""

    def tell(self, trouble: Trouble) -> bool:
        """Whether it is new. Never raises."""
        ...


class Alerts:
    """Without a `box` an alert is logged and counted each time. `count` is told of each new alert's name."""

    def __init__(self, box: Box | None = None, count: Callable[[str], None] = lambda name: None) -> None:
        self._box = box
        self._count = count

    def raised(self, trouble: Trouble) -> None:
        """The trouble is there; said again while its alert is open, it lasts longer. Never raises.

        What has an end that shows is seen by a watcher too (`workers.alerting.sources`) and resolved by it.
        """
        self._raise(trouble.kind, trouble)

    async def tell(self, alert: str, text: str, do: str, **ids: str) -> None:
        """The same for what has no kind of its own: its name and `ids` are the subject. Never raises."""
        kind = AlertKind(alert) if alert in set(AlertKind) else AlertKind.OTHER
        subject = " ".join(ids.values() if kind is not AlertKind.OTHER else (alert, *ids.values())) or alert
        self._raise(alert, Trouble(kind, subject, text, do, ids.get("trade", "")))

    def _raise(self, name: str, trouble: Trouble) -> None:
        if self._box is None or self._box.tell(trouble):
            log.error("alert", alert=name, subject=trouble.subject, text=trouble.text, do=trouble.do)
            self._count(name)
