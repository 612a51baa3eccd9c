"""What an item is on this line: a thing seen riding the belt, a frame of a triggered camera, or an announcement."""

from typing import Protocol

from edge.belt.belt import Belt
from edge.belt.frame_items import FrameItems
from edge.belt.odometer import Odometer
from edge.belt.sightings import Crossing, View
from edge.belt.triggers import Take, TriggeredItems
from edge.config import Config
from edge.preprocess import Image


class ItemSource(Protocol):
    """Tells items; each crosses the line exactly once."""

    @property
    def ready(self) -> bool:
        """Items are seen from now on."""

    @property
    def blocked(self) -> bool:
        """The camera sees something other than the belt."""

    def see(self, frame: Image, captured_ns: int, /) -> View:
        """What a frame, (H, W, 3) uint8 RGB, captured at `captured_ns` (monotonic), shows of the items."""

    def abandon(self, now_ns: int, /) -> tuple[Crossing, ...]:
        """Every item that was not decided yet, as hidden from now on."""


def open_items(
    config: Config, frame_width: int, frame_height: int, odometer: Odometer, first_item: int, triggers: Take
) -> ItemSource:
    """The source that the line's file asks for, for frames of this size.

    `first_item`: number of the first item. Raises ConfigError when the belt's geometry does not fit the frames.
    """
    if config.items == "frame":
        return FrameItems(config.belt, frame_width, frame_height, odometer, first_item)
    belt = Belt(config.belt, frame_width, frame_height, odometer, first_item)
    if config.trigger is None:
        return belt
    return TriggeredItems(config.trigger, belt, odometer, config.belt.max_item_mm, triggers)
