"""The gate: what is measured, and what may pass."""

import numpy as np
import pytest

from edge.errors import UsageError
from export.parity import Limits, Parity, check_protected, compare
from export.statistics import Exam
from export.variants import KINDS

LABELS = ("bone", "glass", "paper")
LIMITS = Limits(max_recall_drop=1)
INT8, FP32, FP16 = KINDS["int8"], KINDS["fp32"], KINDS["fp16"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_same_answers_pass(kind: object) -> None:
    """A model of whatever kind that answers as the network does loses nothing and agrees everywhere."""
    exam = _exam(200)

    parity = compare(kind, exam.reference, exam, Limits(protect=LABELS))

    assert (parity.figures["agreement"], parity.figures["accuracy_drop"], parity.figures["max_abs_dp"]) == (1, 0, 0)
    assert parity.failures == ()
    assert parity.mlperf


@pytest.mark.parametrize(("photos", "wrong", "passes"), [(200, 1, True), (200, 2, False), (1000, 5, True)])
def test_the_limit_itself_passes(photos: int, wrong: int, passes: bool) -> None:
    """A drop of exactly the limit passes, one photo more does not."""
    exam = _exam(photos)

    parity = compare(INT8, _with_wrong(exam, wrong), exam, LIMITS)

    assert parity.figures["accuracy_drop"] == pytest.approx(wrong / photos)
    assert (parity.failures == ()) is passes


def test_every_missed_limit_is_named() -> None:
    """Accuracy, agreement and each class's recall are judged each for itself, with what was found and the limit."""
    exam = _exam(90)

    parity = compare(INT8, _with_wrong(exam, 9), exam, Limits())

    assert parity.failures == (
        "accuracy drop 0.1000, limit <= 0.005",
        "agreement 0.9000, limit >= 0.99",
        *(f"recall drop {label} 0.1000, limit <= 0.01" for label in LABELS),
    )


def test_agreement_counts_even_where_accuracy_gains() -> None:
    """A model that corrects the network's errors decides otherwise all the same."""
    exam = _exam(100)
    taught = Exam(LABELS, exam.truth, _with_wrong(exam, 10))

    parity = compare(INT8, exam.reference, taught, LIMITS)

    assert parity.figures["accuracy_drop"] == pytest.approx(-0.1)
    assert parity.failures == ("agreement 0.9000, limit >= 0.99",)


def test_one_class_cannot_pay_for_another() -> None:
    """Accuracy that stays and agreement that suffices do not hide a class that loses more than its limit."""
    exam = _exam(3000)
    answers = exam.reference.copy()
    of_bone = np.flatnonzero(exam.truth == 0)
    answers[of_bone[:12]] = np.roll(answers[of_bone[:12]], 1, axis=1)

    parity = compare(INT8, answers, exam, Limits())

    assert parity.figures["accuracy_drop"] == pytest.approx(0.004)
    assert parity.failures == ("recall drop bone 0.0120, limit <= 0.01",)


@pytest.mark.parametrize(("kind", "said"), [(FP32, "limit <= 0.0001"), (FP16, None), (INT8, None)])
def test_float32_may_differ_by_rounding_only(kind: object, said: str | None) -> None:
    """It fails at a difference that float16 and int8 are forgiven."""
    exam = _exam(100)

    parity = compare(kind, exam.reference + np.float32(0.001), exam, LIMITS)

    assert parity.failures == ((f"max |dp| 0.0010, {said}",) if said else ())


def test_float16_may_not_differ_as_int8_may() -> None:
    """It rounds and does not quantize: a probability that moves by a twentieth is an error of its making."""
    exam = _exam(100)
    near = exam.reference + np.float32(0.05)

    failures = {kind.name: compare(kind, near, exam, LIMITS).failures for kind in (FP16, INT8)}

    assert failures == {"fp16": ("max |dp| 0.0500, limit <= 0.02",), "int8": ()}


def test_an_answer_that_is_no_number_never_passes() -> None:
    """NaN misses the limits instead of slipping past a comparison."""
    exam = _exam(100)

    parity = compare(FP32, np.full_like(exam.reference, np.nan), exam, LIMITS)

    assert any("max |dp| nan" in failure for failure in parity.failures)


@pytest.mark.parametrize(
    ("lost", "gained", "passes"),
    [(0, 0, True), (2, 0, True), (5, 5, True), (4, 0, False), (14, 4, False), (60, 55, False), (0, 9, True)],
)
def test_a_protected_class_must_prove_that_it_lost_nothing(lost: int, gained: int, passes: bool) -> None:
    """Refused when a loss is shown (the interval begins above 0), and when one above the limit is still possible.

    Four of 1000 photos lost and none gained is a loss, though the limit allows ten; 60 lost, 55 gained may be chance,
    but could also be a loss of 26.
    """
    exam = _protected_exam(gained)

    parity = compare(INT8, _protected_answers(exam, lost, gained), exam, _protecting())

    missed = [check for check in parity.checks if not check.passed and check.figure == "protected.bone"]
    assert (missed == []) is passes


def test_the_same_loss_passes_where_nothing_is_protected() -> None:
    """Four of a thousand photos are within the limit of a class's recall."""
    exam = _protected_exam(0)

    parity = compare(INT8, _protected_answers(exam, 4, 0), exam, Limits())

    assert parity.failures == ()


def test_only_a_class_with_test_photos_can_be_protected() -> None:
    """A misspelt class is refused by name instead of protecting nothing."""
    with pytest.raises(UsageError, match=r"--protect: expected classes with test photos \['bone', 'glass'\], found"):
        check_protected(Limits(protect=("bones",)), ["glass", "bone", "glass"])


@pytest.mark.parametrize(("wrong", "kept"), [(9, True), (11, False)])
def test_the_rule_of_mlperf_is_shown_and_not_judged_by(wrong: int, kept: bool) -> None:
    """99 % of the float32 accuracy, whatever our own limits say."""
    exam = _exam(1000)
    lenient = Limits(max_drop=1, max_recall_drop=1, min_agreement=0)

    parity = compare(INT8, _with_wrong(exam, wrong), exam, lenient)

    assert parity.mlperf is kept
    assert parity.failures == ()


def test_what_was_judged_is_kept_with_its_verdict() -> None:
    """The report lists every limit with what was found, those that hold too."""
    exam = _exam(90)

    parity = compare(INT8, exam.reference, exam, Limits(protect=("glass",)))

    assert isinstance(parity, Parity)
    assert [check.figure for check in parity.checks] == [
        "accuracy_drop",
        "agreement",
        *(f"recall_drop.{label}" for label in LABELS),
        "protected.glass",
    ]
    assert {check.passed for check in parity.checks} == {True}


def _exam(photos: int) -> Exam:
    """A network that is right everywhere."""
    truth = np.arange(photos) % len(LABELS)
    return Exam(LABELS, truth, _sure(truth))


def _sure(truth: np.ndarray) -> np.ndarray:
    return (0.1 + 0.7 * np.eye(len(LABELS))[truth]).astype(np.float32)


def _with_wrong(exam: Exam, count: int) -> np.ndarray:
    answers = exam.reference.copy()
    answers[:count] = np.roll(answers[:count], 1, axis=1)
    return answers


def _protecting() -> Limits:
    return Limits(protect=("bone",), max_drop=1, max_recall_drop=0.01, min_agreement=0)


def _protected_exam(network_misses: int) -> Exam:
    """1000 photos of bone, of which the network misses so many, and 1000 of glass."""
    truth = np.array([0] * 1000 + [1] * 1000)
    reference = _sure(truth)
    reference[:network_misses] = _sure(np.ones(network_misses, np.int64))
    return Exam(LABELS, truth, reference)


def _protected_answers(exam: Exam, lost: int, gained: int) -> np.ndarray:
    """Right where the network missed, wrong in so many other photos of bone."""
    answers = exam.reference.copy()
    answers[:gained] = _sure(np.zeros(gained, np.int64))
    answers[500 : 500 + lost] = _sure(np.ones(lost, np.int64))
    return answers
