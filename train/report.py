"""How good a classifier is, in figures that hide no class: all from labels and probabilities."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge.dataset import Photo

ECE_BINS = 15
"""As Guo et al. 2017, who introduced the figure for networks."""


class Scores(msgspec.Struct, frozen=True):
    """Of one class, or an average over classes."""

    precision: float
    recall: float
    f1: float
    n: int
    """Photos that it rests on."""


class Recall(msgspec.Struct, frozen=True):
    """Of one subclass."""

    recall: float
    n: int


class Report(msgspec.Struct, frozen=True):
    """The verdict on one set of photos."""

    n: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, Scores]
    macro: Scores
    """Every class that has photos weighs the same."""
    weighted: Scores
    """Every photo weighs the same."""
    confusion: list[list[int]]
    """[truth][answer], in the order of `labels`."""
    labels: tuple[str, ...]
    recall_per_subclass: dict[str, dict[str, Recall]]
    ece: float
    """Expected calibration error: mean distance of confidence from accuracy, 0 to 1."""


def judge(labels: Sequence[str], photos: Sequence[Photo], probabilities: NDArray[np.float32]) -> Report:
    """Compare `probabilities` (N, classes) with the labels of `photos`; N is at least one."""
    truth = np.array([list(labels).index(photo.label) for photo in photos])
    answers = probabilities.argmax(axis=1)
    per_class = _per_class(labels, truth, answers)
    macro = _average(per_class, np.array([score.n > 0 for score in per_class.values()], np.float64))
    return Report(
        n=len(photos),
        accuracy=float(np.mean(truth == answers)),
        macro_f1=macro.f1,
        per_class=per_class,
        macro=macro,
        weighted=_average(per_class, np.array([score.n for score in per_class.values()], np.float64)),
        confusion=confusion_matrix(truth, answers, labels=range(len(labels))).tolist(),
        labels=tuple(labels),
        recall_per_subclass=_per_subclass(photos, truth == answers),
        ece=calibration_error(probabilities.max(axis=1), truth == answers),
    )


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """ECE over equal bins of confidence: sum of |accuracy - mean confidence| weighted by the photos in each bin."""
    places = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gap = np.bincount(places, right.astype(np.float64) - confidence, ECE_BINS)
    return float(np.abs(gap).sum() / len(confidence))


def _per_class(labels: Sequence[str], truth: NDArray[np.int64], answers: NDArray[np.int64]) -> dict[str, Scores]:
    columns = precision_recall_fscore_support(truth, answers, labels=range(len(labels)), zero_division=0)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {label: Scores(p, r, f1, int(n)) for label, (p, r, f1, n) in zip(labels, rows, strict=True)}


def _average(per_class: dict[str, Scores], weights: NDArray[np.float64]) -> Scores:
    table = np.array([(score.precision, score.recall, score.f1) for score in per_class.values()])
    precision, recall, f1 = np.average(table, axis=0, weights=weights).tolist()
    return Scores(precision, recall, f1, sum(score.n for score in per_class.values()))


def _per_subclass(photos: Sequence[Photo], right: NDArray[np.bool_]) -> dict[str, dict[str, Recall]]:
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for photo, hit in zip(photos, right.tolist(), strict=True):
        groups[photo.label][photo.subclass].append(hit)
    return {
        label: {name: Recall(sum(hits) / len(hits), len(hits)) for name, hits in sorted(subclasses.items())}
        for label, subclasses in groups.items()
    }
