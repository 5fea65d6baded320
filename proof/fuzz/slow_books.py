"""What a venue's frames say, read slowly and plainly: the standard library's JSON, exact decimals, a dictionary a side.

Nothing here is shared with the feeds but the venue's documentation. Where a reader of good will could doubt a message,
the slow book is doubted; the fast one may doubt more, never less.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MICRO = 1_000_000
AHEAD = 60 * MICRO
_NUMBER = re.compile(r"\d*(\.\d{0,6})?", re.ASCII)


TWICE = "\0"
"""The key under which an object keeps all values where one was said twice."""


class Unsure(Exception):
    """This message cannot be believed as it is."""


class NoText(Unsure):
    """These bytes are no JSON: what they were about is anybody's guess."""


@dataclass(slots=True)
class SlowBook:
    """Levels by price in micros. `sure` is whether what stands here may be traded on."""

    market: str
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    at: int = 0
    ready: bool = False
    doubted: bool = False
    source: int = 0
    """The subscription or connection that brought its last snapshot."""
    half: int | None = None
    """The time of an instant of which only a part is here: its best prices are told and are not these yet."""

    @property
    def sure(self) -> bool:
        return self.ready and not self.doubted and self.half is None

    def become(self, other: SlowBook) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def crossed(self) -> bool:
        return bool(self.bids and self.asks) and max(self.bids) >= min(self.asks)

    def replace(self, bids: dict[int, int], asks: dict[int, int], at: int) -> None:
        self.bids = {price: size for price, size in bids.items() if size}
        self.asks = {price: size for price, size in asks.items() if size}
        self.at, self.ready, self.half = at, True, None
        self.doubted = self.doubted and self.crossed()

    def put(self, bid: bool, price: int, size: int, at: int) -> None:
        levels = self.bids if bid else self.asks
        levels.pop(price, None)
        if size:
            levels[price] = size
        self.at = at


def parsed(raw: bytes) -> Any:
    """Raises NoText, for half a surrogate pair too: no text has such a character, however it is escaped. Integers that
    Python refuses to read for their length become text."""
    try:
        said = json.loads(raw.decode("utf-8"), parse_int=_integer, object_pairs_hook=_object)
        json.dumps(said, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NoText from None
    return said


def _integer(said: str) -> int | str:
    return int(said) if len(said) <= sys.int_info.default_max_str_digits else said


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What is said twice counts as said last; what was said first is kept for `names`."""
    said = dict(pairs)
    return said if len(said) == len(pairs) else {TWICE: [value for _, value in pairs], **said}


def names(value: Any, wanted: Collection[str]) -> Iterator[str]:
    """Every text anywhere in `value` that is one of `wanted`."""
    if isinstance(value, str) and value in wanted:
        yield value
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inside:
        yield from names(part, wanted)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unsure
    return value


def whole(value: Any) -> int:
    if type(value) is not int:
        raise Unsure
    return value


def micros(value: Any) -> int:
    """A plain decimal of at most six places, not negative."""
    said = text(value)
    if not _NUMBER.fullmatch(said) or not any(map(str.isdigit, said)) or len(said) > 24:
        raise Unsure
    return int(Decimal(said) * MICRO)


def price(value: Any) -> int:
    found = micros(value)
    if not 0 < found < MICRO:
        raise Unsure
    return found
