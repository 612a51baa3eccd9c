"""The figures of the gate and their 95 % intervals: a paired bootstrap over the test photos, in numpy alone.

Every figure but the largest |dp| is a ratio of sums over photos. So one matrix of what each photo adds to each sum, and
one matrix of how often each resample drew each photo, give all figures of all resamples as one product.

Paired (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 8 and 13): a resample draws photos, and both
networks answer the same ones; a photo that both get wrong cancels out of every difference. Percentile intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.classifier import Probabilities

RESAMPLES = 2000
AT_ONCE = 100
"""Resamples in one product: memory stays at AT_ONCE numbers a photo."""
SEED = 0
"""The same answers give the same intervals: they are part of the bundle's bytes."""
LEVEL = (2.5, 97.5)
"""Percentiles that hold 95 %."""
BINS = 15
"""Of equal width over the confidence: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2."""

Truth = NDArray[np.int64]
"""(photos,) the class index of each."""
Values = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Exam:
    """What the test photos show, and what the trained network says of them."""

    labels: Sequence[str]
    truth: Truth
    reference: Probabilities


@dataclass(frozen=True)
class Statistics:
    """Figures by name, with the 95 % interval of each that has one."""

    figures: Mapping[str, float]
    intervals: Mapping[str, Interval]


def statistics_of(answers: Probabilities, exam: Exam) -> Statistics:
    """Hold `answers` (photos, classes) against those of the trained network.

    `accuracy`, `macro_f1`, `recall.CLASS` and `ece` are those of `answers`; `…_drop` is what they lose beside the
    trained network, `ece_rise` what calibration loses. Classes without photos have no recall, and no part in macro F1.

    `max_abs_dp` has no interval: a bootstrap of a maximum never goes beyond what was seen and is not consistent
    (Bickel and Freedman, Annals of Statistics 9, 1981, section 6). What N photos do say is that with 95 % confidence
    at most a share of 1 - 0.05^(1/N), about 3/N, of all photos lies beyond it.
    """
    sums = np.concatenate([_sums(exam.reference, exam), _sums(answers, exam), _shared_sums(answers, exam)], axis=1)
    figures = _figures(sums.sum(axis=0, keepdims=True), exam)
    drawn = [_figures(weights @ sums, exam) for weights in _resamples(len(sums))]
    intervals = {name: _interval(np.concatenate([part[name] for part in drawn])) for name in figures}
    worst = float(np.abs(answers - exam.reference).max())
    return Statistics({name: float(value[0]) for name, value in figures.items()} | {"max_abs_dp": worst}, intervals)


def reference_figures(exam: Exam) -> dict[str, float]:
    """Accuracy, macro F1, calibration error and recalls of the trained network itself."""
    own = _sums(exam.reference, exam).sum(axis=0, keepdims=True)
    shared = _shared_sums(exam.reference, exam).sum(axis=0, keepdims=True)
    return {name: float(value[0]) for name, value in _own(own, shared, exam).items()}


def _sums(answers: Probabilities, exam: Exam) -> Values:
    """(photos, 2 classes + BINS): whether right, by class; what was decided; right - confidence, by bin of it."""
    photos, classes = answers.shape
    decided, rows = answers.argmax(axis=1), np.arange(photos)
    right, confidence = decided == exam.truth, answers.max(axis=1).astype(np.float64)
    sums = np.zeros((photos, 2 * classes + BINS))
    sums[rows, exam.truth] = right
    sums[rows, classes + decided] = 1
    # Bins are (0, 1/15], (1/15, 2/15], …; an answer that is no number falls into the first and stays visible.
    bins = np.nan_to_num(np.ceil(confidence * BINS) - 1).clip(0, BINS - 1).astype(np.int64)
    sums[rows, 2 * classes + bins] = right - confidence
    return sums


def _shared_sums(answers: Probabilities, exam: Exam) -> Values:
    """(photos, classes + 2): the true class, whether both decide alike, and mean |dp| over the classes."""
    truth = np.eye(len(exam.labels))[exam.truth]
    agrees = answers.argmax(axis=1) == exam.reference.argmax(axis=1)
    difference = np.abs(answers.astype(np.float64) - exam.reference).mean(axis=1)
    return np.column_stack([truth, agrees, difference])


def _figures(totals: Values, exam: Exam) -> dict[str, Values]:
    """(resamples, sums) to (resamples,) for every figure: the trained network's sums, the model's, the shared ones."""
    width = 2 * len(exam.labels) + BINS
    reference, answers, shared = np.split(totals, [width, 2 * width], axis=1)
    before, after = _own(reference, shared, exam), _own(answers, shared, exam)
    photos = shared[:, :-2].sum(axis=1)
    lost = {_drop(name): before[name] - after[name] for name in after if name != "ece"}
    both = {"agreement": shared[:, -2] / photos, "mean_abs_dp": shared[:, -1] / photos}
    return {**after, **lost, "ece_rise": after["ece"] - before["ece"], **both}


def _own(totals: Values, shared: Values, exam: Exam) -> dict[str, Values]:
    """Figures of one network alone.

    F1 of a class: 2 right / (photos of it + decided as it). Calibration error: the sum over bins of
    |right - confidence|, by photos; Guo et al. 2017, equation 3.
    """
    classes = len(exam.labels)
    right, decided, gaps = np.split(totals, [classes, 2 * classes], axis=1)
    of_class = shared[:, :classes]
    photos = of_class.sum(axis=1)
    seen = np.flatnonzero(np.bincount(exam.truth, minlength=classes))
    with np.errstate(invalid="ignore"):  # a resample without any photo of a class says nothing of it
        recall = right / of_class
        f1 = 2 * right / (of_class + decided)
    return {
        "accuracy": right.sum(axis=1) / photos,
        "macro_f1": np.nanmean(f1[:, seen], axis=1),
        "ece": np.abs(gaps).sum(axis=1) / photos,
        **{f"recall.{exam.labels[index]}": recall[:, index] for index in map(int, seen)},
    }


def _drop(name: str) -> str:
    first, dot, label = name.partition(".")
    return f"{first}_drop{dot}{label}"


def _resamples(photos: int) -> Iterator[Values]:
    """How often each resample drew each photo: (AT_ONCE, photos) at a time."""
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = rng.integers(photos, size=(AT_ONCE, photos)) + np.arange(AT_ONCE)[:, None] * photos
        yield np.bincount(drawn.ravel(), minlength=AT_ONCE * photos).reshape(AT_ONCE, photos).astype(np.float64)


def _interval(values: Values) -> Interval:
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, LEVEL) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
