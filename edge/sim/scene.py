"""A belt that carries items past a camera, rendered frame by frame, with the truth of what passes when."""

import math
from bisect import bisect_left, bisect_right

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sim.belt import Picture, expose, illuminate, lamp_light, looped, plant_look, rubber, sensor_noise, smear
from edge.sim.disturbances import LENS_SPOTS_FROM_S, Disturbances, light_factor, shake_px
from edge.sim.items import CATALOGUE
from edge.sim.layout import RAIL_MM, SIZES_MM, Catalogue, Layout, SceneItem, Spacing
from edge.sim.light import Sprite
from edge.sim.motion import Motion
from edge.sim.soil import fasten, spotted, strew
from edge.sim.stamp import Stamp, middle_px, moved, press, stamp

SHUTTER_S = 0.005

_LOOP_PX = 2400
"""Length of belt after which its texture repeats."""

_AHEAD_S = 0.5
"""How long before its arrival an item is drawn."""

_SHADOW_MM = 7.0
_NOISE_SPARE = 1 << 18
"""How many places the window into the noise can start at: frames do not repeat their noise."""

_PLACES = 4
"""Items are put down to this part of a pixel: 0.2 mm where a pixel is 1.5 mm."""

Placed = tuple[tuple[Stamp, ...], float, int]
"""An item's stamps, each 1 / `_PLACES` pixel further; its centre's distance from their left edge; their upper row."""


class Scene:
    """A seeded sequence of items on a belt that moves left to right; the same arguments give the same bytes."""

    def __init__(
        self,
        items: int = 40,
        *,
        seed: int = 0,
        width_px: int = 640,
        height_px: int = 480,
        mm_per_px: float = 1.0,
        speed_mm_s: float = 400.0,
        lead_s: float = 2.0,
        shutter_s: float = SHUTTER_S,
        spacing: Spacing = Spacing(),  # noqa: B008 - it is frozen
        motion: Motion | None = None,
        disturbances: Disturbances = Disturbances(),  # noqa: B008 - it is frozen
        catalogue: Catalogue = CATALOGUE,
    ) -> None:
        """Lay out `items` behind `lead_s` of empty belt. `motion`: steadily `speed_mm_s` when None.

        Pictures are blurred as at `speed_mm_s` also while the belt is slower or faster.
        """
        self.shape = (height_px, width_px)
        self.mm_per_px, self.seed = mm_per_px, seed
        self.motion = motion or Motion(speed_mm_s)
        self._disturbances, self._shutter_s = disturbances, shutter_s
        self._smear_px = speed_mm_s * shutter_s / mm_per_px
        self._layout = Layout(catalogue, seed, height_px * mm_per_px, mm_per_px, spacing)
        self.items = tuple(self._layout.items(items, lead_s * speed_mm_s))
        self._enters = [item.enters_mm for item in self.items]
        self._reach_mm = max(SIZES_MM) / 2 + 4 * _SHADOW_MM + 4 * mm_per_px * self._smear_px
        self._ahead_mm = _AHEAD_S * speed_mm_s
        self._sprites: dict[int, Sprite] = {}
        self._stamps: dict[int, Placed] = {}
        self._paint_belt(np.random.default_rng([seed, 1]))

    @property
    def duration_s(self) -> float:
        """Scene time at which the last item has left the view; infinite when the belt stops before."""
        if not self.items:
            return 0.0
        last = self.items[-1]
        return self.crosses_s(last, self.shape[1] * self.mm_per_px + last.length_mm / 2 + 4 * _SHADOW_MM)

    def crosses_s(self, item: SceneItem, x_mm: float) -> float:
        """Scene time at which the item's centre is `x_mm` downstream of the view's upstream edge; infinite: never."""
        when_s = self.motion.when_s(item.enters_mm + x_mm)
        return math.inf if when_s is None else when_s

    def frame(self, t_s: float) -> Picture:
        """The view at scene time `t_s`: (height_px, width_px, 3) uint8, RGB, owned by the caller."""
        travel_mm = self.motion.travel_mm(t_s)
        picture = self._bare_belt(travel_mm)
        for item in self._in_view(travel_mm):
            ready, centre, top = self._stamp_of(item)
            left = round(((travel_mm - item.enters_mm) / self.mm_per_px - centre) * _PLACES)
            press(picture, ready[left % _PLACES], left // _PLACES, top)
        self._set_rails(picture)
        self._draw_ahead(travel_mm)
        lit = illuminate(_shaken(picture, *shake_px(self._disturbances, t_s)), self._light_at(t_s), self._lamp(t_s))
        return expose(lit, self._noise_at(t_s))

    def _paint_belt(self, rng: np.random.Generator) -> None:
        look = plant_look(rng)
        height, width = self.shape
        ring = looped(smear(rubber(rng, look, (height, _LOOP_PX + 64), self.mm_per_px), self._smear_px), 64)
        ring = self._soiled(np.random.default_rng([self.seed, 4]), ring)
        self._belt = np.ascontiguousarray(
            np.concatenate([ring, np.resize(ring.swapaxes(0, 1), (width, height, 3)).swapaxes(0, 1)], axis=1)
        )
        self._light = lamp_light(rng, look, self.shape)
        self._spotted = spotted(np.random.default_rng([self.seed, 5]), self._light, self._disturbances.lens_spots)
        self._noise = sensor_noise(rng, look, height * width * 3 + _NOISE_SPARE)
        rail_px = max(2, round(RAIL_MM / self.mm_per_px))
        edge = np.array([96, 100, 104], np.float32) * (0.6 + 0.5 * np.sin(np.linspace(0.3, 2.6, rail_px)))[:, None]
        self._rail = np.repeat(edge[:, None].clip(0, 255).astype(np.uint8), width, axis=1)

    def _soiled(self, rng: np.random.Generator, ring: Picture) -> Picture:
        if not (self._disturbances.dirt_per_m or self._disturbances.splice):
            return ring
        dirty = np.ascontiguousarray(ring)
        strew(rng, dirty, self.mm_per_px, self._disturbances.dirt_per_m)
        if self._disturbances.splice:
            fasten(dirty, self.mm_per_px)
        return smear(dirty, self._smear_px)

    def _bare_belt(self, travel_mm: float) -> Picture:
        start = round(-travel_mm / self.mm_per_px) % _LOOP_PX
        return self._belt[:, start : start + self.shape[1]].copy()

    def _set_rails(self, picture: Picture) -> None:
        picture[: len(self._rail)] = self._rail
        picture[-len(self._rail) :] = self._rail

    def _in_view(self, travel_mm: float) -> tuple[SceneItem, ...]:
        """The items that show in the view; the stamps of all others but the next are dropped."""
        first = bisect_left(self._enters, travel_mm - self.shape[1] * self.mm_per_px - self._reach_mm)
        last = bisect_right(self._enters, travel_mm + self._reach_mm)
        for number in [n for n in self._stamps if not first <= n <= last]:
            del self._stamps[number]
        return self.items[first:last]

    def _draw_ahead(self, travel_mm: float) -> None:
        """One step of work on the next item, so that its arrival costs no frame more than one step."""
        upcoming = bisect_right(self._enters, travel_mm + self._reach_mm)
        if upcoming == len(self.items) or self._enters[upcoming] > travel_mm + self._reach_mm + self._ahead_mm:
            return
        if upcoming in self._sprites:
            self._stamp_of(self.items[upcoming])
        elif upcoming not in self._stamps:
            self._sprites = {upcoming: self._layout.drawn(self.items[upcoming])}

    def _stamp_of(self, item: SceneItem) -> Placed:
        if item.number not in self._stamps:
            self._stamps[item.number] = self._made(item)
        return self._stamps[item.number]

    def _made(self, item: SceneItem) -> Placed:
        sprite = self._sprites.pop(item.number, None)
        sprite = self._layout.drawn(item) if sprite is None else sprite
        height = sprite.shape[0]
        ready, border = stamp(sprite, shadow_px=_SHADOW_MM / self.mm_per_px, darkness=0.55, smear_px=self._smear_px)
        stamps = tuple(moved(ready, place / _PLACES) for place in range(_PLACES))
        return stamps, middle_px(sprite) + border, round(item.y_mm / self.mm_per_px - height / 2) - border

    def _light_at(self, t_s: float) -> Picture:
        return self._spotted if t_s >= LENS_SPOTS_FROM_S else self._light

    def _lamp(self, t_s: float) -> float:
        return light_factor(self._disturbances, t_s, self._shutter_s)

    def _noise_at(self, t_s: float) -> NDArray[np.int8]:
        """A window into the noise whose place depends on the time alone."""
        start = round(t_s * 1e6) * 2654435761 % _NOISE_SPARE
        return self._noise[start : start + self.shape[0] * self.shape[1] * 3]


def _shaken(picture: Picture, along_px: float, across_px: float) -> Picture:
    if not (along_px or across_px):
        return picture
    move = np.array([[1, 0, along_px], [0, 1, across_px]], np.float64)
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
