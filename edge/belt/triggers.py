"""Items that a photo-eye announces: the picture shows where each is, and each announcement is one item."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edge.belt.belt import Belt
from edge.belt.odometer import Odometer
from edge.belt.sightings import Crossing, Sighting, View
from edge.config import TriggerConfig
from edge.preprocess import Box, Image
from edge.wire.messages import Trigger

Take = Callable[[], Iterable[tuple[int, Trigger]]]
"""What has arrived since the last call, with its time in ns on the monotonic clock."""


@dataclass(frozen=True)
class Announced:
    """One thing that the photo-eye saw."""

    front_mm: float
    """What the odometer reads when the item's front edge is at the classification line."""
    x_mm: float | None


class TriggeredItems:
    """A belt whose items are told by a photo-eye.

    Every announcement gets one crossing, and so does what the picture shows and nobody announced: unknown both.
    """

    def __init__(
        self, config: TriggerConfig, belt: Belt, odometer: Odometer, longest_mm: float, triggers: Take
    ) -> None:
        """`longest_mm`: length of the longest item."""
        self._config, self._belt, self._odometer, self._triggers = config, belt, odometer, triggers
        self._longest_mm = longest_mm
        self._announced: list[Announced] = []
        self._crossed: list[Crossing] = []
        """At the line, and not announced yet: the photo-eye may be beyond it."""
        self._newest_mm: float | None = None

    @property
    def ready(self) -> bool:
        """The empty belt is known."""
        return self._belt.ready

    @property
    def blocked(self) -> bool:
        """The camera sees something other than the belt."""
        return self._belt.blocked

    def see(self, frame: Image, captured_ns: int) -> View:
        """What a frame, (H, W, 3) uint8 RGB, shows; its crossings are the items that can be decided now."""
        view = self._belt.see(frame, captured_ns)
        self._hear()
        self._crossed += view.crossings
        position_mm = self._odometer.position_mm(captured_ns)
        return View(view.tracks, (*self._met(), *self._unannounced(position_mm), *self._unseen(position_mm)))

    def abandon(self, now_ns: int) -> tuple[Crossing, ...]:
        """Everything that was announced or seen and not decided yet."""
        self._hear()
        self._crossed += self._belt.abandon(now_ns)
        met = self._met()
        left = [replace(crossing, known=False) for crossing in self._crossed]
        unseen = [self._unknown(announced) for announced in self._announced]
        self._crossed, self._announced = [], []
        return (*met, *left, *unseen)

    def _hear(self) -> None:
        """Take in triggers; one that comes too soon after another is the same edge again, or the same message."""
        for t_ns, trigger in self._triggers():
            front_mm = self._odometer.position_mm(t_ns) + self._config.distance_mm
            if self._newest_mm is None or abs(front_mm - self._newest_mm) > self._config.debounce_mm:
                self._announced.append(Announced(front_mm, trigger.x_mm))
                self._newest_mm = front_mm

    def _met(self) -> list[Crossing]:
        """Items at the line that were announced; each takes the announcement that is nearest to it."""
        met: list[Crossing] = []
        for crossing in self._crossed:
            near = [announced for announced in self._announced if self._is_of(announced, crossing.sighting)]
            if near:
                self._announced.remove(min(near, key=lambda one: abs(one.front_mm - _front_mm(crossing.sighting))))
                met.append(crossing)
        self._crossed = [crossing for crossing in self._crossed if crossing not in met]
        return met

    def _is_of(self, announced: Announced, sighting: Sighting) -> bool:
        beside = announced.x_mm is not None and abs(announced.x_mm - sighting.x_mm) > (
            sighting.width_mm / 2 + self._config.tolerance_mm
        )
        return not beside and abs(announced.front_mm - _front_mm(sighting)) <= self._config.tolerance_mm

    def _unannounced(self, position_mm: float) -> list[Crossing]:
        """Items whose announcement would have come by now."""
        behind_mm = max(0.0, -self._config.distance_mm) + self._config.tolerance_mm
        over = [crossing for crossing in self._crossed if position_mm > _front_mm(crossing.sighting) + behind_mm]
        self._crossed = [crossing for crossing in self._crossed if crossing not in over]
        return [replace(crossing, known=False) for crossing in over]

    def _unseen(self, position_mm: float) -> list[Crossing]:
        """Announcements whose item would have come to the line by now, however long it is."""
        behind_mm = self._longest_mm / 2 + self._config.tolerance_mm
        over = [announced for announced in self._announced if position_mm > announced.front_mm + behind_mm]
        self._announced = [announced for announced in self._announced if announced not in over]
        return [self._unknown(announced) for announced in over]

    def _unknown(self, announced: Announced) -> Crossing:
        return Crossing(
            Sighting(
                item=self._belt.number(),
                box=Box(0, 0, 0, 0),
                mark_mm=announced.front_mm,
                x_mm=announced.x_mm or 0.0,
                length_mm=0.0,
                width_mm=0.0,
                whole=False,
                touching=False,
            ),
            seen=False,
            known=False,
        )


def _front_mm(sighting: Sighting) -> float:
    """What the odometer reads when its front edge is at the line."""
    return sighting.mark_mm - sighting.length_mm / 2
