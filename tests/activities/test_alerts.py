"""Alerts as code that carries trades raises them."""

from __future__ import annotations

from activities.alerts import Alerts
from domain.alerts import AlertKind, Trouble


class Kept:
    def __init__(self) -> None:
        self.troubles: dict[str, Trouble] = {}

    def tell(self, trouble: Trouble) -> bool:
        new = trouble.key not in self.troubles
        self.troubles.setdefault(trouble.key, trouble)
        return new


async def test_an_alert_is_kept_and_counted_once_however_often_it_is_raised() -> None:
    box, counted = Kept(), list[str]()
    alerts = Alerts(box, counted.append)
    stuck = Trouble(AlertKind.STUCK, "i-1", "STUCK", "unwind", "i-1")
    for _ in range(3):
        alerts.raised(stuck)
    assert (list(box.troubles.values()), counted) == ([stuck], ["stuck"])


async def test_what_has_no_kind_of_its_own_is_kept_by_its_name() -> None:
    box = Kept()
    alerts = Alerts(box)
    await alerts.tell("transfer", "booked", "look", venue="kalshi")
    await alerts.tell("claim_suspended", "its texts changed", "read them", claim="c-1")
    await alerts.tell("stranger", "a command came without its seal", "look")
    assert [(each.kind, each.subject, each.trade) for each in box.troubles.values()] == [
        (AlertKind.OTHER, "transfer kalshi", ""),
        (AlertKind.CLAIM, "c-1", ""),
        (AlertKind.STRANGER, "stranger", ""),
    ]
