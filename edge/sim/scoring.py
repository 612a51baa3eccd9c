"""Holds what a line decided against what really rode the belt, item by item, by place on the belt."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge.sim.layout import SIZES_MM, SceneItem

SLACK_MM = 25.0
"""A decision whose place is this near to an item's box is about that item or a part of it."""
SAME_PLACE_MM = 10.0
"""Two decisions about one item at places nearer than this are the same thing decided twice; else they are parts."""

Fate = Literal["seen", "merged", "missed"]


@dataclass(frozen=True)
class Verdict:
    """What the plant did about one thing on the belt."""

    mark_mm: float
    """True belt travel at which, by the decision, the thing's centre is at the line."""
    x_mm: float
    """Its centre across the belt."""
    bin: str
    reason: str
    touching: bool = False
    label: str | None = None
    captured_s: float = 0.0
    fired_s: float | None = None
    """When the bin's gate moved; None: it did not."""
    planned_s: float | None = None
    """When the gate should have moved by the decision and the line's own odometer."""


@dataclass
class Account:
    """What became of each item; indices are those of the verdicts."""

    fates: dict[int, Fate] = field(default_factory=dict)
    """Item number -> fate. `merged`: it was decided as one with a neighbour, of which that decision is."""
    verdicts: dict[int, int] = field(default_factory=dict)
    """Item number -> the decision about it, or about it and its neighbour."""
    doubled: dict[int, int] = field(default_factory=dict)
    """Verdict -> item that was decided already, at the same place."""
    split: dict[int, int] = field(default_factory=dict)
    """Verdict -> item of which it is a further part."""
    ghosts: list[int] = field(default_factory=list)
    """Verdicts about nothing."""


def account(items: Sequence[SceneItem], line_mm: float, verdicts: Sequence[Verdict]) -> Account:
    """Give each item its decision, the nearest pair first, and each further decision its name."""
    found = Account()
    belt = _Belt(items, line_mm)
    pairs = [(belt.apart_mm(item, verdict), v, item) for v, verdict in enumerate(verdicts) for item in belt.at(verdict)]
    taken: set[int] = set()
    for _, v, item in sorted(pairs, key=lambda pair: (pair[0], pair[1], pair[2].number)):
        if v not in taken and item.number not in found.verdicts:
            taken.add(v)
            found.verdicts[item.number], found.fates[item.number] = v, "seen"
    _explain_further(found, belt, verdicts, taken)
    _explain_unseen(found, belt, verdicts)
    return found


class _Belt:
    """The items in the order of their places."""

    def __init__(self, items: Sequence[SceneItem], line_mm: float) -> None:
        self.items = sorted(items, key=lambda item: item.enters_mm)
        self._places = [item.enters_mm for item in self.items]
        self._line_mm = line_mm

    def at(self, verdict: Verdict) -> list[SceneItem]:
        """The items in or near whose box the verdict's place is."""
        near = self._between(verdict.mark_mm - self._line_mm, SIZES_MM[1])
        return [item for item in near if self._holds(item, verdict)]

    def neighbours(self, item: SceneItem) -> list[SceneItem]:
        """The items that may have been taken for one with it."""
        return [other for other in self._between(item.enters_mm, 2 * SIZES_MM[1]) if other is not item]

    def apart_mm(self, item: SceneItem, verdict: Verdict) -> float:
        return math.dist((item.enters_mm + self._line_mm, item.y_mm), (verdict.mark_mm, verdict.x_mm))

    def apart_from_both_mm(self, one: SceneItem, other: SceneItem, verdict: Verdict) -> float:
        """From the verdict's place to the middle of the box that holds both."""
        along = [item.enters_mm + sign * item.length_mm / 2 for item in (one, other) for sign in (-1, 1)]
        across = [item.y_mm + sign * item.width_mm / 2 for item in (one, other) for sign in (-1, 1)]
        middle = ((min(along) + max(along)) / 2 + self._line_mm, (min(across) + max(across)) / 2)
        return math.dist(middle, (verdict.mark_mm, verdict.x_mm))

    def _between(self, place_mm: float, reach_mm: float) -> list[SceneItem]:
        first, last = bisect_left(self._places, place_mm - reach_mm), bisect_right(self._places, place_mm + reach_mm)
        return self.items[first:last]

    def _holds(self, item: SceneItem, verdict: Verdict) -> bool:
        along = abs(item.enters_mm + self._line_mm - verdict.mark_mm)
        return along <= item.length_mm / 2 + SLACK_MM and abs(item.y_mm - verdict.x_mm) <= item.width_mm / 2 + SLACK_MM


def _explain_further(found: Account, belt: _Belt, verdicts: Sequence[Verdict], taken: set[int]) -> None:
    """What the decisions are that were given to no item."""
    for v, verdict in enumerate(verdicts):
        if v in taken:
            continue
        near = min(belt.at(verdict), key=lambda item: belt.apart_mm(item, verdict), default=None)
        if near is None:
            found.ghosts.append(v)
            continue
        first = verdicts[found.verdicts[near.number]]
        same = math.dist((first.mark_mm, first.x_mm), (verdict.mark_mm, verdict.x_mm)) <= SAME_PLACE_MM
        (found.doubled if same else found.split)[v] = near.number


def _explain_unseen(found: Account, belt: _Belt, verdicts: Sequence[Verdict]) -> None:
    """Which items without a decision of their own were taken for one with a neighbour, and which were missed."""
    for item in belt.items:
        if item.number in found.fates:
            continue
        with_it = next((v for v in _merging(found, belt, verdicts, item)), None)
        found.fates[item.number] = "missed" if with_it is None else "merged"
        if with_it is not None:
            found.verdicts[item.number] = with_it


def _merging(found: Account, belt: _Belt, verdicts: Sequence[Verdict], item: SceneItem) -> list[int]:
    """The decisions that are about a neighbour and this item: it touches the neighbour, or they lie amid both."""
    merging = []
    for other in belt.neighbours(item):
        if found.fates.get(other.number) == "seen":
            v = found.verdicts[other.number]
            touches = item.partner == other.number
            if touches or belt.apart_from_both_mm(item, other, verdicts[v]) < belt.apart_mm(other, verdicts[v]):
                merging.append(v)
    return merging
