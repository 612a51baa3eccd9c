"""What the belt tells of its items: where each is in a frame, and which of them must be decided now."""

from dataclasses import dataclass

from edge.preprocess import Box


@dataclass(frozen=True)
class Sighting:
    """An item in one frame. Its mark stays the same, whatever the belt does, for it lies still on the belt."""

    item: int
    """Counts from the belt's first number on; never reused."""
    box: Box
    """Pixels of the frame."""
    mark_mm: float
    """What the odometer reads when the item's centre is at the classification line: the best estimate so far."""
    x_mm: float
    """Centre across the belt, from its left edge as seen along the motion."""
    length_mm: float
    """Along the belt."""
    width_mm: float
    """Across the belt."""
    whole: bool
    """Not cut by the view's edge."""
    touching: bool
    """It may be several items: it has a dent, came apart, was seen as one with another, or is larger than any."""


@dataclass(frozen=True)
class Crossing:
    """The one moment at which an item is to be decided."""

    sighting: Sighting
    seen: bool
    """False: hidden when it crossed; `sighting` is where the belt must have carried it."""
    known: bool = True
    """False: a photo-eye announced it and the picture does not show it, or the other way round."""


@dataclass(frozen=True)
class View:
    """What one frame tells."""

    tracks: tuple[Sighting, ...] = ()
    """Items seen in this frame that are still to be decided, the next to cross first."""
    crossings: tuple[Crossing, ...] = ()
    """Items that must be decided now, in the order in which they came to the line."""
