"""Two models on the same photos: a difference counts when tossing coins would rarely make it."""

from pathlib import Path

import numpy as np
import pytest

from edge.photos.dataset import Photo
from train.compare import mcnemar, weigh
from train.evidence import Evidence
from train.report import judge

LABELS = ("paper", "glass")


def _answers(wrong: set[int]) -> Evidence:
    """A model's answers to 40 photos, of which it gets `wrong` wrong."""
    photos = [Photo(Path("x"), LABELS[number % 2], "", "test", "") for number in range(40)]
    places = [(number % 2) ^ (number in wrong) for number in range(40)]
    probabilities = np.eye(2, dtype=np.float32)[places]
    return Evidence(judge(LABELS, photos, probabilities), photos, np.empty((40, 1, 1, 3), np.uint8), probabilities)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [(2, 10, 2 * (1 + 12 + 66) / 2**12), (0, 5, 2 / 2**5), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_the_p_value_is_that_of_tossing_coins(only_a: int, only_b: int, p_value: float) -> None:
    """Two of twelve or fewer, on either side, of 2^12 ways to toss; likewise none of five; a tie says nothing."""
    assert mcnemar(only_a, only_b) == pytest.approx(p_value)


def test_photos_are_counted_by_who_gets_them_right() -> None:
    """A alone 2, B alone 10, neither 3: B is better."""
    a, b = _answers(wrong=set(range(13))), _answers(wrong={10, 11, 12, 20, 21})

    found = weigh(a, b)

    assert (found.only_a_right, found.only_b_right, found.both_wrong, found.both_right) == (2, 10, 3, 25)
    assert (found.a.accuracy, found.b.accuracy) == (27 / 40, 35 / 40)
    assert found.verdict == "B is better"
    assert weigh(b, a).verdict == "A is better"


def test_a_difference_that_chance_explains_is_none() -> None:
    """Five photos to none would happen to equal models in one of 16 cases."""
    found = weigh(_answers(wrong=set(range(5))), _answers(wrong=set()))

    assert found.p_value > 0.05
    assert found.verdict == "no difference shown"
