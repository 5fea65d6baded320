"""Stoikov's micro-price: where the mid is heading, given the imbalance and the spread of now.

    P = mid + g(I, spread),   g = lim over moves of the mid of E[mid then − mid now]

Estimated from the states a book went through (Stoikov 2018, "The micro-price: a high-frequency estimator of future
prices", Quantitative Finance 18:12). A state is (imbalance bucket, spread in ticks). Q holds the chances of moves
between states that leave the mid, R those of a change of the mid by k ticks, T those of a move to a state
with such a change:

    G₁ = (1 − Q)⁻¹ R k,   B = (1 − Q)⁻¹ T,   g = G₁ + B·G₁ + B²·G₁ + …

Every observation is counted with its mirror image (bid and ask exchanged), which makes g odd in I − ½: no drift is
learned, and the series ends. Fitted off the hot path; looking a number up costs one dictionary access.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.features.feature import Feature, Flaw, flawed
from domain.features.touch import Touch, clipped
from domain.money import MICRO

State = tuple[int, int]
"""(imbalance bucket from 0, spread in ticks)."""

_MOST_TERMS = 200
_SMALL = 1e-9


@dataclass(frozen=True, slots=True)
class MicroPrice:
    """A fitted table: g in dollars by state. `buckets` of imbalance, spreads up to `most_spread` ticks of `tick`
    micros; a wider book has no micro-price."""

    buckets: int
    most_spread: int
    tick: int
    table: Mapping[State, float]

    def of(self, touch: Touch) -> Feature:
        """Dollars, within [tick, 1 − tick]. Missing for a state the fit never saw."""
        if touch.flaw or touch.best_bid is None or touch.best_ask is None:
            return flawed(touch.flaw or Flaw.ONE_SIDED)
        state = state_of(touch, self.buckets, self.tick)
        shift = self.table.get(state)
        if shift is None:
            return flawed(Flaw.MISSING, f"the fit never saw a spread of {state[1]} tick(s) at imbalance {state[0]}")
        return Feature(clipped((touch.best_ask + touch.best_bid) / (2 * MICRO) + shift, self.tick))


def state_of(touch: Touch, buckets: int, tick: int) -> State:
    """The state of a touch with two sides. An imbalance on the border of two buckets goes to the one above below ½ and
    to the one below above ½, so that mirrored books have mirrored states."""
    assert touch.best_bid is not None
    assert touch.best_ask is not None
    total = touch.bid_size + touch.ask_size
    bucket = min(touch.bid_size * buckets // total, buckets - 1)
    mirrored = buckets - 1 - min(touch.ask_size * buckets // total, buckets - 1)
    if touch.bid_size > touch.ask_size:
        bucket = mirrored
    elif touch.bid_size == touch.ask_size:
        bucket = buckets // 2
    return bucket, (touch.best_ask - touch.best_bid) // tick


def fit(touches: Iterable[Touch], *, tick: int, buckets: int = 9, most_spread: int = 4) -> MicroPrice:
    """The table of one instrument's states in their order. `buckets` is odd: the middle one is balance, with g = 0.

    States that are no market, or wider than `most_spread`, break the chain. Raises ValueError for an even number.
    """
    if buckets < 1 or buckets % 2 == 0:
        raise ValueError(f"{buckets} buckets; expected an odd number, so that balance has its own")
    stays: dict[State, dict[State, int]] = defaultdict(lambda: defaultdict(int))
    moves: dict[State, dict[tuple[State, int], int]] = defaultdict(lambda: defaultdict(int))
    before: tuple[State, int] | None = None
    for touch in touches:
        now = _seen(touch, buckets, tick, most_spread)
        if now is not None and before is not None:
            (was, mid_was), (state, mid) = before, now
            moved = mid - mid_was  # twice the mid, in micros
            if moved:
                moves[was][state, moved] += 1
                moves[_mirror(was, buckets)][_mirror(state, buckets), -moved] += 1
            elif state != was:
                stays[was][state] += 1
                stays[_mirror(was, buckets)][_mirror(state, buckets)] += 1
        before = now
    return MicroPrice(buckets, most_spread, tick, _adjustments(stays, moves))


def _seen(touch: Touch, buckets: int, tick: int, most_spread: int) -> tuple[State, int] | None:
    if touch.flaw or touch.best_bid is None or touch.best_ask is None:
        return None
    state = state_of(touch, buckets, tick)
    return (state, touch.best_bid + touch.best_ask) if 1 <= state[1] <= most_spread else None


def _mirror(state: State, buckets: int) -> State:
    return buckets - 1 - state[0], state[1]


def _adjustments(
    stays: Mapping[State, Mapping[State, int]], moves: Mapping[State, Mapping[tuple[State, int], int]]
) -> dict[State, float]:
    # A state from which no chain of moves leads to a change of the mid says nothing about one.
    states = sorted(_leading(stays, moves))
    place = {state: number for number, state in enumerate(states)}
    size = len(states)
    q = [[0.0] * size for _ in states]
    t = [[0.0] * size for _ in states]
    drift = [0.0] * size
    for state in states:
        row = place[state]
        kept = {to: n for to, n in stays.get(state, {}).items() if to in place}
        moved = moves.get(state, {})
        total = sum(kept.values()) + sum(moved.values())
        for to, n in kept.items():
            q[row][place[to]] += n / total
        for (to, k), n in moved.items():
            drift[row] += k / (2 * MICRO) * n / total
            if to in place:
                t[row][place[to]] += n / total
    rest = [[(1.0 if i == j else 0.0) - q[i][j] for j in range(size)] for i in range(size)]
    solved = _solve(rest, [[drift[i], *t[i]] for i in range(size)])
    term = [row[0] for row in solved]
    onwards = [row[1:] for row in solved]
    total_g = list(term)
    for _ in range(_MOST_TERMS):
        term = [sum(b * g for b, g in zip(row, term, strict=True)) for row in onwards]
        total_g = [a + b for a, b in zip(total_g, term, strict=True)]
        if max(map(abs, term), default=0.0) < _SMALL:
            break
    return dict(zip(states, total_g, strict=True))


def _leading(
    stays: Mapping[State, Mapping[State, int]], moves: Mapping[State, Mapping[tuple[State, int], int]]
) -> set[State]:
    leading = {state for state, to in moves.items() if to}
    while more := {state for state, to in stays.items() if state not in leading and leading & to.keys()}:
        leading |= more
    return leading


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> list[list[float]]:
    """X of matrix · X = right, by elimination with pivoting. The matrix is 1 − Q of an absorbing chain: regular."""
    size = len(matrix)
    rows = [[*matrix[i], *right[i]] for i in range(size)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda i: abs(rows[i][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        lead = rows[column][column]
        rows[column] = [value / lead for value in rows[column]]
        for i in range(size):
            if i != column and (factor := rows[i][column]):
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]
