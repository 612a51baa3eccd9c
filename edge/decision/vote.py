"""The vote: what several frames of one item say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FLOOR = 1e-6
"""No calibration reaches further: a frame that says 0 must not outvote all the others."""


@dataclass(frozen=True)
class Vote:
    """The frames of one item that were classified so far."""

    log_sums: tuple[float, ...] = ()
    """Class for class, the sum of the frames' log-probabilities; empty before the first."""
    frames: int = 0

    def cast(self, probabilities: Sequence[float]) -> "Vote":
        """With one more frame's calibrated probabilities, one for each class and always in the same order."""
        logs = [math.log(max(p, FLOOR)) for p in probabilities]
        sums = tuple(map(math.fsum, zip(self.log_sums, logs, strict=True))) if self.frames else tuple(logs)
        return Vote(sums, self.frames + 1)

    def probabilities(self) -> tuple[float, ...]:
        """What the frames say together: their geometric mean, made to sum to one.

        The logarithmic opinion pool (Genest and Zidek, Combining probability distributions, 1986). Not the product:
        frames of one item are no independent witnesses, and ten of them are hardly surer than one.
        """
        means = [total / self.frames for total in self.log_sums]
        weights = [math.exp(mean - max(means)) for mean in means]
        return tuple(weight / math.fsum(weights) for weight in weights)

    def safe(self, frames: int, lead: float) -> bool:
        """Whether the leading class stays ahead if each frame that is left of `frames` speaks for another class.

        `lead`: how sure a later frame is of that other class against the leading one, 0.5 to under 1.
        """
        if not self.frames:
            return False
        first, second = ([*sorted(self.log_sums, reverse=True), -math.inf])[:2]
        return first - second >= max(0, frames - self.frames) * math.log(lead / (1 - lead))
