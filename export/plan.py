"""Checks an order completely before anything slow begins: run, photos, calibration draw, target."""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import DatasetError, SortlineError, UsageError
from edge.photos.dataset import Dataset, Photo, content_sha256, fingerprint, open_dataset
from export.assemble import Identity
from export.calibration import draw_calibration, draw_held_out
from export.model import Run, open_run
from export.nncf_int8 import require_nncf
from export.parity import Limits, check_protected
from export.progress import say
from export.quantize import Method
from export.tools import require_tools
from export.variants import KINDS

HELD_OUT = 128
"""Training photos that calibration methods are compared on: mean |dp| settles within a tenth of itself."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class HowToMake:
    """Choices of the models' making."""

    method: Method | Literal["auto"] = "percentile"
    """Of calibration; auto tries all and keeps the best."""
    reduce_range: bool = False
    """7-bit weights, for runtimes that overflow on x86 without VNNI."""
    batch: int | None = 1
    """Pictures at a time of ONNX models; None: any number."""
    max_float_layers: int = 8
    """Most layers that may stay in float when int8 misses its gate."""


@dataclass(frozen=True)
class Order:
    """What the command line asked for."""

    run: Path
    precisions: tuple[str, ...]
    datasets: tuple[Path, ...]
    """Empty: those of the run. The first is the one to judge on; all are calibrated on."""
    out: Path | None
    name: str | None
    version: int
    calibration: int
    """Photos, all classes together."""
    seed: int
    limits: Limits
    making: HowToMake = HowToMake()


@dataclass(frozen=True)
class Plan:
    """An order that can be carried out."""

    run: Run
    precisions: tuple[str, ...]
    calibration: tuple[Photo, ...]
    test: tuple[Photo, ...]
    truth: tuple[int, ...]
    """Class index of each test photo."""
    identity: Identity
    target: Path
    seed: int
    limits: Limits
    making: HowToMake
    held_out: tuple[Photo, ...]
    """Training photos that are not calibrated on: what judges before the test photos do. Empty when nothing needs them.
    """


def make_plan(order: Order) -> Plan:
    """Open what the order names. Raises the SortlineError of whatever cannot be used as asked."""
    require_tools(tflite=any(KINDS[name].format == "tflite" for name in order.precisions))
    if order.making.method == "nncf":
        require_nncf()
    run = open_run(order.run)
    paths = _dataset_paths(order, run)
    # The run's map tells the folders of the dataset that it is judged on, not those of the extra ones.
    maps = [run.record.folder_map, *[None] * (len(paths) - 1)]
    datasets = [open_dataset(path, run.record.labels, own) for path, own in zip(paths, maps, strict=True)]
    judged = datasets[0]
    name = _checked_name(order.name or judged.root.resolve().name.lower())
    target = _checked_target(order.out or run.model.with_name(f"{name}.bundle"))
    test = _test_photos(judged)
    check_protected(order.limits, [photo.label for photo in test])
    drawn = draw_calibration(datasets, run.record.labels, order.calibration, order.seed)
    return Plan(
        run=run,
        precisions=order.precisions,
        calibration=drawn,
        held_out=_held_out(order, datasets, run, drawn),
        making=order.making,
        test=test,
        truth=tuple(judged.indices(test)),
        identity=Identity(
            name=name, version=order.version, dataset=judged.root.resolve().name, fingerprint=_known(judged, run)
        ),
        target=target,
        seed=order.seed,
        limits=order.limits,
    )


def _held_out(order: Order, datasets: Sequence[Dataset], run: Run, drawn: tuple[Photo, ...]) -> tuple[Photo, ...]:
    """Only int8 ONNX is tried out before it is judged."""
    if "int8" not in order.precisions or not (order.making.method == "auto" or order.making.max_float_layers):
        return ()
    return draw_held_out(datasets, run.record.labels, drawn, HELD_OUT, order.seed)


def _dataset_paths(order: Order, run: Run) -> tuple[Path, ...]:
    if order.datasets:
        return order.datasets
    paths = tuple(Path(path) for path in (run.record.dataset, *run.record.extra))
    for path in paths:
        if not path.is_dir():
            raise DatasetError(
                f"{path}: expected the photos of this run, found no folder; say with --dataset where they lie"
            )
    return paths


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"--name: expected lower-case letters, digits, '.', '_' and '-', found {name!r}")
    return name


def _checked_target(target: Path) -> Path:
    """Raises SortlineError when no file can be made there, by making one."""
    if target.is_dir():
        raise SortlineError(f"{target}: expected a file to write the bundle to, found a folder")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        raise SortlineError(f"{target}: expected a place to write the bundle to, found {error.strerror}") from error


def by_content(photos: Sequence[Photo]) -> tuple[tuple[Photo, ...], str]:
    """The photos ordered by sha256 and class, and a sha256 over both: wherever they lie, the same for the same photos.

    Resamples draw photos by their place: in the same order, a gate that is repeated gives the same intervals.
    """
    contents = content_sha256(photos)
    ordered = sorted((contents[photo.path], photo.label, photo.path) for photo in photos)
    by_path = {photo.path: photo for photo in photos}
    digest = hashlib.sha256("".join(f"{content} {label}\n" for content, label, _ in ordered).encode())
    return tuple(by_path[path] for _, _, path in ordered), digest.hexdigest()


def _test_photos(dataset: Dataset) -> tuple[Photo, ...]:
    if not (photos := dataset.split("test")):
        raise DatasetError(f"{dataset.root}: expected test photos to judge on, found a manifest without any")
    return by_content(photos)[0]


def _known(dataset: Dataset, run: Run) -> str:
    """The dataset's fingerprint; says so when it is not the one that was trained on."""
    found = fingerprint(dataset)
    if found != run.record.dataset_fingerprint:
        say(f"{dataset.root}: not the photos and split that this run was trained on; accuracy may flatter")
    return found
