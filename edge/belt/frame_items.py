"""Items of a camera that a sensor releases: every frame is one item, which is at the line when it is taken.

Where the empty belt was taught (`belt.reference`), the item is the largest thing that lies on it, it is flagged when it
may be several or is not alone, and a frame of the empty belt is none. Otherwise all that the region of interest shows
is the item: nothing else is known of the belt.
"""

from edge.belt.geometry import Geometry
from edge.belt.odometer import Odometer
from edge.belt.presence import Presence, Spot
from edge.belt.sightings import Crossing, Sighting, View
from edge.config import BeltConfig
from edge.preprocess import Image

SHARE = 1 / 1.3
"""Of the region's sides: with the margin that every item gets around it, the model sees the whole region."""


class FrameItems:
    """One crossing for every frame that shows something."""

    ready = True
    blocked = False

    def __init__(
        self, config: BeltConfig, frame_width: int, frame_height: int, odometer: Odometer, first_item: int
    ) -> None:
        """`first_item`: the number of the first item. Raises ConfigError when the region is outside the picture."""
        self._geometry = Geometry(config, frame_width, frame_height)
        self._presence = Presence(config, self._geometry) if config.reference else None
        self._odometer, self._max_item_mm = odometer, config.max_item_mm
        self._next_item = first_item

    def see(self, frame: Image, captured_ns: int) -> View:
        """The one item of a frame, (H, W, 3) uint8 RGB, that was taken at `captured_ns`."""
        roi = self._geometry.roi
        spots = self._spots(frame[roi.top : roi.bottom, roi.left : roi.right])
        if not spots:
            return View()
        largest = max(spots, key=_area)
        mark_mm = self._odometer.position_mm(captured_ns)
        thing = self._geometry.thing(largest.edges, mark_mm)
        length_mm, width_mm = thing.rear_mm - thing.front_mm, thing.right_mm - thing.left_mm
        sighting = Sighting(
            item=self._next_item,
            box=self._geometry.box(thing, mark_mm),
            mark_mm=mark_mm,
            x_mm=(thing.left_mm + thing.right_mm) / 2,
            length_mm=length_mm,
            width_mm=width_mm,
            whole=True,
            touching=len(spots) > 1 or largest.several or self._is_too_large(length_mm, width_mm),
        )
        self._next_item += 1
        return View(crossings=(Crossing(sighting, seen=True),))

    def _is_too_large(self, length_mm: float, width_mm: float) -> bool:
        """Without a reference nobody knows: the region is."""
        return self._presence is not None and max(length_mm, width_mm) > self._max_item_mm

    def _spots(self, region: Image) -> list[Spot]:
        """The things in the region; none: the belt is empty."""
        height, width = region.shape[:2]
        margin_x, margin_y = width * (1 - SHARE) / 2, height * (1 - SHARE) / 2
        everything = Spot((margin_x, margin_y, width - margin_x, height - margin_y), several=False)
        if self._presence is None:
            return [everything]
        spots = self._presence.spots(region, moved_mm=0.0)
        return [everything] if self._presence.blocked else spots

    def abandon(self, _now_ns: int) -> tuple[Crossing, ...]:
        """None: an item is decided with its own frame."""
        return ()


def _area(spot: Spot) -> float:
    left, top, right, bottom = spot.edges
    return (right - left) * (bottom - top)
