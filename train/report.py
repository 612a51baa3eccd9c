"""How good a classifier is, in figures that hide no class: all from labels and probabilities."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.photos.dataset import Photo
from train.bootstrap import Intervals, intervals
from train.calibration import Bin, calibration_error, reliability, temper
from train.scores import Counts, Rates, table

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Of confidence, as `min_confidence` of a line may be set."""


class Scores(msgspec.Struct, frozen=True):
    """Of one class or subclass, or an average over classes."""

    precision: float
    recall: float
    f1: float
    n: int
    """Photos that it rests on."""


class OperatingPoint(msgspec.Struct, frozen=True):
    """What a line gets that leaves items below `threshold` undecided."""

    threshold: float
    decided: float
    """Share of the photos."""
    accuracy: float
    """Of the decided ones; 0 for none."""
    recall: dict[str, float]
    """Share of each class's photos that is decided, and rightly."""


class Report(msgspec.Struct, frozen=True):
    """The verdict on one set of photos."""

    n: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, Scores]
    per_subclass: dict[str, dict[str, Scores]]
    """Precision as `train.scores.table` defines it for subclasses."""
    macro: Scores
    """Every class that has photos weighs the same."""
    weighted: Scores
    """Every photo weighs the same."""
    intervals: Intervals
    """95 %."""
    confusion: list[list[int]]
    """[truth][answer], in the order of `labels`."""
    labels: tuple[str, ...]
    temperature: float
    """That the model's logits are divided by."""
    ece: float
    """Expected calibration error: mean distance of confidence from accuracy, 0 to 1."""
    ece_uncalibrated: float
    """The same with the temperature taken back."""
    reliability: list[Bin]
    operating_points: list[OperatingPoint]


def judge(
    labels: Sequence[str], photos: Sequence[Photo], probabilities: NDArray[np.float32], temperature: float = 1.0
) -> Report:
    """Compare `probabilities` (N, classes), made with `temperature`, with the labels of `photos`; N is at least one."""
    truth = np.array([list(labels).index(photo.label) for photo in photos])
    answers = probabilities.argmax(axis=1)
    groups = sorted({(place, photo.subclass) for place, photo in zip(truth.tolist(), photos, strict=True)})
    owners = np.array([place for place, _ in groups])
    counts = _counts(groups, truth, photos, answers, len(labels))
    rates = table(counts, owners)
    per_class_n = np.bincount(truth, minlength=len(labels))
    bins = reliability(probabilities.max(axis=1), truth == answers)
    plain = temper(probabilities, 1 / temperature)
    return Report(
        n=len(photos),
        accuracy=float(rates.accuracy),
        macro_f1=float(rates.macro[2]),
        per_class=dict(zip(labels, _scores(rates.classes, per_class_n), strict=True)),
        per_subclass=_by_class(labels, groups, _scores(rates.groups, counts.sum(axis=1))),
        macro=_scores([rates.macro], [len(photos)])[0],
        weighted=_scores([rates.weighted], [len(photos)])[0],
        intervals=intervals(counts, owners, labels, [subclass for _, subclass in groups]),
        confusion=_confusion(counts, owners).tolist(),
        labels=tuple(labels),
        temperature=temperature,
        ece=calibration_error(bins),
        ece_uncalibrated=calibration_error(reliability(plain.max(axis=1), truth == answers)),
        reliability=bins,
        operating_points=[operating_point(labels, truth, probabilities, threshold) for threshold in THRESHOLDS],
    )


def operating_point(
    labels: Sequence[str], truth: NDArray[np.int64], probabilities: NDArray[np.float32], threshold: float
) -> OperatingPoint:
    """What is decided, and how well, when confidence must reach `threshold`."""
    decided = probabilities.max(axis=1) >= threshold
    right = decided & (probabilities.argmax(axis=1) == truth)
    hits, photos = (np.bincount(truth, values, len(labels)) for values in (right, np.ones(len(truth))))
    recall = dict(zip(labels, (hits / np.maximum(photos, 1)).tolist(), strict=True))
    return OperatingPoint(threshold, float(decided.mean()), float(right.sum() / max(1, decided.sum())), recall)


def _counts(
    groups: Sequence[tuple[int, str]],
    truth: NDArray[np.int64],
    photos: Sequence[Photo],
    answers: NDArray[np.int64],
    classes: int,
) -> Counts:
    """(groups, classes): how often each answer was given to photos of each subclass."""
    row = {group: number for number, group in enumerate(groups)}
    rows = [row[place, photo.subclass] for place, photo in zip(truth.tolist(), photos, strict=True)]
    return np.bincount(np.array(rows) * classes + answers, minlength=len(groups) * classes).reshape(-1, classes)


def _confusion(counts: Counts, owners: NDArray[np.int64]) -> Counts:
    return np.asarray(np.eye(counts.shape[1], dtype=np.int64)[owners].T @ counts, np.int64)


def _scores(rates: Rates | Sequence[Rates], photos: Iterable[int]) -> list[Scores]:
    return [Scores(*np.nan_to_num(row).tolist(), int(n)) for row, n in zip(rates, photos, strict=True)]


def _by_class(
    labels: Sequence[str], groups: Sequence[tuple[int, str]], scores: Sequence[Scores]
) -> dict[str, dict[str, Scores]]:
    found: dict[str, dict[str, Scores]] = {labels[place]: {} for place, _ in groups}
    for (place, subclass), score in zip(groups, scores, strict=True):
        found[labels[place]][subclass] = score
    return found
