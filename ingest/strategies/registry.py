"""The strategies there are, and those of a configuration: which code, by which parameters, under which name.

Adding one is a file in this folder and a line in REGISTRY. Several run side by side, also of the same code: each has a
name of its own, and none knows of the others. The gates hold for all of them together: strategies of one pair share its
count of open trades, and of two that propose at the same event the one declared first is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from config.keys import nearest
from config.params import params_of
from domain.claims import EquivalenceRecord
from domain.errors import BadInput
from domain.intent import LegPolicy
from domain.limits import CrossParams, GateLimits, SetParams, StrategySpec
from domain.market import MarketSpec
from ingest.sets import OutcomeSet
from ingest.strategies import basket, calm, cross
from ingest.strategies.combination import version_of
from ingest.strategy import Ground, Strategy


@dataclass(frozen=True, slots=True)
class Kind:
    """`params` is the schema: a frozen dataclass, every field with a default, exact values only. `logic` is raised when
    the same views and parameters would give other decisions. `make` gets parameters, a name ("" for the code's own) and
    what there is, and returns what to look for; versions are `version_of(logic, params, limits)`."""

    params: type[Any]
    logic: str
    make: Callable[[Any, str, Ground], Iterable[Strategy]]


REGISTRY: dict[str, Kind] = {
    "basket": Kind(SetParams, basket.LOGIC, basket.make),
    "cross": Kind(CrossParams, cross.LOGIC, cross.make),
    "calm": Kind(calm.CalmParams, calm.LOGIC, calm.make),
}


class Configuration(Protocol):
    """What of a configuration decides which strategies run. Without `strategies`, one on sets runs by `strategy` and
    one on claims by `cross`."""

    @property
    def strategy(self) -> SetParams: ...

    @property
    def cross(self) -> CrossParams: ...

    @property
    def strategies(self) -> tuple[StrategySpec, ...]: ...

    @property
    def gates(self) -> GateLimits: ...

    @property
    def policy(self) -> LegPolicy: ...


@dataclass(frozen=True, slots=True)
class Instance:
    """One strategy of a configuration, its parameters checked. `name` is empty where the code names its own."""

    spec: StrategySpec
    kind: Kind
    params: Any
    version: str

    @property
    def name(self) -> str:
        return self.spec.name

    def strategies(self, ground: Ground) -> tuple[Strategy, ...]:
        """What it looks for on `ground`. Raises BadInput as its `make` does."""
        made = self.kind.make(self.params, self.name, ground)
        prefixes = self.spec.pairs
        return tuple(one for one in made if not prefixes or one.pair.startswith(prefixes))


def instances(rules: Configuration) -> tuple[Instance, ...]:
    """The strategies that `rules` declare, in their order.

    Raises BadInput (`config`) for a strategy nobody wrote, parameters that its schema refuses, a name given twice, and
    a `version` that is not what the parameters, the gates' limits and the code come to.
    """
    if not rules.strategies:
        return (_default("basket", rules.strategy, rules.gates), _default("cross", rules.cross, rules.gates))
    made = tuple(_instance(spec, rules.gates) for spec in rules.strategies)
    names = [one.name for one in made]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two strategies are called {name}; halts and reports go by it. Rename one", "config")
    return made


def strategies_of(
    rules: Configuration,
    sets: Sequence[OutcomeSet],
    specs: Iterable[MarketSpec],
    claims: Iterable[EquivalenceRecord] = (),
    *,
    paper: bool = False,
) -> tuple[Strategy, ...]:
    """Everything that the strategies of `rules` look for. Raises BadInput as `instances` does, and (`no_market`) for an
    approved claim on an instrument that is not among `specs`."""
    ground = Ground(tuple(sets), tuple(specs), tuple(claims), rules.gates, rules.policy, paper)
    return tuple(one for instance in instances(rules) for one in instance.strategies(ground))


def _default(code: str, params: SetParams | CrossParams, limits: GateLimits) -> Instance:
    kind = REGISTRY[code]
    return Instance(StrategySpec(code, "", source="settings"), kind, params, version_of(kind.logic, params, limits))


def _instance(spec: StrategySpec, limits: GateLimits) -> Instance:
    place = spec.source or f"strategy {spec.name}"
    kind = REGISTRY.get(spec.strategy)
    if kind is None:
        raise BadInput(
            f"{place}: there is no strategy {spec.strategy!r}.{nearest(spec.strategy, list(REGISTRY))} "
            f"There are {', '.join(REGISTRY)}",
            "config",
        )
    params = params_of(kind.params, spec.params, place)
    version = version_of(kind.logic, params, limits)
    if spec.version not in ("", version):
        raise BadInput(
            f"{place}: version {spec.version} was expected, but code, parameters and gates make {version}; one of them "
            f"was changed since. Look at what `surefoot strategies` shows, then write version: {version}, or remove it",
            "config",
        )
    return Instance(spec, kind, params, version)
