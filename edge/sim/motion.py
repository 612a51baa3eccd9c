"""How far the belt has moved at each moment: steady speed, ramps to other speeds, stops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from edge.errors import UsageError


class Ramp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of the belt's speed."""

    at_s: float
    """When it begins."""
    to_mm_s: float
    """The speed that it ends with; 0 stops the belt, a negative one runs it backwards."""
    over_s: float
    """How long it takes, at constant acceleration."""


@dataclass(frozen=True)
class _Piece:
    """From `t_s` on, constant acceleration."""

    t_s: float
    travel_mm: float
    speed_mm_s: float
    acceleration: float
    """mm/s^2."""

    def travel_at(self, t_s: float) -> float:
        since_s = t_s - self.t_s
        return self.travel_mm + self.speed_mm_s * since_s + self.acceleration * since_s**2 / 2

    def speed_at(self, t_s: float) -> float:
        return self.speed_mm_s + self.acceleration * (t_s - self.t_s)


class Motion:
    """Belt travel as a function of time; 0 mm at 0 s. Time before 0 s has the first speed."""

    def __init__(self, speed_mm_s: float, ramps: Sequence[Ramp] = ()) -> None:
        """Begins with `speed_mm_s`. Raises UsageError for ramps that overlap, go back in time or last no time."""
        self._pieces = [_Piece(0.0, 0.0, speed_mm_s, 0.0)]
        for ramp in ramps:
            self._add(ramp)

    def travel_mm(self, t_s: float) -> float:
        """How far the belt has moved."""
        return self._piece_at(t_s).travel_at(t_s)

    def speed_mm_s(self, t_s: float) -> float:
        """How fast it moves."""
        return self._piece_at(t_s).speed_at(t_s)

    def when_s(self, travel_mm: float) -> float | None:
        """When it has first moved so far; None: never."""
        for piece, following in zip(self._pieces, [*self._pieces[1:], None], strict=True):
            ahead_mm = travel_mm - piece.travel_mm
            since_s = _first_reach_s(ahead_mm, piece) if ahead_mm >= 0 else _before_start_s(ahead_mm, piece)
            if since_s is not None and (following is None or piece.t_s + since_s <= following.t_s):
                return piece.t_s + since_s
        return None

    def _piece_at(self, t_s: float) -> _Piece:
        return next((piece for piece in reversed(self._pieces) if piece.t_s <= t_s), self._pieces[0])

    def _add(self, ramp: Ramp) -> None:
        last = self._pieces[-1]
        if ramp.at_s < last.t_s or ramp.over_s <= 0:
            raise UsageError(
                f"speed change at {ramp.at_s:g} s over {ramp.over_s:g} s: expected it to last some time and to begin "
                f"after the one before it has ended, at {last.t_s:g} s"
            )
        travel_mm, speed = last.travel_at(ramp.at_s), last.speed_at(ramp.at_s)
        rising = _Piece(ramp.at_s, travel_mm, speed, (ramp.to_mm_s - speed) / ramp.over_s)
        end_s = ramp.at_s + ramp.over_s
        self._pieces += [rising, _Piece(end_s, rising.travel_at(end_s), ramp.to_mm_s, 0.0)]


def _first_reach_s(ahead_mm: float, piece: _Piece) -> float | None:
    """Seconds until the belt is `ahead_mm` >= 0 further, were the piece endless; None: never."""
    speed, root = piece.speed_mm_s, piece.speed_mm_s**2 + 2 * piece.acceleration * ahead_mm
    if ahead_mm == 0:
        return 0.0
    divisor = speed + math.sqrt(root) if root >= 0 else 0.0
    return 2 * ahead_mm / divisor if divisor > 0 else None


def _before_start_s(ahead_mm: float, piece: _Piece) -> float | None:
    """A place that was passed before 0 s, at the first speed; every other one behind was found in an earlier piece."""
    return ahead_mm / piece.speed_mm_s if piece.t_s == 0 and piece.speed_mm_s > 0 else None
