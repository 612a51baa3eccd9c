"""The report: figures that agree with those worked out by hand and by scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from edge.photos.dataset import Photo
from train.report import Report, judge

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
    assert report.per_subclass["paper"]["flat"].recall == 1.0
    assert report.per_subclass["paper"]["crumpled"].recall == 0.0
    assert report.weighted.f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)


def test_a_class_without_photos_does_not_lower_the_macro_average(photos: list[Photo]) -> None:
    """A dataset of some of the model's classes is judged on those."""
    report = judge(LABELS, photos, PROBABILITIES)

    assert report.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


@pytest.fixture
def guesses() -> tuple[Report, np.ndarray, np.ndarray, list[str]]:
    """The report on random answers to 300 photos in five subclasses, with truth, answers and subclasses."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    subclasses = [f"{'ab'[number % 2]}{place // 2}" for number, place in enumerate(truth)]
    photos = [
        Photo(Path("x"), LABELS[place], subclass, "test", "") for place, subclass in zip(truth, subclasses, strict=True)
    ]
    probabilities = rng.dirichlet(np.ones(3), 300).astype(np.float32)
    return judge(LABELS, photos, probabilities), truth, probabilities.argmax(axis=1), subclasses


def test_the_table_is_that_of_scikit_learn(guesses: tuple[Report, np.ndarray, np.ndarray, list[str]]) -> None:
    """Each class, both averages, the accuracy and the confusion matrix."""
    report, truth, answers, _ = guesses

    wanted = precision_recall_fscore_support(truth, answers)
    for place, label in enumerate(LABELS):
        found = report.per_class[label]
        row = [column[place] for column in wanted]
        assert (found.precision, found.recall, found.f1, found.n) == pytest.approx(tuple(row))
    for name in ("macro", "weighted"):
        average = getattr(report, name)
        row = list(precision_recall_fscore_support(truth, answers, average=name)[:3])
        assert [average.precision, average.recall, average.f1] == pytest.approx(row)
    assert report.macro_f1 == pytest.approx(f1_score(truth, answers, average="macro"))
    assert report.accuracy == pytest.approx(np.mean(truth == answers))
    assert report.confusion == confusion_matrix(truth, answers).tolist()


def test_a_subclass_is_judged_as_if_it_were_the_only_one_of_its_class(
    guesses: tuple[Report, np.ndarray, np.ndarray, list[str]],
) -> None:
    """As scikit-learn judges the class with the photos of its other subclasses left out."""
    report, truth, answers, subclasses = guesses

    for place, label in enumerate(LABELS):
        for name, found in report.per_subclass[label].items():
            kept = (truth != place) | (np.array(subclasses) == name)
            wanted = precision_recall_fscore_support(truth[kept] == place, answers[kept] == place, average="binary")
            assert [found.precision, found.recall, found.f1] == pytest.approx(list(wanted[:3]))
    assert sum(found.n for found in report.per_subclass["paper"].values()) == report.per_class["paper"].n


def test_an_operating_point_counts_what_is_decided(photos: list[Photo]) -> None:
    """At 0.7 three of the four are decided, one of them wrongly, and one of three papers rightly."""
    report = judge(LABELS, photos, PROBABILITIES)

    point = next(point for point in report.operating_points if point.threshold == 0.7)
    assert (point.decided, point.accuracy) == (0.75, pytest.approx(2 / 3))
    assert point.recall == {"paper": pytest.approx(1 / 3), "glass": 1.0, "metal": 0.0}


def test_every_figure_lies_in_its_interval(guesses: tuple[Report, np.ndarray, np.ndarray, list[str]]) -> None:
    """The accuracy, the averages, the classes and the subclasses."""
    report = guesses[0]

    sure = report.intervals
    rows = [(report.macro, sure.macro), (report.weighted, sure.weighted)]
    rows += [(report.per_class[label], sure.per_class[label]) for label in LABELS]
    rows += [
        (found, sure.per_subclass[label][name])
        for label in LABELS
        for name, found in report.per_subclass[label].items()
    ]
    assert sure.accuracy.low < report.accuracy < sure.accuracy.high
    for found, intervals in rows:
        for column in ("precision", "recall", "f1"):
            assert getattr(intervals, column).low < getattr(found, column) < getattr(intervals, column).high
