"""One failure on request: which request or event goes wrong, how, and how often.

    - match: {venue: polymarket, request: place_order, nth: 2}
      do: lost_answer
    - match: {venue: polymarket, event: trade, probability: 0.1}
      do: duplicate

| do | of a request | needs, takes |
|---|---|---|
| lost_answer | it takes effect, the connection drops before the answer | |
| lost_request | no effect, the connection drops | |
| late_answer | effect at once, answer after `ms`, or as soon as the faults are cleared | ms |
| status | answers `code` (and `body`), `when` before (the default) or after the effect | code; body, when |
| error_body | answers 2xx with an error in the body | when |
| no_order | answers 2xx with a body that holds no order | when |
| html | answers with a page of HTML, as a CDN does (`code` 502 unless given) | code, when |
| refuse | refused, without effect, in words nobody documents (`code` 400 unless given) | code, body |
| busy | 429; `retry_after` as it is given, else seconds, a fraction, a date or nothing by turns | retry_after |
| retired | this read is gone for good: `code` 410 unless given, until the faults are cleared | code |
| maintenance | everything at this venue is answered 503 for `ms` | ms |
| trickle | the answer comes in small pieces over `ms` | ms |
| gzip | the answer is compressed | |
| other_unit | amounts in the answer as whole numbers of the smallest unit | |
| not_yet | the answer is of the moment before the match: live or delayed, nothing matched (Polymarket) | |
| beyond | the answer says `factor` times what was matched (1.5 unless given) | factor |
| other_sign | the answer's counts of what was matched, and its fills', have a minus | |
| partial | the order gets only `fraction` of what it could fill, the rest is cancelled | fraction |
| self_trade | the same, cancelled because it would have met an order of its own | fraction |
| improve | the first `shares` it takes are `ticks` better than what was displayed | ticks, shares |
| makers | each level it takes is `count` makers: so many rows | count |
| merge | all levels it takes are one trade (Polymarket); `ticks` and `shares` as for improve | count; ticks, shares |
| read_lag | this read shows the account as it was `ms` ago | ms |
| silent_socket | WebSockets stay open and are pinged but carry nothing for `ms`: frames are lost, seq runs on | ms |

| do | of an event: a frame to one client | needs |
|---|---|---|
| drop, duplicate, reorder, malformed | lost; twice; after the next one; cut in half | |
| late | sent `ms` later | ms |

| do | of another event | needs, takes |
|---|---|---|
| fail | of `settlement` (Polymarket): FAILED, `stage` early (never mined) or late (mined first) | stage |
| retry | of `settlement`: mined at the second try | |
| late | of `settlement`: mined `ms` later | ms |
| cached | of `settlement`: balances stay as they were for `ms`, or until the client asks for the update | ms |
| company | of `making` (Polymarket): our resting order has a part of a larger trade, another maker the rest | |
| renumber | of `feed` (Kalshi): the subscription numbers anew, beginning with a snapshot | |
| payout | of `payout`: the market pays `value` whatever was declared | value |

`match` narrows by `venue`, `request` (a name of `requests.REQUESTS`) or `event`, by `method`, `path_prefix`, and one
order by `client_order_id` (of the body) or, at Polymarket, where an order has none, by its `salt`: its request, or the
`settlement` of its matches. Of what matches it picks the `nth`, or each `every`-th, or one with `probability` (drawn
from the seed), or all. `times` bounds how often the fault happens: 1 unless `every` or `probability` is given, or it is
`retired`. `silent_socket` with an empty `match` starts at once. `do` may also be written as
{"late_answer": {"ms": 300}}.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paper.core.requests import REQUESTS, name_of, venue_of

Action = Literal[
    "lost_answer",
    "lost_request",
    "late_answer",
    "status",
    "partial",
    "read_lag",
    "silent_socket",
    "drop",
    "duplicate",
    "reorder",
    "malformed",
    "late",
    "fail",
    "error_body",
    "no_order",
    "html",
    "refuse",
    "busy",
    "retired",
    "maintenance",
    "trickle",
    "gzip",
    "other_unit",
    "not_yet",
    "beyond",
    "other_sign",
    "self_trade",
    "improve",
    "makers",
    "merge",
    "retry",
    "cached",
    "company",
    "renumber",
    "payout",
]
_FRAMES = ("drop", "duplicate", "reorder", "malformed", "late")
SETTLEMENT, MAKING, FEED, PAYOUT = "settlement", "making", "feed", "payout"
_ELSEWHERE = {
    SETTLEMENT: ("fail", "retry", "late", "cached"),
    MAKING: ("company",),
    FEED: ("renumber",),
    PAYOUT: ("payout",),
}
"""Events that are no frames, and all that can happen to them."""

_STRICT = ConfigDict(extra="forbid", frozen=True)
_Millis = Annotated[int, Field(ge=0, le=600_000)]
_NEEDS: dict[str, tuple[str, ...]] = {
    "late_answer": ("ms",),
    "read_lag": ("ms",),
    "silent_socket": ("ms",),
    "status": ("code",),
    "partial": ("fraction",),
    "late": ("ms",),
    "maintenance": ("ms",),
    "trickle": ("ms",),
    "self_trade": ("fraction",),
    "improve": ("ticks", "shares"),
    "makers": ("count",),
    "merge": ("count",),
    "cached": ("ms",),
    "payout": ("value",),
}
_TAKES: dict[str, tuple[str, ...]] = _NEEDS | {
    "status": ("code", "body", "when"),
    "fail": ("stage",),
    "error_body": ("when",),
    "no_order": ("when",),
    "html": ("code", "when"),
    "refuse": ("code", "body"),
    "busy": ("retry_after",),
    "retired": ("code",),
    "beyond": ("factor",),
    "merge": ("count", "ticks", "shares"),
}
_DETAILS = (
    "ms",
    "code",
    "body",
    "when",
    "fraction",
    "stage",
    "retry_after",
    "factor",
    "ticks",
    "shares",
    "count",
    "value",
)


class Match(BaseModel):
    model_config = _STRICT

    venue: Literal["kalshi", "polymarket"] | None = None
    request: str | None = None
    event: str | None = None
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path_prefix: str | None = None
    client_order_id: str | None = None
    salt: int | None = None
    nth: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _known(self) -> Match:
        if self.request is not None and self.event is not None:
            raise ValueError("match takes request or event, not both")
        known = [name for venue, name in REQUESTS if self.venue in (None, venue)]
        if self.request is not None and self.request not in known:
            raise ValueError(f"request {self.request} is unknown; expected one of {', '.join(sorted(set(known)))}")
        return self

    def covers(self, method: str, path: str, client_order_id: str, salt: int) -> bool:
        return (
            self.event is None
            and self.venue in (None, venue_of(path))
            and self.request in (None, name_of(method, path))
            and self.method in (None, method)
            and path.startswith(self.path_prefix or "")
            and self.client_order_id in (None, client_order_id)
            and self.salt in (None, salt)
        )

    def hears(self, venue: str, event: str, salt: int) -> bool:
        return self.event == event and self.venue in (None, venue) and self.salt in (None, salt)

    @property
    def empty(self) -> bool:
        return self == Match()


class Fault(BaseModel):
    model_config = _STRICT

    match: Match = Match()
    do: Action
    times: Annotated[int, Field(ge=1)] | None = None
    ms: _Millis | None = None
    code: Annotated[int, Field(ge=400, le=599)] | None = None
    body: Any = None
    when: Literal["before", "after"] | None = None
    fraction: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    stage: Literal["early", "late"] | None = None
    retry_after: str | None = None
    factor: Annotated[Decimal, Field(gt=1, le=1_000_000)] | None = None
    ticks: Annotated[int, Field(ge=1, le=50)] | None = None
    shares: Annotated[Decimal, Field(gt=0, decimal_places=2)] | None = None
    count: Annotated[int, Field(ge=1, le=20)] | None = None
    value: Annotated[Decimal, Field(ge=0, le=1, decimal_places=2)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("do"), dict) and len(value["do"]) == 1:
            ((name, details),) = value["do"].items()
            return value | {"do": name} | (details or {})
        return value

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        missing = [name for name in _NEEDS.get(self.do, ()) if getattr(self, name) is None]
        given = [name for name in _DETAILS if getattr(self, name) is not None]
        foreign = [name for name in given if name not in _TAKES.get(self.do, ())]
        if missing:
            raise ValueError(f"{self.do} needs {', '.join(missing)}")
        if foreign:
            raise ValueError(f"{self.do} takes no {', '.join(foreign)}")
        places = [event for event, kinds in _ELSEWHERE.items() if self.do in kinds]
        if self.match.event in _ELSEWHERE:
            known = _ELSEWHERE[self.match.event]
            if self.do not in known:
                raise ValueError(
                    f"{self.do} cannot happen to the event {self.match.event}; expected {', '.join(known)}"
                )
        elif self.do not in _FRAMES and (places or self.match.event is not None):
            where = f"the event {places[0]}" if places else "requests"
            raise ValueError(f"{self.do} happens to {where}; match one")
        elif self.do in _FRAMES and self.match.event is None:
            raise ValueError(f"{self.do} happens to events; match one")
        if sum(getattr(self.match, name) is not None for name in ("nth", "every", "probability")) > 1:
            raise ValueError("match takes one of nth, every, probability")
        return self

    @property
    def limit(self) -> int | None:
        if self.times is not None:
            return self.times
        return None if self.match.every or self.match.probability or self.do == "retired" else 1
