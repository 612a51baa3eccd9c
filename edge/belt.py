"""The belt: follows each physical item through the view and says, once, when it is at the classification line."""

import math
from dataclasses import dataclass, replace

from edge.config import BeltConfig
from edge.errors import ConfigError
from edge.preprocess import Box, Image
from edge.presence import Presence

SLACK_MM = 15.0
"""A sighting this near to where the belt should have carried an item can be that item, or a part of it."""
CONFIRM_MM = 20.0
"""A thing is an item when it was seen to move so far: glare, dirt on the lens and errors of the reference stay."""
CONFIRM_PACE = 0.35
"""And at this share of the belt's speed at least: the centre of what still enters the view moves at half of it."""
COAST_S = 0.5
"""What is not seen for so long is forgotten, but for an item that was confirmed: the belt carries it to the line."""


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
    """Along the belt."""
    width_mm: float
    """Across the belt."""


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
    first_mm: float
    """Where it was seen first, along the belt."""
    first_ns: int
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
        left = [track for track in self._tracks if self._waits(track)]
        self._tracks = []
        return [replace(self._crossing(track, now_ns), seen=False) for track in left]

    def _sighting(self, box: Box) -> Sighting:
        roi, mm = self._roi, self._config.mm_per_px
        width, height = roi.right - roi.left, roi.bottom - roi.top
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        along, across = {
            "right": (x, y),
            "left": (width - x, height - y),
            "down": (y, width - x),
            "up": (height - y, x),
        }[self._config.direction]
        sides = (box.right - box.left, box.bottom - box.top)
        length, breadth = sides if self._config.direction in {"right", "left"} else sides[::-1]
        moved = Box(box.left + roi.left, box.top + roi.top, box.right + roi.left, box.bottom + roi.top)
        return Sighting(moved, along * mm, across * mm, length * mm, breadth * mm)

    def _expected_mm(self, track: Track, now_ns: int) -> float:
        return track.sighting.position_mm + self._config.speed_mm_s * (now_ns - track.seen_ns) / 1e9

    def _match(self, sightings: list[Sighting], now_ns: int) -> None:
        """Give each sighting to the nearest track that can be it, the nearest pair first.

        A further sighting of an item is a part of it; a further track of a sighting was a part, now seen as one with
        the rest; what fits no track begins one.
        """
        tracks, self._tracks = self._tracks, []
        apart = {
            (t, s): self._apart_mm(track, sighting, now_ns)
            for t, track in enumerate(tracks)
            for s, sighting in enumerate(sightings)
            if self._can_be(track, sighting, now_ns)
        }
        seen: dict[int, int] = {}
        for t, s in sorted(apart, key=apart.__getitem__):
            if t not in seen and s not in seen.values():
                seen[t] = s
        fitting = {t for t, _ in apart}
        for t, track in enumerate(tracks):
            if t in seen:
                self._tracks.append(replace(track, sighting=sightings[seen[t]], seen_ns=now_ns))
            elif t not in fitting:
                self._tracks.append(track)
        for s in sorted(set(range(len(sightings))) - {s for _, s in apart}):
            self._begin(sightings[s], now_ns)

    def _apart_mm(self, track: Track, sighting: Sighting, now_ns: int) -> float:
        along = sighting.position_mm - self._expected_mm(track, now_ns)
        return math.hypot(along, sighting.x_mm - track.sighting.x_mm)

    def _can_be(self, track: Track, sighting: Sighting, now_ns: int) -> bool:
        """Whether the sighting touches the place to which the belt has carried the track's item."""
        last = track.sighting
        along = abs(sighting.position_mm - self._expected_mm(track, now_ns))
        across = abs(sighting.x_mm - last.x_mm)
        return (
            along <= (last.length_mm + sighting.length_mm) / 2 + SLACK_MM
            and across <= (last.width_mm + sighting.width_mm) / 2 + SLACK_MM
        )

    def _begin(self, sighting: Sighting, now_ns: int) -> None:
        self._items += 1
        self._tracks.append(Track(self._items, sighting, now_ns, sighting.position_mm, now_ns, decided=False))

    def _crossings(self, now_ns: int) -> list[Crossing]:
        crossings: list[Crossing] = []
        kept: list[Track] = []
        for track in self._tracks:
            waits = self._waits(track)
            crosses = waits and self._expected_mm(track, now_ns) >= self._config.line_mm
            if crosses:
                crossings.append(self._crossing(track, now_ns))
            if (waits and not crosses) or now_ns - track.seen_ns <= COAST_S * 1e9:
                kept.append(replace(track, decided=track.decided or crosses))
        self._tracks = kept
        return crossings

    def _waits(self, track: Track) -> bool:
        """Whether it is an item, for it moved with the belt, that was not decided yet."""
        moved_mm = track.sighting.position_mm - track.first_mm
        belt_mm = self._config.speed_mm_s * (track.seen_ns - track.first_ns) / 1e9
        return not track.decided and moved_mm >= max(CONFIRM_MM, CONFIRM_PACE * belt_mm)

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
