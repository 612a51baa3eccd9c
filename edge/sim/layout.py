"""Where each item lies on the belt: one after another, in touching pairs, side by side."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from edge.errors import UsageError
from edge.sim.items import Drawing
from edge.sim.light import Sprite
from edge.sim.stamp import fitted, proportions

RAIL_MM = 14.0
SIZES_MM = (60.0, 230.0)
SIDE_GAP_MM = 20.0
"""Free belt between two items that lie side by side, at least."""
_OVERLAP_MM = 3.0
"""By so much touching items overlap where they are nearest."""

Catalogue = Mapping[str, Mapping[str, Drawing]]
"""Class -> subclass -> drawing."""
Share = Annotated[float, Meta(ge=0, le=1)]


class Spacing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How items follow one another."""

    gap_mm: tuple[float, float] = (120.0, 260.0)
    """Least and most free belt before the next item or pair."""
    touching: Share = 0.0
    """Share of the items that lie in touching pairs, one behind the other."""
    beside: Share = 0.0
    """Share of the items that lie in pairs side by side, `SIDE_GAP_MM` or more apart."""


@dataclass(frozen=True)
class SceneItem:
    """One item of a scene."""

    number: int
    """Counts from 0 in the order of arrival."""
    label: str
    subclass: str
    enters_mm: float
    """Belt travel at which its centre is at the view's upstream edge, x = 0."""
    length_mm: float
    """Its extent along the belt."""
    width_mm: float
    """Its extent across the belt."""
    y_mm: float
    """Its centre across the belt, from the view's upper edge."""
    canvas_px: int
    """Size of the picture that it is drawn on to have these extents."""
    partner: int | None = None
    """The item that it touches."""


class Layout:
    """Lays out items on a belt; the same seed gives the same items."""

    def __init__(self, catalogue: Catalogue, seed: int, across_mm: float, mm_per_px: float, spacing: Spacing) -> None:
        """`across_mm`: the view's extent across the belt. Raises UsageError for spacings that contradict themselves."""
        check_spacing(spacing)
        self._catalogue, self._seed, self._spacing = catalogue, seed, spacing
        self._across_mm, self._mm_per_px = across_mm, mm_per_px
        self._free_mm = (across_mm - 2 * RAIL_MM) * 0.95

    def items(self, count: int, first_mm: float) -> Iterator[SceneItem]:
        """`count` items, the first of which has its front at `first_mm` of belt."""
        rng, choice = np.random.default_rng([self._seed, 0]), np.random.default_rng([self._seed, 3])
        kinds, front_mm, number = _kinds(rng, self._catalogue), first_mm, 0
        while number < count:
            pair = self._pair(choice) if number + 1 < count else ""
            unit = self._placed(rng, choice, [next(kinds) for _ in range(2 if pair else 1)], number, front_mm, pair)
            yield from unit
            number += len(unit)
            front_mm = max(item.enters_mm + item.length_mm / 2 for item in unit) + rng.uniform(*self._spacing.gap_mm)

    def drawn(self, item: SceneItem) -> Sprite:
        """The item's picture, premultiplied, exactly as large as the item."""
        width, height = round(item.length_mm / self._mm_per_px), round(item.width_mm / self._mm_per_px)
        drawing = self._catalogue[item.label][item.subclass]
        return fitted(drawing, self._seed_of(item.number), item.canvas_px, width, height)

    def _pair(self, choice: np.random.Generator) -> str:
        """How the next two items lie together, or "": the next one lies alone."""
        touching, beside = self._spacing.touching, self._spacing.beside
        drawn = choice.random() * (2 - touching - beside)
        return "touching" if drawn < touching else "beside" if drawn < touching + beside else ""

    def _placed(
        self,
        rng: np.random.Generator,
        choice: np.random.Generator,
        kinds: list[tuple[str, str]],
        number: int,
        front_mm: float,
        pair: str,
    ) -> list[SceneItem]:
        free_mm = (self._free_mm - SIDE_GAP_MM) / 2 if pair == "beside" else self._free_mm
        unit = [self._alone(rng, number + place, *kind, front_mm, free_mm) for place, kind in enumerate(kinds)]
        arranged: dict[str, Callable[..., list[SceneItem]]] = {"touching": self._touching, "beside": self._beside}
        return arranged[pair](choice, *unit) if pair else unit

    def _alone(
        self, rng: np.random.Generator, number: int, label: str, subclass: str, front_mm: float, free_mm: float
    ) -> SceneItem:
        """Whole pixels along and across, no wider than `free_mm`; large is likelier than small."""
        across, down = proportions(self._catalogue[label][subclass], self._seed_of(number))
        longest = SIZES_MM[0] + (SIZES_MM[1] - SIZES_MM[0]) * float(np.sqrt(rng.random()))
        scale = min(longest / max(across, down), free_mm / down) / self._mm_per_px
        length, width = (max(2, round(side * scale)) * self._mm_per_px for side in (across, down))
        y_mm = rng.uniform(RAIL_MM + width / 2, self._across_mm - RAIL_MM - width / 2)
        return SceneItem(number, label, subclass, front_mm + length / 2, length, width, y_mm, round(scale))

    def _beside(self, choice: np.random.Generator, one: SceneItem, other: SceneItem) -> list[SceneItem]:
        """The two next to each other, either of them above."""
        spare_mm = self._across_mm - 2 * RAIL_MM - one.width_mm - other.width_mm - SIDE_GAP_MM
        top_mm, between_mm = RAIL_MM + choice.uniform(0, spare_mm / 2), SIDE_GAP_MM + choice.uniform(0, spare_mm / 2)
        upper, lower = (one, other) if choice.random() < 0.5 else (other, one)
        upper_mm = top_mm + upper.width_mm / 2
        lower_mm = top_mm + upper.width_mm + between_mm + lower.width_mm / 2
        y_mm = {upper.number: upper_mm, lower.number: lower_mm}
        later_mm = max(other.enters_mm, one.enters_mm + choice.uniform(0, 40))
        return [
            replace(one, y_mm=y_mm[one.number]),
            replace(other, y_mm=y_mm[other.number], enters_mm=later_mm),
        ]

    def _touching(self, choice: np.random.Generator, one: SceneItem, other: SceneItem) -> list[SceneItem]:
        """The second so near behind the first that their outlines touch."""
        y_mm = one.y_mm + choice.uniform(-0.25, 0.25) * min(one.width_mm, other.width_mm)
        low, high = RAIL_MM + other.width_mm / 2, self._across_mm - RAIL_MM - other.width_mm / 2
        near = replace(other, y_mm=min(max(y_mm, low), high), partner=one.number)
        apart_mm = self._reach_mm(one, near) - _OVERLAP_MM
        return [replace(one, partner=other.number), replace(near, enters_mm=one.enters_mm + apart_mm)]

    def _reach_mm(self, front: SceneItem, rear: SceneItem) -> float:
        """Least distance of two centres along the belt at which no row of their outlines overlaps."""
        rows = round(self._across_mm / self._mm_per_px)
        backward, forward = (np.full(rows, -np.inf) for _ in range(2))
        for item, reach, side in ((front, backward, -1), (rear, forward, 1)):
            solid = self.drawn(item)[:, ::side, 3] > 128
            top = round((item.y_mm - item.width_mm / 2) / self._mm_per_px)
            furthest = solid.shape[1] - solid[:, ::-1].argmax(axis=1) - solid.shape[1] / 2
            reach[top : top + len(solid)] = np.where(solid.any(axis=1), furthest, -np.inf)[: rows - top]
        nearest = float((backward + forward).max()) * self._mm_per_px
        return nearest if np.isfinite(nearest) else (front.length_mm + rear.length_mm) / 2

    def _seed_of(self, number: int) -> list[int]:
        return [self._seed, 2, number]


def check_spacing(spacing: Spacing) -> None:
    """Raise UsageError for shares above 1 together, or a least gap above the most."""
    if spacing.touching + spacing.beside > 1:
        raise UsageError(
            f"touching {spacing.touching:g} and beside {spacing.beside:g}: expected shares of 1 together at most"
        )
    if not 0 <= spacing.gap_mm[0] <= spacing.gap_mm[1]:
        raise UsageError(f"gap: expected the least before the most, 0 mm or more, found {list(spacing.gap_mm)} mm")


def _kinds(rng: np.random.Generator, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Class and subclass without end: every class once per round, every subclass once per round of its class."""
    decks: dict[str, list[str]] = {label: [] for label in catalogue}
    while True:
        for label in rng.permutation(list(catalogue)).tolist():
            if not decks[label]:
                decks[label] = rng.permutation(list(catalogue[label])).tolist()
            yield label, decks[label].pop()
