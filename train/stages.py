"""The stages of fine-tuning: each lets more of the network learn, from where the one before it ended, and slower."""

from dataclasses import dataclass
from itertools import accumulate

from train.settings import EARLIER_RATE, EARLIER_SHARE, Settings


@dataclass(frozen=True)
class Stage:
    """A part of fine-tuning."""

    number: int
    first: str
    """The first part of the backbone that learns, as in Settings.stages."""
    epochs: int
    before: int
    """Epochs of the stages before it."""
    rate: float


def stages_of(settings: Settings) -> list[Stage]:
    """The stages with their peak rates and their epochs, at least one each, which sum to `settings.epochs`."""
    names = settings.stages[-settings.epochs :] if settings.epochs else ()
    later = len(names) - 1
    each = min(max(1, round(settings.epochs * EARLIER_SHARE)), settings.epochs // max(1, later + 1))
    epochs = [each] * later + [settings.epochs - each * later] * bool(names)
    before = accumulate(epochs, initial=0)
    return [
        Stage(number, name, count, earlier, settings.lr * EARLIER_RATE ** (later - number))
        for number, (name, count, earlier) in enumerate(zip(names, epochs, before, strict=False))
    ]
