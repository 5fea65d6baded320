"""How a JSON body is made wrong in one place: a value, a row, a field, a name. Everything else of it stays true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

Path = tuple[str | int, ...]

_NAMES = frozenset(
    {
        "client_order_id",
        "order_id",
        "orderID",
        "id",
        "trade_id",
        "fill_id",
        "taker_order_id",
        "ticker",
        "market_ticker",
        "market",
        "asset_id",
        "token_id",
        "t",
        "c",
        "condition_id",
        "owner",
        "maker_address",
        "event_ticker",
        "series_ticker",
    }
)
_FIGURES = frozenset(
    {
        "fill_count",
        "remaining_count",
        "average_fill_price",
        "average_fee_paid",
        "fill_count_fp",
        "remaining_count_fp",
        "initial_count_fp",
        "count_fp",
        "yes_price_dollars",
        "fee_cost",
        "balance",
        "balance_dollars",
        "makingAmount",
        "takingAmount",
        "size",
        "price",
        "matched_amount",
        "size_matched",
        "original_size",
    }
)
"""Amounts that a trade goes by; they are spoiled more often than the rest."""

_TYPES: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "abc",
    "NaN",
    "Infinity",
    "-0",
    "1e400000",
    "1e-400000",
    "0x10",
    "1_000",
    " 5",
    "٥",
    "\ud800",
    [],
    {},
    [[]],
    {"value": "1"},
    0,
    -1,
    1.5,
    1e308,
    10**40,
    -(10**400),
)
_FACTORS = tuple(map(Decimal, ("100", "10000", "1000000", "0.01", "0.0001", "0.000001", "1000", "0.001")))
_NEAR = tuple(map(Decimal, ("2", "1.1", "0.5", "0.9", "0", "1.000001", "10")))


def read(body: bytes) -> Any:
    """The body as a tree, numbers exact. Raises `ValueError` for what is no JSON."""
    return json.loads(body, parse_float=Decimal)


def written(tree: Any) -> bytes:
    return json.dumps(tree, default=_number).encode("utf-8", "surrogatepass")


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is nothing JSON has")


def places(tree: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place below the root, with what stands there."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*at, key), value
            yield from places(value, (*at, key))
    elif isinstance(tree, list):
        for n, value in enumerate(tree):
            yield (*at, n), value
            yield from places(value, (*at, n))


def put(tree: Any, at: Path, value: Any) -> None:
    _holder(tree, at)[at[-1]] = value


def drop(tree: Any, at: Path) -> None:
    del _holder(tree, at)[at[-1]]


def _holder(tree: Any, at: Path) -> Any:
    for step in at[:-1]:
        tree = tree[step]
    return tree


def name_of(at: Path) -> str:
    """The field a place belongs to."""
    return next((step for step in reversed(at) if isinstance(step, str)), "")


def figure(value: Any) -> Decimal | None:
    """A number, also one that is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def choose(rng: Random, found: list[tuple[Path, Any]]) -> tuple[Path, Any] | None:
    """One place, mostly of those a trade goes by."""
    if not found:
        return None
    weighty = [place for place in found if name_of(place[0]) in _FIGURES]
    return rng.choice(weighty if weighty and rng.random() < 0.7 else found)


def of_other_amount(rng: Random, tree: Any, factors: tuple[Decimal, ...]) -> str:
    """A figure becomes another one of the same form; "" if there is none."""
    picked = choose(rng, [(at, v) for at, v in places(tree) if figure(v) is not None and name_of(at) not in _NAMES])
    if picked is None:
        return ""
    at, old = picked
    factor = rng.choice(factors)
    number = figure(old)
    assert number is not None
    new = number * factor if number or not factor else Decimal(rng.choice((1, 5, 100)))
    if rng.random() < 0.1:
        new = -new
    put(tree, at, _like(old, new))
    return f"{_shown(at)} {old!r} → {_like(old, new)!r}"


def of_other_unit(rng: Random, tree: Any) -> str:
    """One figure in another unit; or all amounts of the answer, as of a venue that has changed its mind."""
    if rng.random() < 0.6:
        return of_other_amount(rng, tree, _FACTORS)
    factor, changed = rng.choice(_FACTORS), 0
    for at, old in list(places(tree)):
        number = figure(old)
        if number is not None and name_of(at) in _FIGURES:
            put(tree, at, _like(old, number * factor))
            changed += 1
    return f"{changed} amounts times {factor}" if changed else ""


def of_near_amount(rng: Random, tree: Any) -> str:
    return of_other_amount(rng, tree, _NEAR)


def of_other_sign(rng: Random, tree: Any) -> str:
    """An amount that a trade goes by has a minus: a venue that starts to sign what it says of purchases."""
    found = [(at, v) for at, v in places(tree) if figure(v) and name_of(at) in _FIGURES]
    if not found:
        return ""
    counts = [place for place in found if "count" in name_of(place[0]) or "Amount" in name_of(place[0])]
    at, old = rng.choice(counts if counts and rng.random() < 0.7 else found)
    number = figure(old)
    assert number is not None
    put(tree, at, _like(old, -number))
    return f"{_shown(at)} {old!r} → {_like(old, -number)!r}"


def of_other_type(rng: Random, tree: Any) -> str:
    picked = choose(rng, list(places(tree)))
    if picked is None:
        return ""
    value = rng.choice(_TYPES)
    put(tree, picked[0], value)
    return f"{_shown(picked[0])} {str(picked[1])[:40]} → {str(value)[:40]!r}"


def of_other_name(rng: Random, tree: Any, known: list[str]) -> str:
    """An id becomes that of something else the venue has named before, or of nothing at all."""
    found = [(at, v) for at, v in places(tree) if isinstance(v, str) and name_of(at) in _NAMES]
    if not found:
        return ""
    at, old = rng.choice(found)
    others = [name for name in known if name != old]
    new = rng.choice(others) if others and rng.random() < 0.8 else f"{rng.getrandbits(128):032x}"
    put(tree, at, new)
    return f"{_shown(at)} {old[:20]} → {new[:20]}"


def names(tree: Any) -> Iterator[str]:
    """Every id in a tree."""
    for at, value in places(tree):
        if isinstance(value, str) and value and name_of(at) in _NAMES:
            yield value


def of_missing(rng: Random, tree: Any) -> str:
    """A field or a row is not there; or nothing is."""
    found = list(places(tree))
    picked = choose(rng, found)
    if picked is None:
        return ""
    at, value = picked
    if isinstance(at[-1], str) and isinstance(value, list) and rng.random() < 0.5:
        put(tree, at, [])
        return f"{_shown(at)} emptied"
    drop(tree, at)
    return f"{_shown(at)} left out"


def of_extra(rng: Random, tree: Any) -> str:
    """A row twice, rows in another order, or fields nobody has heard of."""
    rows = [(at, v) for at, v in places(tree) if isinstance(v, list) and v]
    if rows and rng.random() < 0.7:
        at, listed = rng.choice(rows)
        again = listed[rng.randrange(len(listed))]
        put(tree, at, [*listed, again] if rng.random() < 0.6 else list(reversed(listed)))
        return f"{_shown(at)} a row twice, or backwards"
    holders = [(at, v) for at, v in places(tree) if isinstance(v, dict)]
    holder = rng.choice(holders)[1] if holders else tree
    if not isinstance(holder, dict):
        return ""
    holder["schema_version"] = rng.choice((7, "7", None, {"major": [7]}))
    holder["Count"] = "99"
    return "fields nobody has heard of"


def _like(old: Any, new: Decimal) -> Any:
    """A number in the form the old one had."""
    if isinstance(old, str):
        return format(new, "f")
    if isinstance(old, int):
        return int(new)
    return new


def _shown(at: Path) -> str:
    return ".".join(map(str, at))
