"""Whether one model is better than another: on the same photos, by those that only one of them gets right."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from edge.errors import RunError
from edge.photos.dataset import open_dataset
from edge.photos.folder_map import FolderMap
from edge.runfile import read_run
from train.device import Device
from train.evaluate import judge_on, open_judged
from train.evidence import Evidence

SIGNIFICANT = 0.05
"""Chance of such a difference between equally good models from which on it counts as one."""

Verdict = Literal["A is better", "B is better", "no difference shown"]


class Side(msgspec.Struct, frozen=True):
    """One of the two models."""

    accuracy: float
    macro_f1: float


class Comparison(msgspec.Struct, frozen=True):
    """Two models on the same photos."""

    n: int
    a: Side
    b: Side
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    p_value: float
    """Of McNemar's exact test, two-sided."""
    verdict: Verdict


def compare(
    a: Path,
    b: Path,
    dataset: Path,
    split: str,
    device: Device = "auto",
    folder_map: FolderMap | None = None,
    cache: Path | None = None,
) -> Comparison:
    """Judge the models or bundles `a` and `b` on one split of `dataset`.

    Raises RunError or BundleError for a model that cannot be used or has other classes, DatasetError for the photos.
    """
    judged = [open_judged(model, device) for model in (a, b)]
    if set(judged[0].labels) != set(judged[1].labels):
        raise RunError(f"{b}: expected the classes of {a}, {list(judged[0].labels)}, found {list(judged[1].labels)}")
    opened = [open_dataset(dataset, each.labels, folder_map, cache) for each in judged]
    evidence = [judge_on(each, photos, split, cache) for each, photos in zip(judged, opened, strict=True)]
    return weigh(*evidence)


def trained_on(model: Path) -> tuple[Path, FolderMap | None]:
    """The dataset that a trained model or its run folder names, and its map. Raises RunError for a bundle."""
    try:
        record = read_run(model if model.is_dir() else model.parent)
    except RunError as error:
        raise RunError(f"{model}: expected a run that names its dataset, found none; name a DATASET") from error
    return Path(record.dataset), record.folder_map


def weigh(a: Evidence, b: Evidence) -> Comparison:
    """Compare two models that judged the same photos in the same order."""
    right = [each.probabilities.argmax(axis=1) == each.truth for each in (a, b)]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    p_value = mcnemar(only_a, only_b)
    return Comparison(
        n=a.report.n,
        a=_side(a),
        b=_side(b),
        both_right=_count(right[0] & right[1]),
        only_a_right=only_a,
        only_b_right=only_b,
        both_wrong=_count(~right[0] & ~right[1]),
        p_value=p_value,
        verdict=_verdict(only_a, only_b, p_value),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact, two-sided p-value of McNemar 1947 from the photos that only one model gets right.

    Were the models equally good, each such photo would be A's or B's by the toss of a coin. Exact, because the usual
    chi-square needs 25 of them (Dietterich 1998 recommends the test for one training run each).
    """
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _verdict(only_a: int, only_b: int, p_value: float) -> Verdict:
    if p_value >= SIGNIFICANT:
        return "no difference shown"
    return "A is better" if only_a > only_b else "B is better"


def _side(evidence: Evidence) -> Side:
    return Side(evidence.report.accuracy, evidence.report.macro_f1)


def _count(chosen: NDArray[np.bool_]) -> int:
    return int(chosen.sum())
