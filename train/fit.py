"""One training run from photos to RUN: select, load, learn, judge, write."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import msgspec

from edge.photos.dataset import fingerprint
from edge.runfile import MODEL_FILE, RunRecord
from train import device
from train.distribution import spread
from train.evaluate import gather, judged_model
from train.judging import calibrate, try_averages
from train.keeping import Keeper, Log
from train.learning import Learned, initial_network, learn
from train.material import Material, gather_material, photos_fingerprint
from train.progress import stage
from train.report import Report
from train.report_html import write_html
from train.run_folder import METRICS_FILE, PAGE_FILE, REPORT_FILE, Plan, finish, open_run
from train.selection import Selection
from train.settings import Settings


def fit(
    chosen: Selection,
    extra: Sequence[Path],
    out: Path,
    settings: Settings,
    *,
    cache: Path | None = None,
    resume: bool = False,
    checkpoint_minutes: float = 10.0,
    log: Log | None = None,
) -> Report:
    """Train on the photos of `chosen` and write `out`, or go on with it; the report is on the test split.

    `extra` are the folders that the selection's extra photos came from. Raises SortlineError.
    """
    with spread(settings):
        with stage("network"):
            model = initial_network(len(chosen.dataset.labels), settings)
        material = gather_material(chosen, settings, cache)
        with open_run(out, _plan(chosen, settings), resume=resume) as folder:
            learned = learn(model, material.training_set, settings, Keeper(folder, checkpoint_minutes, log))
            with stage("judging"):
                return _write(folder, learned, material, extra, settings)


def _plan(chosen: Selection, settings: Settings) -> Plan:
    return Plan(
        settings=settings.flat(),
        photos=photos_fingerprint(chosen),
        backend=keras.config.backend(),
        precision=device.policy(settings.mixed_precision),
        tools=device.tools(),
    )


def _write(folder: Path, learned: Learned, material: Material, extra: Sequence[Path], settings: Settings) -> Report:
    selection = material.selection
    by_average = try_averages(learned, material, settings)
    temperature = calibrate(learned.model, material)
    judged = judged_model(learned.model, selection.dataset.labels, temperature, folder / METRICS_FILE)
    evidence = gather(judged, selection.test, material.test)
    apart = {"held_out": gather(judged, selection.held_out, material.held_out).report} if selection.held_out else {}
    _write_report(folder, evidence.report, {**apart, **by_average})
    title = f"{folder.name}: test split of {selection.dataset.root.absolute().name}"
    write_html(folder / PAGE_FILE, evidence, title)
    learned.model.save(folder / MODEL_FILE)
    finish(folder, _record(folder, material, extra, temperature, settings))
    return evidence.report


def _write_report(folder: Path, report: Report, apart: Mapping[str, Any]) -> None:
    content = msgspec.json.encode({**msgspec.structs.asdict(report), **apart})
    (folder / REPORT_FILE).write_bytes(msgspec.json.format(content, indent=2) + b"\n")


def _record(
    folder: Path, material: Material, extra: Sequence[Path], temperature: float, settings: Settings
) -> RunRecord:
    dataset = material.selection.dataset
    return RunRecord(
        labels=dataset.labels,
        size=settings.size,
        dataset=str(dataset.root.absolute()),
        folder_map=dataset.folder_map,
        extra=tuple(str(place.absolute()) for place in extra),
        dataset_fingerprint=fingerprint(dataset),
        temperature=temperature,
        settings=settings.flat(),
        tools=device.tools(),
        model_sha256=hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
