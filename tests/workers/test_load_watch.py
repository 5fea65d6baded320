"""Every process knows what is under way in all of them, and keeps what it knew while the ledger is away."""

from __future__ import annotations

from domain.admission import AdmissionLimits, AtWork, Load
from domain.errors import Unavailable
from workers.load_watch import LoadWatch

NOW = 1_772_359_200_000_000


class Books:
    def __init__(self) -> None:
        self.trades: list[AtWork] = []
        self.away = False

    async def at_work(self) -> list[AtWork]:
        if self.away:
            raise Unavailable("Postgres is gone")
        return self.trades


async def test_what_changes_is_told_and_a_ledger_that_is_away_changes_nothing() -> None:
    books, told = Books(), list[Load]()
    watch = LoadWatch(books, AdmissionLimits(2, 1_000), lambda: NOW, told.append)
    await watch.look()
    books.trades = [AtWork(NOW - 300_000, alone=True), AtWork(NOW, alone=False)]
    await watch.look()
    assert watch.busy() == "2 trades are under way; limit 2"
    books.away = True
    await watch.look()
    assert watch.busy()
    books.away, books.trades = False, [AtWork(NOW - 1_300_000, alone=True)]
    await watch.look()
    await watch.look()
    assert watch.busy() == "a hedge has waited for 1.2 s; limit 1 s"  # in quarters of a second
    books.trades = []
    await watch.look()
    assert watch.busy() == ""
    assert told == [Load(2, 250_000), Load(1, 1_250_000), Load()]


async def test_without_limits_the_ledger_is_never_asked() -> None:
    books = Books()
    books.trades = [AtWork(NOW, alone=False)]
    watch = LoadWatch(books, AdmissionLimits(None, None), lambda: NOW)
    await watch.run()
    assert watch.known == Load()
