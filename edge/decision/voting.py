"""Classifies items while they ride to the line, as far as the time of each frame allows; the best looks vote."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge.belt.odometer import Odometer
from edge.belt.sightings import Crossing, Sighting
from edge.camera.frames import Frame
from edge.classifier import Classifier
from edge.config import VoteConfig
from edge.decision.ballots import Ballots
from edge.decision.vote import Vote
from edge.metrics import Metrics
from edge.preprocess import crop_and_resize

MARGIN = 0.3
"""Belt shown around an item, as a share of its longer side: rendered training pictures have 10 to 80 %."""
FADE = 0.95
"""How fast a slow inference is forgotten: the next one is taken to last as long as the slowest of the last dozen."""


@dataclass(frozen=True)
class Model:
    """What is known of the model that runs."""

    name: str
    """Bundle id and variant, as decisions cite it."""
    labels: tuple[str, ...]
    size: int
    """Side of its input in pixels."""
    classifier: Classifier
    batch: int = 1
    """Items that are classified together; 1 where that takes as long as one after the other, as on a CPU."""


class Voting:
    """Looks at the items of each frame, and lets the best looks vote."""

    def __init__(
        self, config: VoteConfig, model: Model, odometer: Odometer, metrics: Metrics, now_ns: Callable[[], int]
    ) -> None:
        self._model, self._odometer, self._metrics, self._now_ns = model, odometer, metrics, now_ns
        self._ballots = Ballots(config)
        self._inference_ns = 0.0
        """What an item takes."""

    def look(self, frame: Frame, tracks: Iterable[Sighting]) -> None:
        """Keep the frame's looks at the items on their way, where they are better than those before."""
        position_mm = self._odometer.position_mm(frame.captured_ns)
        for track in tracks:
            if self._ballots.wants(track, position_mm):
                self._ballots.look(track, crop_and_resize(frame.image, self._model.size, track.box, MARGIN))

    def vote(self, frame: Frame, until_ns: int) -> None:
        """Classify what is due, the next item to cross first, as much as ends before `until_ns`.

        What does not fit waits for a later frame: no frame, and so no other item's decision, waits for it.
        """
        position_mm = self._odometer.position_mm(frame.captured_ns)
        while due := self._ballots.due(position_mm)[: min(self._model.batch, self._fitting(until_ns))]:
            self._classify(due, position_mm)

    def agreed_first(self, crossings: Iterable[Crossing]) -> list[Crossing]:
        """Those on which frames have voted already come first: they need not wait for an inference."""
        return sorted(crossings, key=lambda crossing: self._ballots.frames(crossing.sighting.item) == 0)

    def verdict(self, frame: Frame, crossing: Crossing) -> Vote:
        """What the frames of an item that is decided now have said.

        If none has voted, its best look or this frame does, whatever that takes: there is no later one. A hidden item
        of which only a part was ever seen has no vote.
        """
        item = crossing.sighting.item
        if crossing.seen and not self._ballots.frames(item):
            self.look(frame, [crossing.sighting])
        if self._ballots.unvoted(item, whole=not crossing.seen):
            self._classify([item], crossing.sighting.mark_mm)
        return self._ballots.take(item)

    def dismiss(self) -> None:
        """Forget all items."""
        self._ballots.clear()

    def _fitting(self, until_ns: int) -> int:
        left_ns = max(0, until_ns - self._now_ns())
        return int(left_ns / self._inference_ns) if self._inference_ns else self._model.batch

    def _classify(self, items: list[int], position_mm: float) -> None:
        started_ns = self._now_ns()
        with self._metrics.timed("inference"):
            rows = self._model.classifier(self._ballots.crops(items))
        self._inference_ns = max(self._inference_ns * FADE, (self._now_ns() - started_ns) / len(items))
        for item, row in zip(items, rows, strict=True):
            self._ballots.cast(item, row.tolist(), position_mm)
