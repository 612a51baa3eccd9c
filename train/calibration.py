"""Probabilities that mean what they say: one temperature, fitted on photos that taught nothing (Guo et al. 2017).

The photos are a stratified share of the training split. The test split would make its own verdict too good, and
cross-validated features would fit the temperature of a head that nobody ships: fine-tuning is what makes it too sure.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

ECE_BINS = 15
"""As Guo et al. 2017, who introduced the figure for networks."""
LOG_RANGE = (np.log(0.05), np.log(20.0))
"""Of the temperature."""
SMALLEST = 1e-30
"""Below every probability that a float32 softmax tells from 0."""


class Bin(msgspec.Struct, frozen=True):
    """The photos whose confidence lies in one of the equal bins."""

    confidence: float
    """Mean of the photos; 0 for none."""
    accuracy: float
    n: int


def set_apart(
    labels: Sequence[str], groups: Sequence[Hashable], share: float, seed: int
) -> tuple[list[int], list[int]]:
    """Places of the photos that teach and of those that calibrate: at most `share` of each class.

    Photos of one group (near-duplicates) stay on one side, decided by the class of the group's first photo.
    """
    wanted = {label: round(share * count) for label, count in Counter(labels).items()}
    members: dict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    apart: set[int] = set()
    order = list(members.values())
    for number in np.random.default_rng(seed).permutation(len(order)):
        places = order[number]
        label = labels[places[0]]
        if len(places) <= wanted[label]:
            wanted[label] -= len(places)
            apart.update(places)
    return [place for place in range(len(labels)) if place not in apart], sorted(apart)


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the mean negative log-likelihood of `labels` (N,) given `logits` (N, classes) / T.

    One imagined photo that could be of any class is added, as Platt 1999 does: without it a few photos that are all
    right would ask for infinite confidence. No photos at all give 1.
    """
    count, classes = logits.shape
    if count == 0:
        return 1.0
    doubt = 1 / (count + 1)
    targets = (1 - doubt) * np.eye(classes)[labels] + doubt / classes

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return float(-(targets * scaled).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_RANGE, method="bounded").x))


def logits(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logits (N, classes) behind `probabilities`, but for a constant a photo, which softmax does not see.

    A network that gives logits would be another one to compile.
    """
    return np.log(np.maximum(probabilities.astype(np.float64), SMALLEST))


def temper(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """What `probabilities` (N, classes) become when their logits are divided by `temperature`; 1 / T takes it back."""
    return np.asarray(softmax(logits(probabilities) / temperature, axis=1), np.float32)


def reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> list[Bin]:
    """Confidence beside accuracy, bin by bin."""
    places = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    n = np.bincount(places, minlength=ECE_BINS)
    columns = (np.bincount(places, values, ECE_BINS) / np.maximum(n, 1) for values in (confidence, right))
    rows = zip(*(column.tolist() for column in columns), n.tolist(), strict=True)
    return [Bin(mean, accuracy, count) for mean, accuracy, count in rows]


def calibration_error(bins: Sequence[Bin]) -> float:
    """ECE: mean distance of confidence from accuracy over the bins, weighted by their photos; 0 to 1."""
    return sum(abs(each.accuracy - each.confidence) * each.n for each in bins) / sum(each.n for each in bins)
