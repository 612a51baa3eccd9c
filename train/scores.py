"""Precision, recall and F1 from counts of answers, for one count or a thousand resampled ones at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """The paper's table 1, from counts of shape (..., groups, classes): the last axis is precision, recall, F1.

    A row without photos is NaN.
    """

    groups: Rates
    """(..., groups, 3)"""
    classes: Rates
    """(..., classes, 3)"""
    macro: Rates
    """(..., 3): every class that has photos weighs the same."""
    weighted: Rates
    """(..., 3): every photo weighs the same."""
    accuracy: Rates
    """(...)"""


def table(counts: Counts, owners: NDArray[np.int64]) -> Table:
    """Work out all rates from `counts[..., group, answer]`, where group g belongs to class `owners[g]`.

    A group is a subclass, and nobody answers with subclasses: its precision counts the class's answers to its own
    photos and to those of other classes, as if it were the only subclass of its class.
    """
    own = np.eye(counts.shape[-1], dtype=np.int64)[owners]
    hits, photos = (counts * own).sum(axis=-1), counts.sum(axis=-1)
    false_claims = (counts * (1 - own)).sum(axis=-2)
    class_hits, class_photos = hits @ own, photos @ own
    classes = _rates(class_hits, class_hits + false_claims, class_photos)
    return Table(
        groups=_rates(hits, hits + false_claims[..., owners], photos),
        classes=classes,
        macro=_average(classes, (class_photos > 0).astype(np.int64)),
        weighted=_average(classes, class_photos),
        accuracy=class_hits.sum(axis=-1) / counts.sum(axis=(-2, -1)),
    )


def _rates(hits: Counts, claims: Counts, photos: Counts) -> Rates:
    """A class that is never claimed has precision 0, as scikit-learn with zero_division=0."""
    precision = hits / np.maximum(claims, 1)
    recall = hits / np.maximum(photos, 1)
    f1 = 2 * hits / np.maximum(claims + photos, 1)
    known = (photos > 0)[..., None]
    return np.where(known, np.stack([precision, recall, f1], axis=-1), np.nan)


def _average(rates: Rates, weights: Counts) -> Rates:
    share = weights / weights.sum(axis=-1, keepdims=True)
    return np.asarray((np.nan_to_num(rates) * share[..., None]).sum(axis=-2), np.float64)
