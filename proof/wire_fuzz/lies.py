"""The ways in which an answer is spoiled, and who decides which one comes next.

    | lie          | what the client sees                                          | the venue did it |
    |--------------|---------------------------------------------------------------|------------------|
    | right        | the answer                                                    | yes              |
    | lost         | nothing, until its patience ends                              | no               |
    | unreachable  | no connection                                                 | no               |
    | late         | nothing in time; the bytes arrived, at once or after that     | yes              |
    | reset        | the connection ends without an answer                         | yes              |
    | twice        | the answer to the second of two copies                        | yes, twice       |
    | stale        | what was answered to such a question before                   | yes              |
    | truncated    | a body that ends too early, with or without a sign of it      | yes              |
    | slow         | a byte now and then                                           | yes              |
    | huge         | a body of many megabytes                                      | yes              |
    | html         | a page of something in between                                | yes or no        |
    | error_in_200 | success, and an error in it                                   | yes or no        |
    | refused      | a refusal in words nobody documents                           | no               |
    | busy         | 429, 425, 5xx with odd headers                                | yes or no        |
    | swallowed    | success without an order                                      | no               |
    | other_unit   | a figure in another unit                                      | yes              |
    | other_amount | a figure that is wrong                                        | yes              |
    | other_sign   | an amount with a minus                                        | yes              |
    | other_order  | somebody else's id, or somebody else's whole answer           | yes              |
    | other_type   | a value of another type                                       | yes              |
    | extra        | rows twice or backwards, fields nobody has heard of           | yes              |
    | missing      | a field or a row left out                                     | yes              |

A lie strikes by chance, or as a habit: the same one to every question of one kind while the storm lasts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from proof.wire_fuzz import bodies
from proof.wire_fuzz.honest import Told
from proof.wire_fuzz.kinds import CANCEL, SUBMIT, Asked

RIGHT = "right"
BEFORE = frozenset({"lost", "unreachable", "refused", "swallowed"})
"""Lies that keep the venue from ever hearing of the request."""

CONTENT = frozenset(
    {"other_unit", "other_amount", "other_sign", "other_order", "other_type", "extra", "missing", "stale"}
)
"""Lies in which the answer itself is wrong, so that nobody can tell it from a right one by its form alone."""

LIES = (
    "lost",
    "unreachable",
    "late",
    "reset",
    "twice",
    "stale",
    "truncated",
    "slow",
    "huge",
    "html",
    "error_in_200",
    "refused",
    "busy",
    "swallowed",
    "other_unit",
    "other_amount",
    "other_sign",
    "other_order",
    "other_type",
    "extra",
    "missing",
)
_OF_ORDERS = frozenset({"refused", "swallowed"})
_EITHER = frozenset({"html", "error_in_200", "busy"})
_MOST_REMEMBERED = 40
_HUGE = b" " * (24 << 20)

_WORDS = (
    "order not accepted at this time",
    "market in auction phase",
    "unknown_reason",
    "risk limit exceeded for member class",
    "self-trade prevention triggered",
)
_SWALLOWED: tuple[bytes, ...] = (b"{}", b"", b"null", b'{"order":null}', b'{"success":true}', b'{"status":"ok"}', b"[]")
_ERRORS: tuple[bytes, ...] = (
    b'{"error":"internal"}',
    b'{"success":false,"errorMsg":"something went wrong"}',
    b'{"code":"service_degraded","message":"try later","details":""}',
    b'{"error":{"code":"upstream","message":"bad gateway"}}',
    b'{"error":null,"errorMsg":"","success":false}',
)
_PAGES: tuple[bytes, ...] = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>checking your browser</body></html>",
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><hr><center>nginx</center></body></html>",
    b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
)
_WAITS = ("0", "1", "0.5", "-1", "nan", "inf", "1e9", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "99999999999999999999")


@dataclass(frozen=True, slots=True)
class Lie:
    """What will become of one answer. `seed` fixes every choice it makes; `done` whether the venue hears of it."""

    name: str
    seed: int = 0
    done: bool = True


@dataclass(frozen=True, slots=True)
class Habit:
    """The same lie to every question of a kind, at one venue, to orders only for `market` where that is not empty."""

    venue: str
    kind: str
    name: str
    seed: int
    market: str = ""

    def covers(self, asked: Asked) -> bool:
        return (asked.venue, asked.kind) == (self.venue, self.kind) and self.market.encode() in asked.body


@dataclass(slots=True)
class Liar:
    """Decides, remembers what was said, and spoils. The first `honest` questions are answered rightly, and all of them
    as soon as `calm` is set."""

    rng: Random
    rate: float
    habits: tuple[Habit, ...]
    honest: int = 0
    calm: bool = False
    asked: int = 0
    withheld: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    _said: dict[tuple[str, str], list[Told]] = field(default_factory=dict)
    _names: dict[str, None] = field(default_factory=dict)

    def decide(self, asked: Asked) -> Lie:
        self.asked += 1
        if not self.calm and self.asked > self.honest:
            for habit in self.habits:
                if habit.covers(asked):
                    return _lie(asked, habit.name, habit.seed)
            if self.rng.random() < self.rate:
                names = LIES if asked.kind == SUBMIT else tuple(n for n in LIES if n not in _OF_ORDERS)
                return _lie(asked, self.rng.choice(names), self.rng.getrandbits(32))
        return Lie(RIGHT)

    def remember(self, asked: Asked, said: Told) -> None:
        """What the venue really answered: later lies are made of it."""
        if said.status >= 300:  # a refusal is believed, so nobody is told one that was meant for somebody else
            return
        kept = self._said.setdefault((asked.venue, asked.kind), [])
        if len(kept) < _MOST_REMEMBERED:
            kept.append(said)
        if self.calm or len(self._names) >= _MOST_REMEMBERED:
            return
        try:
            for name in bodies.names(bodies.read(said.body)):
                if len(self._names) < _MOST_REMEMBERED:
                    self._names[name] = None
        except ValueError:
            return

    def note(self, asked: Asked, lie: Lie, what: str, at_ms: int) -> None:
        self.counts[f"{lie.name}:{asked.kind}"] += 1
        self.withheld += not lie.done
        if lie.name != RIGHT:
            self.told.append(f"{at_ms} ms {asked.method} {asked.path[:90]}: {lie.name} {what}"[:260])

    def without_effect(self, asked: Asked, lie: Lie) -> Told:
        """What is answered to a request that never reached the venue, where anything is."""
        rng = Random(lie.seed)  # noqa: S311 - chance, not secrets
        good = 201 if asked.venue == "kalshi" else 200
        if lie.name == "swallowed":
            return _json(good, rng.choice(_SWALLOWED))
        if lie.name == "html":
            return Told(rng.choice((200, good, 403, 502, 503)), {"Content-Type": "text/html"}, rng.choice(_PAGES))
        if lie.name == "error_in_200":
            return _json(good, rng.choice(_ERRORS))
        if lie.name == "busy":
            return self.spoiled(asked, lie, _json(good, b""))[0]
        word = rng.choice(_WORDS)
        shaped = {"error": {"code": word.replace(" ", "_"), "message": word}} if rng.random() < 0.5 else {"error": word}
        return _json(rng.choice((400, 400, 409, 403, 422, 418)), bodies.written(shaped))

    def spoiled(self, asked: Asked, lie: Lie, said: Told) -> tuple[Told, str]:
        """The answer as the client will see it, and what was done to it."""
        rng = Random(lie.seed)  # noqa: S311 - chance, not secrets
        if lie.name in ("html", "error_in_200"):
            return self.without_effect(asked, lie), ""
        if lie.name == "busy":
            headers = dict(said.headers) | {"Retry-After": rng.choice(_WAITS), "Poly-RateLimit-Remaining": "x"}
            maybe = (500, 503, 504, 408, 301, 204)  # the others say that nothing was done
            status = rng.choice(maybe if asked.kind == SUBMIT and lie.done else (429, 429, 425, *maybe))
            return Told(status, headers, rng.choice((b"", *_ERRORS, *_PAGES))), str(status)
        if lie.name == "stale":
            kept = self._said.get((asked.venue, asked.kind), [])
            return (rng.choice(kept), "an older answer") if kept else (said, "")
        if lie.name == "huge":
            return _grown(rng, said), "made huge"
        if lie.name == "truncated":
            end = rng.randrange(max(len(said.body), 1))
            return Told(said.status, said.headers, said.body[:end]), f"after {end} bytes"
        if lie.name == "other_order" and rng.random() < 0.3 and asked.kind not in (CANCEL,):
            kept = self._said.get((asked.venue, asked.kind), [])
            if kept:
                return Told(said.status, said.headers, rng.choice(kept).body), "somebody else's answer"
        return self._wrong(rng, lie.name, said)

    def _wrong(self, rng: Random, name: str, said: Told) -> tuple[Told, str]:
        try:
            tree = bodies.read(said.body)
        except ValueError:
            return said, ""
        if name == "other_order":
            what = bodies.of_other_name(rng, tree, list(self._names))
        else:
            what = _CHANGES[name](rng, tree) if isinstance(tree, (dict, list)) else ""
        return Told(said.status, said.headers, bodies.written(tree)), what


_CHANGES: dict[str, Any] = {
    "other_unit": bodies.of_other_unit,
    "other_amount": bodies.of_near_amount,
    "other_sign": bodies.of_other_sign,
    "other_type": bodies.of_other_type,
    "extra": bodies.of_extra,
    "missing": bodies.of_missing,
}


def _lie(asked: Asked, name: str, seed: int) -> Lie:
    """With or without effect, where the answer does not say which."""
    done = name not in BEFORE and not (asked.kind == SUBMIT and name in _EITHER and seed & 1)
    return Lie(name, seed, done)


def _json(status: int, body: bytes) -> Told:
    return Told(status, {"Content-Type": "application/json"}, body)


def _grown(rng: Random, said: Told) -> Told:
    """More than anybody has a use for: spaces without an end, or brackets."""
    if rng.random() < 0.5:
        return Told(said.status, said.headers, _HUGE)
    return Told(said.status, said.headers, b'{"cursor":"' + b"9" * (1 << 20) + b'","x":' + b"[" * 5_000)
