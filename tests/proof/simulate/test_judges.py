"""The judges know by themselves: the venues' published figures, the operator's manual, a plain count."""

from __future__ import annotations

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from domain.evidence import Fill, FillStatus
from domain.intent import LegPolicy
from domain.market import Venue
from domain.orders import OrderTicket, Purpose, Side
from domain.snapshot import LedgerFacts
from proof.simulate import judge_fees
from proof.simulate.judge_fees import Match, Rates, Row, trade_fee, wrong_fees
from proof.simulate.judge_halts import Stop, forbidding
from proof.simulate.judge_limits import Decided, beyond, outlay, worst_cost
from proof.simulate.judge_money import Truth, change, judge, sets
from tests.ledger.samples import A, B, D, intent
from venues.port import Account, OpenOrder

KALSHI = Rates(D("0.07"), D(0), D("0.0001"), 1, half_up=False)
CRYPTO = Rates(D("0.07"), D(0), D("0.000001"), 1, half_up=True)
SHARED = {"halt", "fees", "invariants", "exposure", "residual", "overfill", "capital"}


@pytest.mark.parametrize("path", sorted(Path(judge_fees.__file__).parent.glob("judge_*.py")), ids=lambda p: p.stem)
def test_a_judge_imports_nothing_of_what_it_judges(path: Path) -> None:
    tree = ast.parse(path.read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import) for name in node.names
    }
    assert not SHARED & ({module.rpartition(".")[2] for module in modules} | names)
    assert not {module for module in modules if module.startswith(("ledger", "activities", "workflows"))}


# ---------------------------------------------------------------------- halts


def test_a_halt_covers_whatever_leg_it_names() -> None:
    places = [("kalshi", "K-1"), ("polymarket", "P-1")]

    def stopped(scope: str, target: str = "") -> bool:
        return bool(forbidding([Stop("h", scope, target)], "sets", places))

    assert stopped("all")
    assert stopped("venue", "kalshi")
    assert stopped("venue", "polymarket")
    assert not stopped("venue", "hyperliquid")
    assert stopped("market", "P-1")
    assert stopped("market", "polymarket/P-1")
    assert not stopped("market", "kalshi/P-1")
    assert not stopped("market", "polymarket")
    assert stopped("strategy", "sets")
    assert not stopped("strategy", "cross")


# ---------------------------------------------------------------------- fees


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [
        ("0.52", "1", "0.0175"),  # fills of an account
        ("0.99", "1", "0.0007"),
        ("0.50", "100", "1.75"),  # the fee schedule's table
        ("0.10", "100", "0.63"),
        ("0.01", "0.01", "0.0001"),
    ],
)
def test_kalshis_figures(price: str, size: str, fee: str) -> None:
    assert trade_fee(KALSHI, Match(D(price), D(size))) == Fraction(fee)


def test_kalshis_documented_lots_of_a_member_who_has_whole_cents() -> None:
    """Three lots of one contract at 0.055, a trade fee of 0.0085 each: 0.015, 0.005 and 0.015 are charged."""
    cents = Rates(D("0.07"), D(0), D("0.01"), 1, half_up=False)
    kept, charged = Fraction(0), []
    for _ in range(3):
        net, kept = judge_fees.balanced(cents, Fraction("-0.055"), Fraction("0.0085"), kept)
        charged.append(net)
    assert charged == [Fraction("0.015"), Fraction("0.005"), Fraction("0.015")]


@pytest.mark.parametrize(
    ("rate", "price", "size", "fee"),
    [
        ("0.07", "0.50", "100", "1.75"),  # the documentation's rates at the middle: 0.07, 0.05, 0.04
        ("0.05", "0.50", "100", "1.25"),
        ("0.04", "0.50", "100", "1"),
        ("0.05", "0.11", "0.9", "0.00441"),  # 0.0044055: half up, where a floor says 0.00440
        ("0.07", "0.01", "0.01", "0.00001"),  # 0.00000693
        ("0.05", "0.01", "0.01", "0"),  # 0.00000495
    ],
)
def test_polymarkets_figures(rate: str, price: str, size: str, fee: str) -> None:
    rates = Rates(D(rate), D(0), D("0.000001"), 1, half_up=True)
    assert trade_fee(rates, Match(D(price), D(size))) == Fraction(fee)


def test_polymarkets_makers_pay_nothing_and_a_row_of_several_matches_pays_for_each() -> None:
    assert trade_fee(CRYPTO, Match(D("0.5"), D(100)), taker=False) == 0
    matches = (Match(D("0.49"), D("7")), Match(D("0.50"), D("93.14")))
    right = D("0.12245") + D("1.62995")
    assert wrong_fees(CRYPTO, [Row("t", matches, buys=True, taker=True, fee=right)]) == []
    assert len(wrong_fees(CRYPTO, [Row("t", matches, buys=True, taker=True, fee=right - D("0.00001"))])) == 1


# ---------------------------------------------------------------------- limits


def order(purpose: Purpose, leg: str = "A", size: str = "10", limit: str = "0.40") -> OrderTicket:
    return OrderTicket("i", leg, 1, purpose, Venue.KALSHI, A if leg == "A" else B, Side.BUY, D(size), D(limit))


def bought(size: str, price: str, market: str = A, **more: object) -> Fill:
    fill = Fill(Venue.KALSHI, f"t-{market}", "o-1", "c-1", market, Side.BUY, D(price), D(size), D(0), 1)
    for name, value in more.items():
        object.__setattr__(fill, name, value)
    return fill


def test_what_was_planned_is_within_the_limits_and_nothing_else_is() -> None:
    planned = intent()
    assert beyond(planned, Decided(order(Purpose.OPEN), ())) == []
    assert beyond(planned, Decided(order(Purpose.HEDGE, "B", "10", "0.55"), [bought("10", "0.40")])) == []
    assert "another size" in beyond(planned, Decided(order(Purpose.OPEN, size="10.01"), ()))[0]
    assert "slack" in beyond(planned, Decided(order(Purpose.OPEN, limit="0.41"), ()))[0]
    assert "slack" in beyond(planned, Decided(order(Purpose.HEDGE, "B", limit="0.56"), ()))[0]


def test_no_order_takes_more_out_than_the_worst_planned_for() -> None:
    planned = intent()
    worst = worst_cost(planned)
    assert worst == 10 + Fraction(LegPolicy().loss_budget)  # the payoff and the budget: more than the plan itself
    spent = [bought("10", "0.40")]
    left = (worst - 4) / 10
    assert beyond(planned, Decided(order(Purpose.COMPLETE, "B", "10", f"{float(left):.4f}"), spent)) == []
    assert "out" in beyond(planned, Decided(order(Purpose.COMPLETE, "B", "12", "0.99"), spent))[0]


def test_a_share_sold_short_locks_what_its_price_leaves_of_a_dollar_and_buying_it_back_frees_that() -> None:
    leg = intent().legs[0]
    sale = OrderTicket("i", "A", 1, Purpose.OPEN, Venue.KALSHI, A, Side.SELL, D(10), D("0.40"))
    assert outlay(leg, sale, ()) == 6
    assert outlay(leg, sale, [bought("10", "0.30")]) == 0
    back = order(Purpose.UNWIND, size="10", limit="0.45")
    assert outlay(leg, back, [bought("10", "0.40", side=Side.SELL)]) == D("-5.5")


# ---------------------------------------------------------------------- money


def test_sets_are_counted_leg_by_leg_and_what_was_merged_stays_a_set() -> None:
    fills = [bought("10", "0.40"), bought("6", "0.55", B), bought("1", "0.38", side=Side.SELL)]
    assert sets(intent(), fills) == (D(6), D(1), D(3))
    assert sets(intent(), [*fills, bought("6", "0", B, side=Side.SELL, merged=True)]) == (D(6), D(1), D(3))


def test_cash_is_what_was_paid_where_a_row_has_several_prices() -> None:
    assert change(bought("90", "0.491111", paid=D("44.2"), fee=D("0.3"))) == D("-44.5")
    assert change(bought("10", "0.40", side=Side.SELL)) == D("4")


def _account(cash: str, *fills: Fill, positions: dict[str, Decimal] | None = None) -> Truth:
    open_orders = tuple[OpenOrder, ...]()
    return Truth("kalshi", Account(D(cash), positions or {}, open_orders, fills), {}, (), frozenset(), forgiving=False)


def test_money_that_no_fill_explains_and_fills_the_ledger_lacks_are_told() -> None:
    empty = LedgerFacts((), (), (), (), (), {})
    assert judge(empty, [_account("0")]) == []
    assert any(text.startswith("cash:") for text in judge(empty, [_account("1")]))
    found = judge(empty, [_account("-4", bought("10", "0.40"), positions={A: D(10)})])
    assert any(text.startswith("fills:") for text in found)
    assert judge(empty, [_account("0", bought("10", "0.40", status=FillStatus.VOID))]) == []
