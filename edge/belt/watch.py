"""The belt as camera and plant tell of it: how far it has run, and what lies on it."""

import time
from collections.abc import Callable

from edge.belt.item_sources import ItemSource, open_items
from edge.belt.odometer import Odometer
from edge.belt.sightings import Crossing, View
from edge.belt.speed import BeltSpeed
from edge.camera.frames import Frame
from edge.config import Config
from edge.wire.inputs import Inputs


class BeltWatch:
    """Frames and readings in, items out; on one thread. Needs no model: it can begin before there is one."""

    def __init__(
        self,
        config: Config,
        first_item: int,
        now_ns: Callable[[], int] = time.monotonic_ns,
        inputs: Inputs | None = None,
    ) -> None:
        """`first_item`: number of the first item. `inputs`: what the plant says; by default it says nothing."""
        self.odometer = Odometer(config.belt.speed_mm_s, now_ns())
        """Where the belt is."""
        self.inputs = inputs or Inputs(config, now_ns)
        """What the plant says."""
        self._config, self._first_item, self._now_ns = config, first_item, now_ns
        self._speed = BeltSpeed(config.belt, self.odometer)
        self._items: ItemSource | None = None

    @property
    def ready(self) -> bool:
        """Items can be told from the belt."""
        return self._items is not None and self._items.ready

    @property
    def blocked(self) -> bool:
        """The camera sees something other than the belt."""
        return self._items is not None and self._items.blocked

    @property
    def learns(self) -> bool:
        """Its first frames only teach it the empty belt: none of them shows an item that wants a decision."""
        return self._config.items == "belt" and not self.ready

    @property
    def speed_problem(self) -> str:
        """Why the speed is not known now; empty when it is."""
        return self._speed.problem(self._now_ns())

    @property
    def problems(self) -> tuple[str, ...]:
        """Why it tells less than it should, in stable words."""
        speed = self.speed_problem
        return (*(("blocked-view",) if self.blocked else ()), *((speed,) if speed else ()), *self.inputs.problems)

    def listen(self) -> None:
        """Take in what the plant has told of the belt; also without a frame, for the heartbeat tells it on."""
        for t_ns, reading in self.inputs.readings.take():
            self._speed.hear(t_ns, reading)

    def see(self, frame: Frame) -> View:
        """The items in `frame`. Raises ConfigError when the belt's geometry does not fit the picture."""
        self._speed.see(frame.image, frame.captured_ns)
        if self._items is None:
            height, width = frame.image.shape[:2]
            self._items = open_items(
                self._config, width, height, self.odometer, self._first_item, self.inputs.triggers.take
            )
        return self._items.see(frame.image, frame.captured_ns)

    def abandon(self) -> tuple[Crossing, ...]:
        """Every item in view that was not decided yet, as hidden from now on."""
        return self._items.abandon(self._now_ns()) if self._items else ()
