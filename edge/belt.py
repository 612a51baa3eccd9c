"""The belt: follows each physical item through the view and says, once, when it is at the classification line."""

from dataclasses import dataclass, replace

from edge.config import BeltConfig
from edge.errors import ConfigError
from edge.preprocess import Box, Image
from edge.presence import Presence

MATCH_MM = 45.0
"""A detection this far from where the belt should have carried an item can still be that item."""
CONFIRM_FRAMES = 2
"""A detection is an item when it was seen in so many frames: a single one is glare or noise."""
COAST_S = 0.5
"""An item that is not seen is carried on by the belt's speed for so long before it counts as a ghost."""


@dataclass(frozen=True)
class Sighting:
    """A thing in one frame, in belt coordinates."""

    box: Box
    """Pixels of the frame."""
    position_mm: float
    """Centre along the belt, from the upstream edge of the region of interest."""
    x_mm: float
    """Centre across the belt, from its left edge as seen along the motion."""
    length_mm: float


@dataclass(frozen=True)
class Crossing:
    """The one moment at which an item is to be decided."""

    item: int
    sighting: Sighting
    seen: bool
    """False: hidden when it crossed; `sighting` is where the belt must have carried it."""


@dataclass(frozen=True)
class Track:
    """What is known of one item."""

    item: int
    sighting: Sighting
    seen_ns: int
    """Capture time of the frame that `sighting` is from."""
    frames: int
    decided: bool


class Belt:
    """Turns frames into crossings: each item crosses the line exactly once."""

    def __init__(self, config: BeltConfig, frame_width: int, frame_height: int) -> None:
        """Raises ConfigError when the region of interest or the line is outside the picture."""
        left, top, width, height = config.roi or (0, 0, frame_width, frame_height)
        _check_view(config, frame_width, frame_height)
        self._config = config
        self._roi = Box(left, top, left + width, top + height)
        self._presence = Presence(config.mm_per_px, config.min_item_mm, width)
        self._tracks: list[Track] = []
        self._items = 0

    @property
    def ready(self) -> bool:
        """The empty belt is known: items are seen from now on."""
        return self._presence.ready

    @property
    def blocked(self) -> bool:
        """Nearly the whole view differs from the empty belt."""
        return self._presence.blocked

    def see(self, frame: Image, captured_ns: int) -> list[Crossing]:
        """The items that cross the line in this frame, (H, W, 3) uint8 RGB, captured at `captured_ns` (monotonic)."""
        roi = self._roi
        boxes = self._presence.boxes(frame[roi.top : roi.bottom, roi.left : roi.right])
        self._match([self._sighting(box) for box in boxes], captured_ns)
        return self._crossings(captured_ns)

    def abandon(self, now_ns: int) -> list[Crossing]:
        """Every confirmed item that was not decided yet, as hidden from now on; the view is forgotten."""
        left = [track for track in self._tracks if not track.decided and track.frames >= CONFIRM_FRAMES]
        self._tracks = []
        return [replace(self._crossing(track, now_ns), seen=False) for track in left]

    def _sighting(self, box: Box) -> Sighting:
        roi, mm = self._roi, self._config.mm_per_px
        width, height = roi.right - roi.left, roi.bottom - roi.top
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        along, across, length = {
            "right": (x, y, box.right - box.left),
            "left": (width - x, height - y, box.right - box.left),
            "down": (y, width - x, box.bottom - box.top),
            "up": (height - y, x, box.bottom - box.top),
        }[self._config.direction]
        moved = Box(box.left + roi.left, box.top + roi.top, box.right + roi.left, box.bottom + roi.top)
        return Sighting(moved, along * mm, across * mm, length * mm)

    def _expected_mm(self, track: Track, now_ns: int) -> float:
        return track.sighting.position_mm + self._config.speed_mm_s * (now_ns - track.seen_ns) / 1e9

    def _match(self, sightings: list[Sighting], now_ns: int) -> None:
        """Give each sighting to the nearest track, the nearest pair first; what is left over begins a track."""
        distance = {
            (t, s): self._distance(track, sighting, now_ns)
            for t, track in enumerate(self._tracks)
            for s, sighting in enumerate(sightings)
        }
        free_tracks, free_sightings = set(range(len(self._tracks))), set(range(len(sightings)))
        for t, s in sorted(distance, key=distance.__getitem__):
            if t in free_tracks and s in free_sightings and distance[t, s] <= 1:
                self._tracks[t] = replace(
                    self._tracks[t], sighting=sightings[s], seen_ns=now_ns, frames=self._tracks[t].frames + 1
                )
                free_tracks.remove(t)
                free_sightings.remove(s)
        taken = {s for t, s in distance if distance[t, s] <= 1}
        for s in sorted(free_sightings - taken):
            self._begin(sightings[s], now_ns)

    def _distance(self, track: Track, sighting: Sighting, now_ns: int) -> float:
        """How far a sighting is from a track, at most 1 where it can be (a part of) the same item."""
        reach = MATCH_MM + max(track.sighting.length_mm, sighting.length_mm) / 2
        along = abs(sighting.position_mm - self._expected_mm(track, now_ns)) / reach
        return max(along, abs(sighting.x_mm - track.sighting.x_mm) / reach)

    def _begin(self, sighting: Sighting, now_ns: int) -> None:
        self._items += 1
        self._tracks.append(Track(self._items, sighting, now_ns, 1, decided=False))

    def _crossings(self, now_ns: int) -> list[Crossing]:
        crossings: list[Crossing] = []
        kept: list[Track] = []
        for track in self._tracks:
            waits = not track.decided and track.frames >= CONFIRM_FRAMES
            crosses = waits and self._expected_mm(track, now_ns) >= self._config.line_mm
            if crosses:
                crossings.append(self._crossing(track, now_ns))
            if now_ns - track.seen_ns <= COAST_S * 1e9:
                kept.append(replace(track, decided=track.decided or crosses))
        self._tracks = kept
        return crossings

    def _crossing(self, track: Track, now_ns: int) -> Crossing:
        sighting = replace(track.sighting, position_mm=self._expected_mm(track, now_ns))
        return Crossing(track.item, sighting, seen=track.seen_ns == now_ns)


def _check_view(config: BeltConfig, frame_width: int, frame_height: int) -> None:
    left, top, width, height = config.roi or (0, 0, frame_width, frame_height)
    if left + width > frame_width or top + height > frame_height:
        raise ConfigError(
            f"belt.roi: expected a part of the picture of {frame_width}x{frame_height}, found {list(config.roi or ())}"
        )
    view_mm = (width if config.direction in {"right", "left"} else height) * config.mm_per_px
    if config.line_mm >= view_mm:
        raise ConfigError(f"belt.line_mm: expected less than the view's {view_mm:g} mm, found {config.line_mm:g}")
