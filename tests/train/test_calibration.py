"""The temperature: probabilities come true as often as they say, and no decision changes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from train.calibration import calibration_error, fit_temperature, reliability, set_apart, temper

CLASSES = 4


def _believer(photos: int, exaggeration: float, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits of a model that exaggerates what it knows, and what the photos show."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 2, (photos, CLASSES))
    truth = np.array([rng.choice(CLASSES, p=row) for row in softmax(honest, axis=1)])
    return (honest * exaggeration).astype(np.float32), truth


def _nll(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(truth)), truth]).mean())


@pytest.mark.parametrize("exaggeration", [0.5, 1.0, 3.0])
def test_the_temperature_takes_an_exaggeration_back(exaggeration: float) -> None:
    """Too sure or too shy: what the logits were multiplied by is found."""
    logits, truth = _believer(3000, exaggeration, seed=0)

    assert fit_temperature(logits, truth) == pytest.approx(exaggeration, rel=0.1)


def test_it_helps_on_photos_that_it_was_not_fitted_to_and_changes_no_decision() -> None:
    """Negative log-likelihood and calibration error fall; each answer stays."""
    temperature = fit_temperature(*_believer(500, 3.0, seed=0))
    logits, truth = _believer(3000, 3.0, seed=1)
    before = softmax(logits, axis=1)

    after = temper(before, temperature)

    right = before.argmax(axis=1) == truth
    assert _nll(after, truth) < _nll(before, truth) - 0.1
    errors = [calibration_error(reliability(each.max(axis=1), right)) for each in (before, after)]
    assert errors[0] > 0.1
    assert errors[1] < 0.03
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_a_few_photos_that_are_all_right_do_not_make_it_certain() -> None:
    """Without doubt in the fit, confidence would be 1; with it, nine right photos say about nine in ten."""
    logits = np.eye(3, dtype=np.float32)[np.arange(9) % 3]

    temperature = fit_temperature(logits, np.arange(9) % 3)

    assert 0.85 < softmax(logits / temperature, axis=1).max(axis=1).mean() < 0.97


def test_without_photos_nothing_changes() -> None:
    """Temperature 1."""
    assert fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64)) == 1.0


def test_a_temperature_can_be_taken_back() -> None:
    """Probabilities alone are enough for it."""
    logits, _ = _believer(50, 1.0, seed=0)

    cooled = temper(softmax(logits, axis=1), 1.7)

    assert np.allclose(cooled, softmax(logits / 1.7, axis=1), atol=1e-6)
    assert np.allclose(temper(cooled, 1 / 1.7), softmax(logits, axis=1), atol=1e-5)


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [([1.0, 1.0], [True, True], 0.0), ([1.0, 1.0], [False, False], 1.0), ([0.75, 0.75], [True, False], 0.25)],
)
def test_calibration_error_is_the_gap_of_confidence_and_accuracy(
    confidence: list[float], right: list[bool], error: float
) -> None:
    """Sure and right is 0, sure and wrong is 1, three quarters sure and half right is a quarter."""
    bins = reliability(np.array(confidence, np.float32), np.array(right))

    assert calibration_error(bins) == pytest.approx(error)


def test_a_share_of_each_class_is_set_apart() -> None:
    """A tenth of each, no photo twice, the same ones for the same seed."""
    labels = ["paper"] * 100 + ["glass"] * 30

    teach, apart = set_apart(labels, range(130), 0.1, seed=3)

    assert sorted(teach + apart) == list(range(130))
    assert [labels[place] for place in apart].count("paper") == 10
    assert [labels[place] for place in apart].count("glass") == 3
    assert set_apart(labels, range(130), 0.1, seed=3) == (teach, apart)
    assert set_apart(labels, range(130), 0.1, seed=4) != (teach, apart)


def test_near_duplicates_are_not_set_apart_from_each_other() -> None:
    """Of pairs of photos that look alike both teach or both calibrate."""
    groups = [place // 2 for place in range(100)]

    _, apart = set_apart(["paper"] * 100, groups, 0.2, seed=0)

    assert len(apart) == 20
    assert all(place ^ 1 in apart for place in apart)
