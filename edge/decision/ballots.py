"""The ballots: which frames of which items are classified, and when; the best of each stretch of an item's way."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from edge.belt.sightings import Sighting
from edge.config import VoteConfig
from edge.decision.vote import Vote
from edge.preprocess import Image

FORGET_MM = 1_000.0
"""So far beyond the line, nobody asks for an item's ballot any more: it turned out to be a part of another item."""


@dataclass(frozen=True)
class Candidate:
    """One look at an item, ready for the model."""

    crop: Image
    """(size, size, 3) uint8 RGB."""
    whole: bool
    apart: bool
    """It touches nothing."""

    def beats(self, other: "Candidate") -> bool:
        """Whole ones beat parts, then those that touch nothing the others, then sharp ones blurred ones."""
        mine, others = (self.whole, self.apart), (other.whole, other.apart)
        return mine > others or (mine == others and self.detail > other.detail)

    @cached_property
    def detail(self) -> float:
        """Its `sharpness`, found out only where there is a choice: most looks of a fast belt are the only ones."""
        return sharpness(self.crop)


@dataclass(frozen=True)
class Ballot:
    """What is known of one item that waits for its decision."""

    mark_mm: float
    way_mm: float
    """How far it was before the line when it was seen first."""
    vote: Vote = field(default_factory=Vote)
    best: Candidate | None = None
    """Of this stretch of its way, not classified yet."""
    stretch: int = 0
    """Its number, from 0."""

    def with_look(self, candidate: Candidate) -> "Ballot":
        """With one more look at it."""
        return replace(self, best=candidate) if self.best is None or candidate.beats(self.best) else self


class Ballots:
    """The ballots of the items in view. An item's way is as many stretches as frames may vote, and one to the line."""

    def __init__(self, config: VoteConfig) -> None:
        self._config = config
        self._ballots: dict[int, Ballot] = {}

    def wants(self, track: Sighting, position_mm: float) -> bool:
        """Whether another look at the item could count; the odometer reads `position_mm`."""
        ballot = self._ballots.setdefault(track.item, Ballot(track.mark_mm, max(track.mark_mm - position_mm, 1.0)))
        return not self._is_done(ballot)

    def look(self, track: Sighting, crop: Image) -> None:
        """Note a look at an item, for which `wants` was asked in the same frame."""
        candidate = Candidate(crop, track.whole, not track.touching)
        self._ballots[track.item] = replace(self._ballots[track.item], mark_mm=track.mark_mm).with_look(candidate)

    def due(self, position_mm: float) -> list[int]:
        """Items whose best look of a stretch is to be classified, the next to cross first."""
        self._ballots = {
            item: ballot for item, ballot in self._ballots.items() if position_mm < ballot.mark_mm + FORGET_MM
        }
        waiting = [item for item, ballot in self._ballots.items() if self._is_due(ballot, position_mm)]
        return sorted(waiting, key=lambda item: self._ballots[item].mark_mm)

    def crops(self, items: Iterable[int]) -> Image:
        """(N, size, size, 3) uint8 RGB: the best looks at these items."""
        return np.stack([best.crop for item in items if (best := self._ballots[item].best)])

    def cast(self, item: int, probabilities: list[float], position_mm: float) -> None:
        """The best look at an item was classified; its next stretch begins."""
        ballot = self._ballots[item]
        stretch = max(ballot.stretch + 1, self._stretch_at(ballot, position_mm))
        self._ballots[item] = replace(ballot, vote=ballot.vote.cast(probabilities), best=None, stretch=stretch)

    def frames(self, item: int) -> int:
        """How many have voted on it."""
        ballot = self._ballots.get(item)
        return ballot.vote.frames if ballot else 0

    def unvoted(self, item: int, *, whole: bool) -> bool:
        """Whether it was looked at, and seen `whole` if that is asked for, and never classified."""
        best = self._ballots[item].best if item in self._ballots else None
        return best is not None and not self.frames(item) and (best.whole or not whole)

    def take(self, item: int) -> Vote:
        """What the frames of an item said; it is decided now."""
        ballot = self._ballots.pop(item, None)
        return ballot.vote if ballot else Vote()

    def clear(self) -> None:
        """The view is forgotten."""
        self._ballots.clear()

    def _is_done(self, ballot: Ballot) -> bool:
        return ballot.vote.safe(self._config.frames, self._config.lead)

    def _is_due(self, ballot: Ballot, position_mm: float) -> bool:
        return (
            ballot.best is not None
            and ballot.best.whole
            and not self._is_done(ballot)
            and self._stretch_at(ballot, position_mm) > ballot.stretch
        )

    def _stretch_at(self, ballot: Ballot, position_mm: float) -> int:
        gone_mm = ballot.way_mm - (ballot.mark_mm - position_mm)
        return int(gone_mm / ballot.way_mm * (self._config.frames + 1))


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
