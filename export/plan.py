"""Checks an order completely before anything slow begins: run, photos, calibration draw, target."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge.dataset import Dataset, Photo, fingerprint, open_dataset
from edge.errors import DatasetError, SortlineError, UsageError
from export.assemble import Identity
from export.calibration import draw_calibration
from export.model import Run, open_run
from export.parity import Limits
from export.progress import say
from export.tools import require_tools

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


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


def make_plan(order: Order) -> Plan:
    """Open what the order names. Raises the SortlineError of whatever cannot be used as asked."""
    require_tools()
    run = open_run(order.run)
    datasets = [open_dataset(path, run.record.labels) for path in _dataset_paths(order, run)]
    judged = datasets[0]
    name = _checked_name(order.name or judged.root.resolve().name.lower())
    target = _checked_target(order.out or run.model.with_name(f"{name}.bundle"))
    test = _test_photos(judged)
    return Plan(
        run=run,
        precisions=order.precisions,
        calibration=draw_calibration(datasets, run.record.labels, order.calibration, order.seed),
        test=test,
        truth=tuple(judged.indices(test)),
        identity=Identity(
            name=name, version=order.version, dataset=judged.root.resolve().name, fingerprint=_known(judged, run)
        ),
        target=target,
        seed=order.seed,
        limits=order.limits,
    )


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


def _test_photos(dataset: Dataset) -> tuple[Photo, ...]:
    if not (photos := dataset.split("test")):
        raise DatasetError(f"{dataset.root}: expected test photos to judge on, found a manifest without any")
    return photos


def _known(dataset: Dataset, run: Run) -> str:
    """The dataset's fingerprint; says so when it is not the one that was trained on."""
    found = fingerprint(dataset)
    if found != run.record.dataset_fingerprint:
        say(f"{dataset.root}: not the photos and split that this run was trained on; accuracy may flatter")
    return found
