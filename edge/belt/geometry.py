"""How the belt lies in the picture: from pixels of a frame to millimetres of belt, and back."""

from dataclasses import dataclass

from edge.config import BeltConfig
from edge.errors import ConfigError
from edge.preprocess import Box

Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the region of interest, finer than whole pixels."""
CUT_PX = 2.0
"""What comes so near to the region's edge is cut by it."""
LEAST_ITEM_PX = 4.0
"""An item must cover so many pixels to be told from noise."""


@dataclass(frozen=True)
class Thing:
    """A thing seen in one frame, in belt coordinates: what the odometer reads when a point of it is at the line."""

    front_mm: float
    rear_mm: float
    """Greater than `front_mm`: it comes to the line later."""
    left_mm: float
    """Across the belt, from its left edge as seen along the motion."""
    right_mm: float
    front_cut: bool = False
    """It reaches to the view's downstream edge: the item may go on beyond."""
    rear_cut: bool = False
    several: bool = False
    """Its outline is that of several things which touch."""

    @property
    def whole(self) -> bool:
        """All of its length is in view."""
        return not (self.front_cut or self.rear_cut)

    def gap_mm(self, other: "Thing") -> float:
        """Bare belt between the two; 0 or less where they overlap."""
        along = max(self.front_mm, other.front_mm) - min(self.rear_mm, other.rear_mm)
        across = max(self.left_mm, other.left_mm) - min(self.right_mm, other.right_mm)
        return max(along, across)

    def joined(self, other: "Thing") -> "Thing":
        """The least thing that holds both."""
        return Thing(
            min(self.front_mm, other.front_mm),
            max(self.rear_mm, other.rear_mm),
            min(self.left_mm, other.left_mm),
            max(self.right_mm, other.right_mm),
            self.front_cut or other.front_cut,
            self.rear_cut or other.rear_cut,
            self.several or other.several,
        )


class Geometry:
    """The region of interest, its scale and the belt's direction in it."""

    def __init__(self, config: BeltConfig, frame_width: int, frame_height: int) -> None:
        """Raises ConfigError when region, line, scale and sizes of items contradict each other."""
        left, top, width, height = config.roi or (0, 0, frame_width, frame_height)
        if left + width > frame_width or top + height > frame_height:
            raise ConfigError(
                f"belt.roi: expected a part of the picture of {frame_width}x{frame_height}, "
                f"found {list(config.roi or ())}"
            )
        self.roi = Box(left, top, left + width, top + height)
        self.direction, self._mm = config.direction, config.mm_per_px
        self.level = config.direction in {"right", "left"}
        """The belt runs along the picture's rows."""
        self._width, self._height = self.size = width, height
        self.view_mm = (width if self.level else height) * config.mm_per_px
        """Length of belt in view."""
        self.line_mm = config.line_mm
        self._check(config, min(width, height) * config.mm_per_px)

    def thing(self, edges: Edges, position_mm: float, *, several: bool = False) -> Thing:
        """What is at `edges` in a frame for which the odometer read `position_mm`."""
        left, top, right, bottom = edges
        wide, high = self._width, self._height
        rear, front, near, far = {
            "right": (left, right, top, bottom),
            "left": (wide - right, wide - left, high - bottom, high - top),
            "down": (top, bottom, wide - right, wide - left),
            "up": (high - bottom, high - top, left, right),
        }[self.direction]
        zero_mm = position_mm + self.line_mm
        end_px = self.view_mm / self._mm
        return Thing(
            front_mm=zero_mm - front * self._mm,
            rear_mm=zero_mm - rear * self._mm,
            left_mm=near * self._mm,
            right_mm=far * self._mm,
            front_cut=front > end_px - CUT_PX,
            rear_cut=rear < CUT_PX,
            several=several,
        )

    def box(self, thing: Thing, position_mm: float) -> Box:
        """Where in the frame, in its pixels, a thing is when the odometer reads `position_mm`; cut to the region."""
        zero_mm = position_mm + self.line_mm
        rear, front = (zero_mm - thing.rear_mm) / self._mm, (zero_mm - thing.front_mm) / self._mm
        near, far = thing.left_mm / self._mm, thing.right_mm / self._mm
        wide, high = self._width, self._height
        left, top, right, bottom = {
            "right": (rear, near, front, far),
            "left": (wide - front, high - far, wide - rear, high - near),
            "down": (wide - far, rear, wide - near, front),
            "up": (near, high - front, far, high - rear),
        }[self.direction]
        xs = _pixels(left, right, wide)
        ys = _pixels(top, bottom, high)
        return Box(xs[0] + self.roi.left, ys[0] + self.roi.top, xs[1] + self.roi.left, ys[1] + self.roi.top)

    def _check(self, config: BeltConfig, narrow_mm: float) -> None:
        if config.line_mm >= self.view_mm:
            raise ConfigError(
                f"belt.line_mm: expected less than the view's {self.view_mm:g} mm, found {config.line_mm:g}"
            )
        if config.min_item_mm < LEAST_ITEM_PX * config.mm_per_px:
            raise ConfigError(
                f"belt.min_item_mm: expected at least {LEAST_ITEM_PX:g} pixels, that is "
                f"{LEAST_ITEM_PX * config.mm_per_px:g} mm at belt.mm_per_px = {config.mm_per_px:g}, "
                f"found {config.min_item_mm:g}"
            )
        if config.min_item_mm > narrow_mm:
            raise ConfigError(
                f"belt.min_item_mm: expected less than the view's shorter side of {narrow_mm:g} mm, "
                f"found {config.min_item_mm:g}; is belt.mm_per_px = {config.mm_per_px:g} right?"
            )


def _pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """Whole pixels from `start` to `end`, at least one, within 0 to `size`."""
    first = min(max(round(start), 0), size - 1)
    return first, min(max(round(end), first + 1), size)
