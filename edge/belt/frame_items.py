"""Items of a camera that a sensor releases: every frame is one item, which is at the line when it is taken.

Where the empty belt was taught (`belt.reference`), the item is the largest thing that lies on it, and a frame of the
empty belt is none. Otherwise all that the region of interest shows is the item: nothing else is known of the belt.
"""

from edge.belt.geometry import Edges, Geometry
from edge.belt.odometer import Odometer
from edge.belt.presence import Presence
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
        self._odometer = odometer
        self._next_item = first_item

    def see(self, frame: Image, captured_ns: int) -> View:
        """The one item of a frame, (H, W, 3) uint8 RGB, that was taken at `captured_ns`."""
        roi = self._geometry.roi
        edges = self._edges(frame[roi.top : roi.bottom, roi.left : roi.right])
        if edges is None:
            return View()
        mark_mm = self._odometer.position_mm(captured_ns)
        thing = self._geometry.thing(edges, mark_mm)
        sighting = Sighting(
            item=self._next_item,
            box=self._geometry.box(thing, mark_mm),
            mark_mm=mark_mm,
            x_mm=(thing.left_mm + thing.right_mm) / 2,
            length_mm=thing.rear_mm - thing.front_mm,
            width_mm=thing.right_mm - thing.left_mm,
            whole=True,
            touching=False,
        )
        self._next_item += 1
        return View(crossings=(Crossing(sighting, seen=True),))

    def _edges(self, region: Image) -> Edges | None:
        """Where the item is in the region; None: the belt is empty."""
        height, width = region.shape[:2]
        margin_x, margin_y = width * (1 - SHARE) / 2, height * (1 - SHARE) / 2
        everything = (margin_x, margin_y, width - margin_x, height - margin_y)
        if self._presence is None:
            return everything
        spots = self._presence.spots(region, moved_mm=0.0)
        if self._presence.blocked:
            return everything
        return max((spot.edges for spot in spots), key=_area, default=None)

    def abandon(self, _now_ns: int) -> tuple[Crossing, ...]:
        """None: an item is decided with its own frame."""
        return ()


def _area(edges: Edges) -> float:
    left, top, right, bottom = edges
    return (right - left) * (bottom - top)
