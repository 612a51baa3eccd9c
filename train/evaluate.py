"""A finished model or bundle, judged on any dataset."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import open_bundle
from edge.engine.engine import open_classifier
from edge.engine.runtimes import on_processor
from edge.errors import DatasetError, RunError
from edge.photos.dataset import Dataset, Photo, open_dataset
from edge.photos.folder_map import FolderMap
from edge.preprocess import Image
from edge.runfile import MODEL_FILE, read_run
from train.device import Device, require_backend
from train.evidence import Activation, Curve, Evidence, read_curves
from train.photos import load_photos
from train.report import Report, judge
from train.run_folder import METRICS_FILE

BATCH = 32


@dataclass(frozen=True)
class Judged:
    """Something that classifies."""

    labels: tuple[str, ...]
    size: int
    temperature: float
    classify: Callable[[Image], NDArray[np.float32]]
    """(N, size, size, 3) uint8 RGB -> (N, classes) float32."""
    activation: Activation | None = None
    curves: Sequence[Curve] = ()


def evaluate(
    model: Path,
    dataset: Path,
    split: str,
    device: Device = "auto",
    folder_map: FolderMap | None = None,
    cache: Path | None = None,
) -> Evidence:
    """Judge `model` (a .keras file, its run folder or a bundle) on one split of `dataset`: test, train or all.

    Raises RunError or BundleError for a model that cannot be used, DatasetError for photos that do not suit it.
    """
    judged = open_judged(model, device)
    return judge_on(judged, open_dataset(dataset, judged.labels, folder_map, cache), split, cache)


def judge_on(judged: Judged, dataset: Dataset, split: str, cache: Path | None = None) -> Evidence:
    """Judge it on one split. Raises DatasetError when no photo is in it."""
    photos = dataset.split(split)
    if not photos:
        raise DatasetError(f"{dataset.root}: expected photos in the split {split!r}, found none; try --split all")
    return gather(judged, photos, load_photos(photos, judged.size, cache))


def gather(judged: Judged, photos: Sequence[Photo], images: Image) -> Evidence:
    """Judge it on `photos`, at least one, whose `images` (N, size, size, 3) uint8 RGB are at hand."""
    probabilities = judged.classify(images)
    report = judge(judged.labels, photos, probabilities, judged.temperature)
    return Evidence(report, photos, images, probabilities, judged.activation, judged.curves)


def figures(report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "n": report.n,
        "accuracy": report.accuracy,
        "macro_f1": report.macro_f1,
        "per_class": report.per_class,
    }


def open_judged(model: Path, device: Device = "auto") -> Judged:
    """Open a .keras file, its run folder or a bundle. Raises RunError or BundleError."""
    path = model / MODEL_FILE if model.is_dir() else model
    return _open_run(path, device) if path.suffix == ".keras" else _open_bundle(path)


def _open_bundle(path: Path) -> Judged:
    """The bundle's first variant, on the CPU."""
    bundle = open_bundle(path)
    threads = os.cpu_count() or 1
    variant = bundle.manifest.variants[0]
    classifier = open_classifier(bundle, variant, on_processor(variant), threads)

    def classify(images: Image) -> NDArray[np.float32]:
        # One by one, as the daemon does: the models of a bundle have a batch of one.
        return np.concatenate([classifier(image[None]) for image in images])

    return Judged(bundle.manifest.labels, bundle.manifest.input.size, bundle.manifest.temperature, classify)


def _open_run(path: Path, device: Device) -> Judged:
    if not path.is_file():
        raise RunError(f"{path}: expected a trained model or a bundle, found no file")
    record = read_run(path.parent)
    require_backend(device)
    import keras

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # by damage: OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile
        raise RunError(f"{path}: expected a model of Keras, found {str(error).splitlines()[0]}") from error
    wanted = ((None, record.size, record.size, 3), (None, len(record.labels)))
    if (found := (model.input_shape, model.output_shape)) != wanted:
        raise RunError(
            f"{path}: expected shapes {wanted} by its run.json, found {found}; the files do not belong together"
        )
    return judged_model(model, record.labels, record.temperature, path.parent / METRICS_FILE)


def judged_model(model: Any, labels: tuple[str, ...], temperature: float, metrics: Path) -> Judged:
    """A keras.Model of `train.model.build` with `temperature` in its logits, and the metrics.csv of its training."""
    from train.anatomy import class_activation
    from train.batches import predict

    return Judged(
        labels,
        model.input_shape[1],
        temperature,
        lambda images: predict(model, images, BATCH),
        class_activation(model, BATCH),
        read_curves(metrics),
    )
