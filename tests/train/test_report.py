"""The report: figures that agree with those worked out by hand and by scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from edge.dataset import Photo
from train.report import calibration_error, judge

LABELS = ("paper", "glass", "metal")
TRUTH = ["paper", "paper", "paper", "glass"]
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0]], np.float32)


@pytest.fixture
def photos() -> list[Photo]:
    """Three of paper, the last crumpled; one of glass; none of metal."""
    subclasses = ["flat", "flat", "crumpled", ""]
    return [Photo(Path("x"), label, sub, "test", "") for label, sub in zip(TRUTH, subclasses, strict=True)]


def test_figures_agree_with_a_calculation_by_hand(photos: list[Photo]) -> None:
    """Two of three papers found and never wrongly claimed; glass found, and claimed once too often."""
    report = judge(LABELS, photos, PROBABILITIES)

    paper, glass, metal = (report.per_class[label] for label in LABELS)
    assert (report.n, report.accuracy) == (4, 0.75)
    assert (paper.precision, paper.recall, paper.f1, paper.n) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3)
    assert (glass.precision, glass.recall, glass.f1, glass.n) == (0.5, 1.0, pytest.approx(2 / 3), 1)
    assert metal.n == 0
    assert report.confusion == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert report.recall_per_subclass["paper"]["flat"].recall == 1.0
    assert report.recall_per_subclass["paper"]["crumpled"].recall == 0.0
    assert report.weighted.f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)


def test_a_class_without_photos_does_not_lower_the_macro_average(photos: list[Photo]) -> None:
    """A dataset of some of the model's classes is judged on those."""
    report = judge(LABELS, photos, PROBABILITIES)

    assert report.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    """On random answers to every class."""
    rng = np.random.default_rng(0)
    photos = [Photo(Path("x"), LABELS[index % 3], "", "test", "") for index in range(60)]
    probabilities = rng.dirichlet(np.ones(3), 60).astype(np.float32)

    report = judge(LABELS, photos, probabilities)

    truth = np.arange(60) % 3
    assert report.macro_f1 == pytest.approx(f1_score(truth, probabilities.argmax(axis=1), average="macro"))


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [([1.0, 1.0], [True, True], 0.0), ([1.0, 1.0], [False, False], 1.0), ([0.75, 0.75], [True, False], 0.25)],
)
def test_calibration_error_is_the_gap_of_confidence_and_accuracy(
    confidence: list[float], right: list[bool], error: float
) -> None:
    """Sure and right is 0, sure and wrong is 1, three quarters sure and half right is a quarter."""
    found: NDArray[np.bool_] = np.array(right)

    assert calibration_error(np.array(confidence, np.float32), found) == pytest.approx(error)
