"""All that a report's pictures are drawn from: the figures, and the photos and probabilities behind them."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.photos.dataset import Photo
from edge.preprocess import Image
from train.report import Report

Activation = Callable[[Image], NDArray[np.float32]]
"""(N, size, size, 3) uint8 RGB -> (N, h, w, classes): what each place adds to each logit."""


@dataclass(frozen=True)
class Evidence:
    """What was judged, in the order of `photos`."""

    report: Report
    photos: Sequence[Photo]
    images: Image
    """(N, size, size, 3) uint8 RGB"""
    probabilities: NDArray[np.float32]
    """(N, classes)"""
    activation: Activation | None = None
    """None for a bundle: its graph gives probabilities alone."""
    curves: Sequence["Curve"] = ()

    @property
    def truth(self) -> NDArray[np.int64]:
        """(N,) class indices."""
        return np.array([self.report.labels.index(photo.label) for photo in self.photos])


@dataclass(frozen=True)
class Curve:
    """One column of metrics.csv over the epochs of one stage."""

    stage: str
    column: str
    values: tuple[float, ...]


def read_curves(metrics: Path) -> list[Curve]:
    """The curves of a metrics.csv: a column `stage`, and numbers; none when there is no such file."""
    if not metrics.is_file():
        return []
    with metrics.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    columns = [name for name in (rows[0] if rows else {}) if name not in ("stage", "epoch")]
    return [curve for column in columns for stage in stages if (curve := _curve(rows, stage, column)).values]


def _curve(rows: Sequence[dict[str, str]], stage: str, column: str) -> Curve:
    """An epoch that left the column empty is left out."""
    return Curve(stage, column, tuple(float(row[column]) for row in rows if row["stage"] == stage and row[column]))


def confident_mistakes(evidence: Evidence, most: int) -> NDArray[np.int64]:
    """Places of wrong answers, the surest first."""
    answers = evidence.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != evidence.truth)
    return wrong[np.argsort(-evidence.probabilities.max(axis=1)[wrong], kind="stable")][:most]
