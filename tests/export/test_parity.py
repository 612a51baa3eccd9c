"""The gate: what is measured, and what may pass."""

import numpy as np
import pytest

from export.parity import Exam, Limits, compare

LABELS = ("bone", "glass", "paper")
LIMITS = Limits(max_drop=0.005, min_agreement=0.98)


def test_the_same_answers_pass() -> None:
    """A model that answers as the network does loses nothing and agrees everywhere."""
    exam = _exam(200)

    parity = compare("int8", exam.reference, exam, LIMITS)

    assert (parity.accuracy, parity.accuracy_drop, parity.agreement, parity.max_abs_dp) == (1, 0, 1, 0)
    assert parity.failures == ()


@pytest.mark.parametrize(("photos", "wrong", "passes"), [(200, 1, True), (200, 2, False), (1000, 5, True)])
def test_the_limit_itself_passes(photos: int, wrong: int, passes: bool) -> None:
    """A drop of exactly the limit passes, one photo more does not."""
    exam = _exam(photos)

    parity = compare("int8", _with_wrong(exam, wrong), exam, LIMITS)

    assert parity.accuracy_drop == pytest.approx(wrong / photos)
    assert (parity.failures == ()) is passes


def test_every_missed_limit_is_named() -> None:
    """Agreement and accuracy are judged each for itself, with both numbers."""
    exam = _exam(100)

    parity = compare("int8", _with_wrong(exam, 10), exam, LIMITS)

    assert parity.failures == ("accuracy drop 0.1000 > 0.005", "agreement 0.9000 < 0.98")


def test_agreement_counts_even_where_accuracy_gains() -> None:
    """A model that corrects the network's errors decides otherwise all the same."""
    exam = _exam(100)
    taught = Exam(LABELS, exam.truth, _with_wrong(exam, 10))

    parity = compare("int8", exam.reference, taught, LIMITS)

    assert parity.accuracy_drop == pytest.approx(-0.1)
    assert parity.failures == ("agreement 0.9000 < 0.98",)


def test_float_may_differ_by_rounding_only() -> None:
    """The float32 model fails at a difference that an int8 model is forgiven."""
    exam = _exam(100)
    near = exam.reference + np.float32(0.001)

    failures = {precision: compare(precision, near, exam, LIMITS).failures for precision in ("fp32", "int8")}

    assert failures == {"fp32": ("max |dp| 0.001 > 0.0001",), "int8": ()}


def test_an_answer_that_is_no_number_never_passes() -> None:
    """NaN misses the limits instead of slipping past a comparison."""
    exam = _exam(100)

    parity = compare("fp32", np.full_like(exam.reference, np.nan), exam, LIMITS)

    assert any("max |dp| nan" in failure for failure in parity.failures)


def test_recall_is_per_class() -> None:
    """The class whose photos are lost shows it, the others don't; a class without photos is left out."""
    exam = _exam(99)
    without_paper = Exam(LABELS, exam.truth[exam.truth < 2], exam.reference[exam.truth < 2])
    answers = without_paper.reference.copy()
    answers[without_paper.truth == 0] = (0.1, 0.8, 0.1)

    parity = compare("int8", answers, without_paper, LIMITS)

    assert parity.recall == {"bone": 0.0, "glass": 1.0}


def _exam(photos: int) -> Exam:
    """A network that is right everywhere."""
    truth = np.arange(photos) % len(LABELS)
    return Exam(LABELS, truth, (0.1 + 0.7 * np.eye(len(LABELS))[truth]).astype(np.float32))


def _with_wrong(exam: Exam, count: int) -> np.ndarray:
    answers = exam.reference.copy()
    answers[:count] = np.roll(answers[:count], 1, axis=1)
    return answers
