"""One training run from photos to RUN: select, load, learn, judge, write."""

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np

from edge.cache_folder import cache_folder
from edge.dataset import Photo, content_sha256, fingerprint
from edge.errors import UsageError
from edge.near_duplicates import same_pictures
from edge.preprocess import Image
from edge.runfile import MODEL_FILE, RunRecord, write_run
from train import device
from train.anatomy import fold_temperature, logit_model
from train.batches import predict
from train.calibration import fit_temperature, set_apart
from train.evaluate import gather, judged_model
from train.learning import Learned, Pupils, beginner, learn
from train.model import blend
from train.photos import load_photos
from train.progress import stage
from train.report import Report, judge
from train.report_html import write_html
from train.run_folder import METRICS_FILE, PAGE_FILE, REPORT_FILE, new_folder
from train.selection import Selection
from train.settings import Settings

AVERAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the fine-tuned weights that are tried on held-out sources, to choose --average by."""


def fit(chosen: Selection, extra: Sequence[Path], out: Path, settings: Settings, cache: Path | None = None) -> Report:
    """Train on the photos of `chosen` and write `out`; the report is on the test split. Raises SortlineError.

    `extra` are the folders that the selection's extra photos came from.
    """
    selection, calibrating = _set_apart(chosen, settings, cache)
    load = partial(load_photos, size=settings.size, cache=cache)
    _check_batch(selection, settings)
    with stage("network"):
        model = beginner(len(selection.dataset.labels), settings)
    with stage(f"decoding {len(selection.dataset.photos) + len(selection.extra)} photos"):
        pupils = _load_pupils(selection, load)
        calibration = load(calibrating)
        test = load(selection.test)
        held_out = load(selection.held_out)
    with new_folder(out) as folder:
        learned = learn(model, pupils, settings)
        _write_metrics(folder, learned.history)
        with stage("judging"):
            by_average = _try_averages(learned, selection, held_out, settings)
            temperature = _calibrate(learned.model, selection.dataset.indices(calibrating), calibration, settings)
            judged = judged_model(learned.model, selection.dataset.labels, temperature, folder / METRICS_FILE)
            evidence = gather(judged, selection.test, test)
            apart = {"held_out": gather(judged, selection.held_out, held_out).report} if selection.held_out else {}
        _write_report(folder, evidence.report, {**apart, **by_average})
        write_html(folder / PAGE_FILE, evidence, f"{out.name}: test split of {selection.dataset.root.absolute().name}")
        _write_model(folder, learned.model, selection, extra, temperature, settings)
    return evidence.report


def _set_apart(selection: Selection, settings: Settings, cache: Path | None) -> tuple[Selection, tuple[Photo, ...]]:
    """The selection without the training photos that fit the temperature, and those photos.

    No near-duplicate of these teaches: it would make the network look surer of new photos than it is.
    """
    photos = selection.train
    contents = content_sha256(photos)
    picture = same_pictures({content: path for path, content in contents.items()}, cache or cache_folder())
    pictures = [picture[contents[photo.path]] for photo in photos]
    sides = set_apart([photo.label for photo in photos], pictures, settings.calibration, settings.seed)
    teach, apart = (tuple(photos[place] for place in places) for places in sides)
    return replace(selection, train=teach), apart


def _check_batch(selection: Selection, settings: Settings) -> None:
    if settings.batch > (most := len(selection.train)):
        raise UsageError(f"--batch: expected at most the {most} training photos, found {settings.batch}")


def _load_pupils(selection: Selection, load: Callable[[Sequence[Photo]], Image]) -> Pupils:
    photos = selection.train + selection.extra
    labels = np.array(selection.dataset.indices(photos), np.int64)
    return Pupils(load(photos), labels, len(selection.train), len(selection.dataset.labels))


def _try_averages(learned: Learned, selection: Selection, images: Image, settings: Settings) -> dict[str, Any]:
    """What other averages of the weights would have reached on held-out sources."""
    if not selection.held_out:
        return {}
    by_average = {}
    for share in AVERAGES:
        blend(learned.model, learned.head_only, learned.fine_tuned, share)
        tried = judge(selection.dataset.labels, selection.held_out, predict(learned.model, images, settings.batch))
        by_average[str(share)] = {"accuracy": tried.accuracy, "macro_f1": tried.macro_f1}
    blend(learned.model, learned.head_only, learned.fine_tuned, settings.average)
    return {"held_out_by_average": by_average}


def _calibrate(model: keras.Model, labels: Sequence[int], images: Image, settings: Settings) -> float:
    """Fit the temperature to photos that taught nothing, and fold it into the logits of `model`."""
    if not len(images):
        return 1.0
    logits = predict(logit_model(model), images, settings.batch)
    temperature = fit_temperature(logits, np.array(labels, np.int64))
    fold_temperature(model, temperature)
    return temperature


def _write_report(folder: Path, report: Report, apart: Mapping[str, Any]) -> None:
    content = msgspec.json.encode({**msgspec.structs.asdict(report), **apart})
    (folder / REPORT_FILE).write_bytes(msgspec.json.format(content, indent=2) + b"\n")


def _write_metrics(folder: Path, history: list[dict[str, Any]]) -> None:
    with (folder / METRICS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["stage", "epoch", "loss", "accuracy"])
        rows.writeheader()
        rows.writerows(history)


def _write_model(
    folder: Path,
    model: keras.Model,
    selection: Selection,
    extra: Sequence[Path],
    temperature: float,
    settings: Settings,
) -> None:
    model.save(folder / MODEL_FILE)
    record = RunRecord(
        labels=selection.dataset.labels,
        size=settings.size,
        dataset=str(selection.dataset.root.absolute()),
        folder_map=selection.dataset.folder_map,
        extra=tuple(str(folder.absolute()) for folder in extra),
        dataset_fingerprint=fingerprint(selection.dataset),
        temperature=temperature,
        settings=settings.flat(),
        tools=device.tools(),
        model_sha256=hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_run(folder, record)
