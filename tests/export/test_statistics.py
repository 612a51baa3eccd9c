"""The figures of the gate and their intervals."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from export.statistics import Exam, statistics_of

LABELS = ("bone", "glass", "paper", "tin")


def test_figures_are_those_of_scikit_learn() -> None:
    """Accuracy, macro F1 and recalls agree with scikit-learn's; each drop is the trained network's less the model's."""
    exam = _exam(500, wrong=40)
    answers = _with_wrong(exam, 70, seed=1)

    figures = statistics_of(answers, exam).figures

    decided, reference = answers.argmax(axis=1), exam.reference.argmax(axis=1)
    assert figures["accuracy"] == pytest.approx((decided == exam.truth).mean())
    assert figures["macro_f1"] == pytest.approx(f1_score(exam.truth, decided, average="macro"))
    recalls = recall_score(exam.truth, decided, average=None)
    assert [figures[f"recall.{label}"] for label in LABELS] == pytest.approx(list(recalls))
    lost = recall_score(exam.truth, reference, average=None) - recalls
    assert [figures[f"recall_drop.{label}"] for label in LABELS] == pytest.approx(list(lost))
    assert figures["agreement"] == pytest.approx((decided == reference).mean())


def test_calibration_error_is_the_gap_of_each_bin_by_its_photos() -> None:
    """Over 15 bins of equal width: share of photos times |accuracy - mean confidence|, summed bin by bin."""
    exam = _exam(800, wrong=100)
    answers = _with_wrong(exam, 90, seed=2)

    figures = statistics_of(answers, exam).figures

    confidence, right = answers.max(axis=1), answers.argmax(axis=1) == exam.truth
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert figures["ece"] == pytest.approx(error, abs=1e-6)


def test_intervals_are_those_of_a_loop_over_resamples() -> None:
    """The one product gives, up to its own noise, the percentiles that plain resampling of photos gives."""
    exam = _exam(300, wrong=30)
    answers = _with_wrong(exam, 25, seed=3)

    intervals = statistics_of(answers, exam).intervals

    looped = _looped(answers, exam, 1000)
    for name in ("accuracy", "accuracy_drop", "macro_f1_drop", "ece", "recall_drop.glass"):
        assert intervals[name] == pytest.approx(np.percentile(looped[name], (2.5, 97.5)), abs=0.008), name


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    """Of many test sets drawn from one population, about 95 % give an interval that holds the population's drop."""
    population = _exam(40_000, wrong=4000)
    answers = _with_wrong(population, 3000, seed=4)
    true_drop = _by_hand(answers, population)["accuracy_drop"]
    rng = np.random.default_rng(5)

    held = 0
    for _ in range(60):
        some = rng.integers(40_000, size=400)
        exam = Exam(LABELS, population.truth[some], population.reference[some])
        low, high = statistics_of(answers[some], exam).intervals["accuracy_drop"]
        held += low <= true_drop <= high

    assert held >= 52


def test_photos_that_both_get_wrong_cancel_out() -> None:
    """A model that answers as the network has lost nothing, for certain, however bad both are."""
    exam = _exam(200, wrong=80)

    statistics = statistics_of(exam.reference, exam)

    for name in ("accuracy_drop", "macro_f1_drop", "ece_rise", "mean_abs_dp", "recall_drop.tin"):
        assert statistics.figures[name] == 0, name
        assert statistics.intervals[name] == (0, 0), name
    low, high = statistics.intervals["accuracy"]
    assert low < 0.6 < high


def test_the_same_answers_give_the_same_intervals() -> None:
    """They are part of the bundle's bytes."""
    exam = _exam(100, wrong=9)
    answers = _with_wrong(exam, 5, seed=6)

    first, again = (statistics_of(answers, exam) for _ in range(2))

    assert first == again


def test_a_class_without_photos_is_left_out_of_recall_and_f1() -> None:
    """Its recall would be nobody's, and no zero may drag macro F1 down for it."""
    whole = _exam(200, wrong=0)
    some = whole.truth < 3
    exam = Exam(LABELS, whole.truth[some], whole.reference[some])

    statistics = statistics_of(exam.reference, exam)

    assert "recall.tin" not in statistics.figures
    assert statistics.figures["macro_f1"] == 1


def test_a_class_with_one_photo_does_not_break_the_resamples_without_it() -> None:
    """Resamples that never drew it say nothing of it; the others do."""
    truth = np.array([0] * 50 + [1] * 50 + [2] * 50 + [3])
    exam = Exam(LABELS, truth, _sure(truth))

    statistics = statistics_of(exam.reference, exam)

    assert statistics.intervals["recall.tin"] == (1, 1)


def test_answers_that_are_no_numbers_stay_visible() -> None:
    """NaN comes out as NaN, not as a figure that could pass."""
    exam = _exam(60, wrong=0)

    statistics = statistics_of(np.full_like(exam.reference, np.nan), exam)

    assert all(np.isnan(statistics.figures[name]) for name in ("mean_abs_dp", "max_abs_dp", "ece"))


def test_the_largest_difference_has_no_interval() -> None:
    """A bootstrap of a maximum would never reach beyond what was seen."""
    exam = _exam(60, wrong=0)

    statistics = statistics_of(_with_wrong(exam, 3, seed=7), exam)

    assert statistics.figures["max_abs_dp"] > 0.3
    assert "max_abs_dp" not in statistics.intervals


def _exam(photos: int, wrong: int) -> Exam:
    """A network of mixed confidence that decides `wrong` of the photos wrongly."""
    truth = np.random.default_rng(0).integers(len(LABELS), size=photos)
    sound = Exam(LABELS, truth, _sure(truth))
    return Exam(LABELS, truth, _with_wrong(sound, wrong, seed=0))


def _sure(truth: np.ndarray) -> np.ndarray:
    share = np.random.default_rng(1).uniform(0.4, 1, (len(truth), 1))
    rest = (1 - share) / (len(LABELS) - 1)
    hit = np.eye(len(LABELS), dtype=bool)[truth]
    return np.where(hit, share, rest).astype(np.float32)


def _with_wrong(exam: Exam, count: int, seed: int) -> np.ndarray:
    answers = exam.reference.copy()
    chosen = np.random.default_rng(seed).choice(len(answers), count, replace=False)
    answers[chosen] = np.roll(answers[chosen], 1, axis=1)
    return answers


def _looped(answers: np.ndarray, exam: Exam, times: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(11)
    found: dict[str, list[float]] = {}
    for _ in range(times):
        some = rng.integers(len(answers), size=len(answers))
        drawn = Exam(LABELS, exam.truth[some], exam.reference[some])
        for name, value in _by_hand(answers[some], drawn).items():
            found.setdefault(name, []).append(value)
    return found


def _by_hand(answers: np.ndarray, exam: Exam) -> dict[str, float]:
    decided, reference, truth = answers.argmax(axis=1), exam.reference.argmax(axis=1), exam.truth
    confidence, right = answers.max(axis=1), decided == truth
    places = np.ceil(confidence * 15) - 1
    gaps = [abs((right[places == p] - confidence[places == p]).sum()) for p in np.unique(places)]
    glass = truth == 1
    f1 = [f1_score(truth, said, average="macro") for said in (reference, decided)]
    return {
        "accuracy": right.mean(),
        "accuracy_drop": (reference == truth).mean() - right.mean(),
        "macro_f1_drop": f1[0] - f1[1],
        "ece": sum(gaps) / len(truth),
        "recall_drop.glass": (reference == truth)[glass].mean() - right[glass].mean(),
    }
