"""A belt that carries items past a camera, rendered frame by frame, with the truth of what passes when."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.sim.belt import Picture, expose, illuminate, lamp_light, looped, plant_look, rubber, sensor_noise, smear
from edge.sim.items import CATALOGUE
from edge.sim.light import Sprite
from edge.sim.stamp import Stamp, fitted, press, proportions, stamp

_SIZES_MM = (60.0, 230.0)
_SHUTTER = 0.15
"""Share of a frame's time that the shutter is open."""

_LOOP_PX = 2400
"""Length of belt after which its texture repeats."""

_AHEAD_S = 0.5
"""How long before its arrival an item is drawn."""

_RAIL_MM = 14.0
_SHADOW_MM = 7.0
_NOISE_SPARE = 1 << 18
"""How many places the window into the noise can start at: frames do not repeat their noise."""


@dataclass(frozen=True)
class SceneItem:
    """One item of a scene."""

    number: int
    """Counts from 0 in the order of arrival."""
    label: str
    subclass: str
    enters_s: float
    """Scene time at which its centre is at the view's upstream edge, x = 0."""
    length_mm: float
    """Its extent along the belt."""
    width_mm: float
    """Its extent across the belt."""
    y_mm: float
    """Its centre across the belt, from the view's upper edge."""


class Scene:
    """A seeded sequence of items on a belt that moves left to right; the same seed gives the same bytes."""

    def __init__(
        self,
        items: int = 40,
        *,
        seed: int = 0,
        width_px: int = 640,
        height_px: int = 480,
        mm_per_px: float = 1.0,
        speed_mm_s: float = 400.0,
        gap_mm: tuple[float, float] = (120.0, 260.0),
        lead_s: float = 2.0,
        fps: float = 30.0,
    ) -> None:
        """Lay out ``items``; ``gap_mm`` is the free belt between two, ``lead_s`` the empty belt before the first."""
        self.shape = (height_px, width_px)
        self.mm_per_px, self.speed_mm_s, self.seed = mm_per_px, speed_mm_s, seed
        self._smear_px = speed_mm_s * _SHUTTER / fps / mm_per_px
        self._canvases_px: list[int] = []
        rng = np.random.default_rng([seed, 0])
        self.items = tuple(self._laid_out(rng, items, gap_mm, lead_s))
        self._enters = [item.enters_s for item in self.items]
        self._reach_s = (max(_SIZES_MM) / 2 + 4 * _SHADOW_MM + 4 * mm_per_px * self._smear_px) / speed_mm_s
        self._sprites: dict[int, Sprite] = {}
        self._stamps: dict[int, tuple[Stamp, int, int]] = {}
        self._paint_belt(np.random.default_rng([seed, 1]))

    @property
    def duration_s(self) -> float:
        """Scene time at which the last item has left the view."""
        if not self.items:
            return 0.0
        last = self.items[-1]
        return self.crosses_s(last, self.shape[1] * self.mm_per_px + last.length_mm / 2 + 4 * _SHADOW_MM)

    def crosses_s(self, item: SceneItem, x_mm: float) -> float:
        """Scene time at which the item's centre is ``x_mm`` downstream of the view's upstream edge."""
        return item.enters_s + x_mm / self.speed_mm_s

    def frame(self, t_s: float) -> Picture:
        """The view at scene time ``t_s``: (height_px, width_px, 3) uint8, RGB, owned by the caller."""
        picture = self._bare_belt(t_s)
        for item in self._in_view(t_s):
            ready, left, top = self._stamp_of(item)
            centre_px = (t_s - item.enters_s) * self.speed_mm_s / self.mm_per_px
            press(picture, ready, round(centre_px) - left, top)
        self._set_rails(picture)
        self._draw_ahead(t_s)
        return expose(illuminate(picture, self._light), self._noise_at(t_s))

    def _laid_out(
        self, rng: np.random.Generator, count: int, gap_mm: tuple[float, float], lead_s: float
    ) -> Iterator[SceneItem]:
        """Items one after another, each placed behind the one before it."""
        rear_mm = lead_s * self.speed_mm_s
        for number, (label, subclass) in zip(range(count), _kinds(rng), strict=False):
            length, width = self._extent(rng, number, label, subclass)
            low, high = _RAIL_MM + width / 2, self.shape[0] * self.mm_per_px - _RAIL_MM - width / 2
            enters_s = (rear_mm + length / 2) / self.speed_mm_s
            yield SceneItem(number, label, subclass, enters_s, length, width, rng.uniform(low, high))
            rear_mm += length + rng.uniform(*gap_mm)

    def _extent(self, rng: np.random.Generator, number: int, label: str, subclass: str) -> tuple[float, float]:
        """Millimetres along and across the belt, whole pixels, narrower than the belt; large is likelier than small."""
        across, down = proportions(CATALOGUE[label][subclass], self._seed_of(number))
        longest = _SIZES_MM[0] + (_SIZES_MM[1] - _SIZES_MM[0]) * float(np.sqrt(rng.random()))
        free = (self.shape[0] * self.mm_per_px - 2 * _RAIL_MM) * 0.95
        scale = min(longest / max(across, down), free / down) / self.mm_per_px
        self._canvases_px.append(round(scale))
        return max(2, round(across * scale)) * self.mm_per_px, max(2, round(down * scale)) * self.mm_per_px

    def _paint_belt(self, rng: np.random.Generator) -> None:
        look = plant_look(rng)
        height, width = self.shape
        ring = looped(smear(rubber(rng, look, (height, _LOOP_PX + 64), self.mm_per_px), self._smear_px), 64)
        self._belt = np.ascontiguousarray(
            np.concatenate([ring, np.resize(ring.swapaxes(0, 1), (width, height, 3)).swapaxes(0, 1)], axis=1)
        )
        self._light = lamp_light(rng, look, self.shape)
        self._noise = sensor_noise(rng, look, height * width * 3 + _NOISE_SPARE)
        rail_px = max(2, round(_RAIL_MM / self.mm_per_px))
        edge = np.array([96, 100, 104], np.float32) * (0.6 + 0.5 * np.sin(np.linspace(0.3, 2.6, rail_px)))[:, None]
        self._rail = np.repeat(edge[:, None].clip(0, 255).astype(np.uint8), width, axis=1)

    def _bare_belt(self, t_s: float) -> Picture:
        start = round(-t_s * self.speed_mm_s / self.mm_per_px) % _LOOP_PX
        return self._belt[:, start : start + self.shape[1]].copy()

    def _set_rails(self, picture: Picture) -> None:
        picture[: len(self._rail)] = self._rail
        picture[-len(self._rail) :] = self._rail

    def _in_view(self, t_s: float) -> tuple[SceneItem, ...]:
        """The items that show in the view; the stamps of all others but the next are dropped."""
        crossing_s = self.shape[1] * self.mm_per_px / self.speed_mm_s
        first = bisect_left(self._enters, t_s - crossing_s - self._reach_s)
        last = bisect_right(self._enters, t_s + self._reach_s)
        for number in [n for n in self._stamps if not first <= n <= last]:
            del self._stamps[number]
        return self.items[first:last]

    def _draw_ahead(self, t_s: float) -> None:
        """One step of work on the next item, so that its arrival costs no frame more than one step."""
        upcoming = bisect_right(self._enters, t_s + self._reach_s)
        if upcoming == len(self.items) or self._enters[upcoming] > t_s + self._reach_s + _AHEAD_S:
            return
        if upcoming in self._sprites:
            self._stamp_of(self.items[upcoming])
        elif upcoming not in self._stamps:
            self._sprites = {upcoming: self._drawn(self.items[upcoming])}

    def _stamp_of(self, item: SceneItem) -> tuple[Stamp, int, int]:
        """The item's stamp, the distance from its left edge to the item's centre, and the row of its upper edge."""
        if item.number not in self._stamps:
            self._stamps[item.number] = self._made(item)
        return self._stamps[item.number]

    def _made(self, item: SceneItem) -> tuple[Stamp, int, int]:
        sprite = self._sprites.pop(item.number, None)
        sprite = self._drawn(item) if sprite is None else sprite
        height, width = sprite.shape[:2]
        ready, border = stamp(sprite, shadow_px=_SHADOW_MM / self.mm_per_px, darkness=0.55, smear_px=self._smear_px)
        return ready, width // 2 + border, round(item.y_mm / self.mm_per_px - height / 2) - border

    def _drawn(self, item: SceneItem) -> Sprite:
        width, height = round(item.length_mm / self.mm_per_px), round(item.width_mm / self.mm_per_px)
        drawing, canvas_px = CATALOGUE[item.label][item.subclass], self._canvases_px[item.number]
        return fitted(drawing, self._seed_of(item.number), canvas_px, width, height)

    def _noise_at(self, t_s: float) -> NDArray[np.int8]:
        """A window into the noise whose place depends on the time alone."""
        start = round(t_s * 1e6) * 2654435761 % _NOISE_SPARE
        return self._noise[start : start + self.shape[0] * self.shape[1] * 3]

    def _seed_of(self, number: int) -> list[int]:
        return [self.seed, 2, number]


def _kinds(rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Class and subclass without end: every class once per round, every subclass once per round of its class."""
    decks: dict[str, list[str]] = {label: [] for label in CATALOGUE}
    while True:
        for label in rng.permutation(list(CATALOGUE)).tolist():
            if not decks[label]:
                decks[label] = rng.permutation(list(CATALOGUE[label])).tolist()
            yield label, decks[label].pop()
