"""The belt: follows each physical item through the view and says, once, when it is at the classification line."""

from edge.belt.geometry import Geometry
from edge.belt.odometer import Odometer
from edge.belt.presence import Presence
from edge.belt.sightings import Crossing, Sighting, View
from edge.belt.tracks import Track, Tracks
from edge.config import BeltConfig
from edge.preprocess import Image


class Belt:
    """Turns frames into crossings: each item crosses the line exactly once. Reads the odometer, and never the clock."""

    def __init__(
        self, config: BeltConfig, frame_width: int, frame_height: int, odometer: Odometer, first_item: int = 1
    ) -> None:
        """`first_item`: the number of the first item; the others count on.

        Raises ConfigError when region of interest, line, scale and item sizes contradict each other or the picture.
        """
        self._geometry = Geometry(config, frame_width, frame_height)
        self._presence = Presence(config, self._geometry)
        self._max_item_mm, self._seen_at_mm = config.max_item_mm, 0.0
        self._odometer = odometer
        self._tracks = Tracks(config.line_mm, self._geometry.view_mm - config.line_mm, first_item)

    @property
    def ready(self) -> bool:
        """The empty belt is known: items are seen from now on."""
        return self._presence.ready

    @property
    def blocked(self) -> bool:
        """Nearly the whole view differs from the empty belt."""
        return self._presence.blocked

    def see(self, frame: Image, captured_ns: int) -> View:
        """What a frame, (H, W, 3) uint8 RGB, captured at `captured_ns` (monotonic), shows of the belt's items."""
        roi = self._geometry.roi
        position_mm = self._odometer.position_mm(captured_ns)
        spots = self._presence.spots(frame[roi.top : roi.bottom, roi.left : roi.right], position_mm - self._seen_at_mm)
        self._seen_at_mm = position_mm
        things = [self._geometry.thing(spot.edges, position_mm, several=spot.several) for spot in spots]
        seen = self._tracks.see(things, position_mm, captured_ns)
        crossed = self._tracks.cross(position_mm)
        numbers = {track.item for track in crossed}
        return View(
            tuple(self._sighting(track, position_mm) for track in seen if track.item not in numbers),
            tuple(Crossing(self._sighting(track, position_mm), seen=track.seen_ns == captured_ns) for track in crossed),
        )

    def abandon(self, now_ns: int) -> tuple[Crossing, ...]:
        """Every confirmed item that was not decided yet, as hidden from now on; the view is forgotten."""
        position_mm = self._odometer.position_mm(now_ns)
        return tuple(Crossing(self._sighting(track, position_mm), seen=False) for track in self._tracks.abandon())

    def number(self) -> int:
        """The number of an item that others saw."""
        return self._tracks.number()

    def _sighting(self, track: Track, position_mm: float) -> Sighting:
        extent = track.extent
        length_mm, width_mm = extent.rear_mm - extent.front_mm, extent.right_mm - extent.left_mm
        return Sighting(
            item=track.item,
            box=self._geometry.box(extent, position_mm),
            mark_mm=track.mark_mm,
            x_mm=(extent.left_mm + extent.right_mm) / 2,
            length_mm=length_mm,
            width_mm=width_mm,
            whole=track.thing.whole,
            touching=track.touching or track.several or max(length_mm, width_mm) > self._max_item_mm,
        )
