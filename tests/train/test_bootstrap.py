"""The intervals: they hold the truth about as often as they say."""

import numpy as np
import pytest

from train.bootstrap import Interval, intervals
from train.scores import table

LABELS = ("paper", "glass", "metal")
OWNERS = np.arange(3)
SHARES = np.array([[0.40, 0.04, 0.02], [0.06, 0.26, 0.02], [0.03, 0.02, 0.15]])
"""Of all photos in the world: truth by answer."""


def test_intervals_hold_the_truth_in_about_95_of_100_datasets() -> None:
    """Of 300 datasets of 400 photos each, drawn from a world whose figures are known."""
    truth = table((SHARES * 10_000).astype(np.int64), OWNERS)
    wanted = {"accuracy": float(truth.accuracy), "macro": truth.macro[2], "glass": truth.classes[1, 0]}
    rng = np.random.default_rng(1)
    held = dict.fromkeys(wanted, 0)

    for _ in range(300):
        found = intervals(rng.multinomial(400, SHARES.ravel()).reshape(3, 3), OWNERS, LABELS, [""] * 3)
        sure = {"accuracy": found.accuracy, "macro": found.macro.f1, "glass": found.per_class["glass"].precision}
        for name, interval in sure.items():
            held[name] += interval.low <= wanted[name] <= interval.high

    assert all(0.91 <= count / 300 <= 0.985 for count in held.values()), held


def test_more_photos_make_narrower_intervals() -> None:
    """A hundred times the photos, a tenth of the width."""
    few, many = (intervals((SHARES * n).astype(np.int64), OWNERS, LABELS, [""] * 3) for n in (100, 10_000))

    widths = [each.accuracy.high - each.accuracy.low for each in (few, many)]
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.15)


def test_nothing_is_known_of_a_class_without_photos() -> None:
    """Its recall may be anything, and the average over classes leaves it out."""
    counts = np.array([[9, 1, 0], [2, 8, 0], [0, 0, 0]])

    found = intervals(counts, OWNERS, LABELS, [""] * 3)

    assert found.per_class["metal"].recall == Interval(0.0, 1.0)
    assert found.macro.recall.low > 0.6
