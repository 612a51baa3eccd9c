"""What a gate hangs on: one small protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge.errors import Unavailable


class DriveError(Unavailable):
    """The drive did not do what it was told, or nobody knows whether it did."""


@dataclass(frozen=True)
class Inputs:
    """What the gate's sensors say; one that is not there says False."""

    full: bool = False
    """The bin can take no more."""
    jammed: bool = False
    reset: bool = False
    """An operator holds the button."""


class Driver(Protocol):
    """Moves one gate. All methods return within a fraction of a second and raise DriveError."""

    def open(self) -> None:
        """Items go into the bin."""

    def close(self) -> None:
        """The safe position: items pass by."""

    def inputs(self) -> Inputs:
        """What its sensors say now."""

    def release(self) -> None:
        """Leave the hardware."""


def inputs_from(values: Mapping[str, bool]) -> Inputs:
    """By the names that `--driver` uses."""
    return Inputs(full=values.get("full", False), jammed=values.get("jam", False), reset=values.get("reset", False))
