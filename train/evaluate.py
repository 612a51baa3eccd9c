"""A finished model or bundle, judged on any dataset."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import open_bundle
from edge.classifier import open_classifier
from edge.dataset import open_dataset
from edge.errors import DatasetError, RunError
from edge.preprocess import Image
from edge.runfile import MODEL_FILE, read_run
from train.device import require_backend
from train.photos import load_photos
from train.report import Report, judge

BATCH = 32


@dataclass(frozen=True)
class Judged:
    """Something that classifies."""

    labels: tuple[str, ...]
    size: int
    classify: Callable[[Image], NDArray[np.float32]]
    """(N, size, size, 3) uint8 RGB -> (N, classes) float32."""


def evaluate(model: Path, dataset: Path, split: str) -> Report:
    """Judge `model` (a .keras file, its run folder or a bundle) on one split of `dataset`: test, train or all.

    Raises RunError or BundleError for a model that cannot be used, DatasetError for photos that do not suit it.
    """
    judged = _open(model)
    photos = open_dataset(dataset, judged.labels).split(split)
    if not photos:
        raise DatasetError(f"{dataset}: expected photos in the split {split!r}, found none; try --split all")
    return judge(judged.labels, photos, judged.classify(load_photos(photos, judged.size)))


def figures(report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "n": report.n,
        "accuracy": report.accuracy,
        "macro_f1": report.macro_f1,
        "per_class": report.per_class,
    }


def _open(model: Path) -> Judged:
    path = model / MODEL_FILE if model.is_dir() else model
    return _open_run(path) if path.suffix == ".keras" else _open_bundle(path)


def _open_bundle(path: Path) -> Judged:
    """The bundle's first variant, on the CPU."""
    bundle = open_bundle(path)
    threads = os.cpu_count() or 1
    classifier = open_classifier(bundle, bundle.manifest.variants[0], "cpu", threads)

    def classify(images: Image) -> NDArray[np.float32]:
        # One by one, as the daemon does: the models of a bundle have a batch of one.
        return np.concatenate([classifier(image[None]) for image in images])

    return Judged(bundle.manifest.labels, bundle.manifest.input.size, classify)


def _open_run(path: Path) -> Judged:
    if not path.is_file():
        raise RunError(f"{path}: expected a trained model or a bundle, found no file")
    record = read_run(path.parent)
    require_backend()
    import keras

    from train.batches import predict

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # by damage: OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile
        raise RunError(f"{path}: expected a model of Keras, found {str(error).splitlines()[0]}") from error
    wanted = ((None, record.size, record.size, 3), (None, len(record.labels)))
    if (found := (model.input_shape, model.output_shape)) != wanted:
        raise RunError(
            f"{path}: expected shapes {wanted} by its run.json, found {found}; the files do not belong together"
        )
    return Judged(record.labels, record.size, lambda images: predict(model, images, BATCH))
