"""How sure the figures are: 95 % percentile intervals over resampled photos (Efron 1979)."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from train.scores import Counts, Rates, table

RESAMPLES = 2000
TAIL_PERCENT = 2.5
"""Left out at each end."""


class Interval(msgspec.Struct, frozen=True, array_like=True):
    """From low to high; 0 to 1 where no photo says anything."""

    low: float
    high: float


class ScoreIntervals(msgspec.Struct, frozen=True):
    """Of one row of the table."""

    precision: Interval
    recall: Interval
    f1: Interval


class Intervals(msgspec.Struct, frozen=True):
    """Of the whole table.

    They say what other photos drawn as these were would give, not what other photographers' would. A row without one
    error has the interval [1, 1]: resampling cannot make errors that were never seen.
    """

    accuracy: Interval
    macro: ScoreIntervals
    weighted: ScoreIntervals
    per_class: dict[str, ScoreIntervals]
    per_subclass: dict[str, dict[str, ScoreIntervals]]


def intervals(
    counts: Counts, owners: NDArray[np.int64], labels: Sequence[str], subclasses: Sequence[str], seed: int = 0
) -> Intervals:
    """Intervals for `table(counts, owners)`, where group g is `subclasses[g]` of class `labels[owners[g]]`.

    Drawing n photos with replacement is drawing the cells of the table of counts from a multinomial distribution.
    """
    photos = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(photos, counts.ravel() / photos, RESAMPLES)
    tables = table(drawn.reshape(RESAMPLES, *counts.shape), owners)
    groups = _rows(tables.groups)
    return Intervals(
        accuracy=_interval(tables.accuracy),
        macro=_row(tables.macro),
        weighted=_row(tables.weighted),
        per_class=dict(zip(labels, _rows(tables.classes), strict=True)),
        per_subclass={
            label: {subclasses[group]: groups[group] for group in np.flatnonzero(owners == place)}
            for place, label in enumerate(labels)
            if place in owners
        },
    )


def _rows(rates: Rates) -> list[ScoreIntervals]:
    return [_row(rates[:, place]) for place in range(rates.shape[1])]


def _row(rates: Rates) -> ScoreIntervals:
    return ScoreIntervals(*(_interval(rates[:, column]) for column in range(3)))


def _interval(values: Rates) -> Interval:
    known = values[~np.isnan(values)]
    if not known.size:
        return Interval(0.0, 1.0)
    return Interval(*np.percentile(known, [TAIL_PERCENT, 100 - TAIL_PERCENT]).tolist())
