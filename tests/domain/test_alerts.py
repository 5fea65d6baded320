"""Conditions to alerts, on virtual time: raised once, resolved when over, and no storms."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from domain.alerts import MANNERS, Alert, AlertDesk, AlertKind, Origin, Severity, Trouble, clean
from domain.halt import Halt, Rule, Scope
from domain.troubles import BURST, BURST_WINDOW, Refusals, burst, compared, halted

S = 1_000_000
ORIGIN = Origin("attic", "r-1", "paper", "worker")
ALL = frozenset(AlertKind)
FEED = Trouble(AlertKind.FEED, "feed kalshi", "feed kalshi is down", "wait")
STUCK = Trouble(AlertKind.STUCK, "i-1", "STUCK", "unwind", "i-1")


class Night:
    """One watcher and the alerts that are open, over seconds."""

    def __init__(self) -> None:
        self.desk = AlertDesk()
        self.opened: dict[str, Alert] = {}
        self.told: list[tuple[int, str, str]] = []

    def at(self, second: int, *seen: Trouble, able: Collection[AlertKind] = ALL) -> None:
        now = second * S
        verdicts = self.desk.look(seen, able, self.opened, now)
        for trouble in verdicts.raised:
            self.opened[trouble.key] = Alert.of(trouble, ORIGIN, now)
            self.told.append((second, "raised", trouble.kind))
        for alert in verdicts.resolved:
            del self.opened[alert.key]
            self.told.append((second, "resolved", alert.kind))

    def every(self, seconds: Iterable[int], *seen: Trouble) -> None:
        for second in seconds:
            self.at(second, *seen)


def test_a_stuck_trade_is_raised_at_once_and_once_and_resolved_when_it_is_over() -> None:
    night = Night()
    night.every(range(0, 600, 2), STUCK)
    night.every(range(600, 620, 2))
    assert night.told == [(0, "raised", "stuck"), (606, "resolved", "stuck")]


def test_two_trades_that_are_stuck_are_two_alerts() -> None:
    night = Night()
    night.at(0, STUCK, Trouble(AlertKind.STUCK, "i-2", "STUCK", "unwind", "i-2"))
    assert len(night.opened) == 2


def test_a_feed_that_is_back_within_half_a_minute_wakes_nobody() -> None:
    night = Night()
    night.every(range(0, 28, 2), FEED)
    night.every(range(28, 200, 2))
    assert night.told == []


def test_a_feed_that_flaps_all_night_is_one_alert_which_ends_a_minute_after_the_last_time() -> None:
    night = Night()
    for second in range(0, 3600, 2):
        night.at(second, *((FEED,) if second % 30 < 20 else ()))
    night.every(range(3600, 3800, 2))
    assert [what for _, what, _ in night.told] == ["raised", "resolved"]
    assert 30 <= night.told[0][0] <= 60
    assert 3640 <= night.told[1][0] <= 3660


def test_what_could_not_be_looked_at_is_not_over() -> None:
    night = Night()
    night.at(0, STUCK)
    for second in range(2, 600, 2):
        night.at(second, able=ALL - {AlertKind.STUCK})  # the ledger is away
    assert night.told == [(0, "raised", "stuck")]


def test_a_trouble_that_was_not_seen_while_nobody_could_look_goes_on_where_it_was() -> None:
    night = Night()
    night.every(range(0, 20, 2), FEED)
    for second in range(20, 40, 2):
        night.at(second, able=())
    night.at(40, FEED)
    assert night.told == [(40, "raised", "feed")]


def test_what_another_process_raised_is_not_raised_again_and_is_resolved_by_who_sees_its_end() -> None:
    night = Night()
    night.opened[STUCK.key] = Alert.of(STUCK, ORIGIN, 0)
    night.every(range(0, 10, 2), STUCK)
    night.every(range(10, 30, 2))
    assert [what for _, what, _ in night.told] == ["resolved"]


def test_what_is_told_and_not_seen_lasts_for_an_hour_after_the_last_time() -> None:
    night = Night()
    overfill = Trouble(AlertKind.OVERFILL, "i-1", "5 more than ordered", "look", "i-1")
    night.opened[overfill.key] = Alert.of(overfill, ORIGIN, 0)
    night.every(range(0, 3600, 60))
    assert night.told == []
    night.at(3600)
    assert night.told == [(3600, "resolved", "overfill")]


def test_however_many_orders_a_venue_refuses_it_is_one_trouble_and_few_are_none() -> None:
    assert burst([Refusals("kalshi", BURST - 1, "trading_is_paused")]) == []
    (one,) = burst([Refusals("kalshi", 45, "trading_is_paused")])
    assert (one.kind, one.subject) == (AlertKind.REFUSALS, "kalshi")
    assert "45 orders" in one.text
    assert "trading_is_paused" in one.text
    assert MANNERS[AlertKind.REFUSALS].clear >= BURST_WINDOW, "two bursts in a row are one alert"


@pytest.mark.parametrize(
    ("rule", "kind", "severity"),
    [
        (Rule.OPERATOR, AlertKind.HALT, Severity.NOTICE),
        (Rule.MISMATCH, AlertKind.RECONCILIATION, None),
        (Rule.SAFE_MODE, AlertKind.RECONCILIATION, None),
        (Rule.LOSS, AlertKind.RECONCILIATION, None),
    ],
)
def test_a_halt_is_one_alert_by_its_id(rule: Rule, kind: AlertKind, severity: Severity | None) -> None:
    trouble = halted(Halt("h-1", Scope.ALL, "", rule, "night", "a test", 0))
    assert trouble is not None
    assert (trouble.kind, trouble.subject, trouble.severity) == (kind, "h-1", severity)


def test_the_halt_that_a_workflow_fault_is_is_not_told_beside_it() -> None:
    assert halted(Halt("f-1-1", Scope.MARKET, "M", Rule.WORKFLOW_FAULT, "surefoot", "x", 0)) is None


def test_a_comparison_that_is_overdue_or_did_not_reach_a_venue_is_a_trouble() -> None:
    assert compared(0, {}, 300 * S, 300 * S) == []
    assert compared(None, {}, 300 * S, 300 * S) == []
    assert [each.subject for each in compared(0, {"kalshi": "timed out"}, 301 * S, 300 * S)] == ["kalshi", "overdue"]


def test_no_password_key_or_terminal_sequence_leaves_in_an_alert() -> None:
    text = "postgresql://me:hunter2@db/x \x1b[31m -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA KEY----- end"
    said = clean(text)
    assert "hunter2" not in said
    assert "abc" not in said
    assert "\x1b" not in said
    assert said.endswith("end")


def test_an_alert_says_when_where_and_how_bad() -> None:
    alert = Alert.of(STUCK, ORIGIN, 5)
    assert (alert.raised_at, alert.severity, alert.trade) == (5, Severity.CRITICAL, "i-1")
    assert (alert.host, alert.run, alert.mode, alert.seen_by) == ("attic", "r-1", "paper", "worker")
    assert alert.open
    assert alert.key == STUCK.key
