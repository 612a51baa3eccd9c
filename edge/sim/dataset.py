"""Writes a folder of rendered, labelled pictures with its manifest, complete or not at all."""

import csv
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from functools import partial
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from edge.errors import UsageError
from edge.sim.crop import crop
from edge.sim.items import CATALOGUE

SOURCE = "sortline-sim"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Plan:
    """One picture still to be drawn."""

    label: str
    subclass: str
    number: int
    """Counts within the subclass."""
    split: str
    seed: tuple[int, ...]

    @property
    def path(self) -> str:
        """Where it goes, relative to the dataset."""
        return f"{self.label}/{self.subclass}/sim{self.number:05d}.jpg"


@dataclass(frozen=True)
class Row:
    """A line of ``manifest.csv``; the field names are its columns, ``label`` is written ``class``."""

    path: str
    label: str
    subclass: str
    split: str
    group: str
    source: str
    licence: str
    sha256: str
    width: int
    height: int


def write_dataset(out: Path, *, per_class: int, seed: int, size: int, test_share: float, workers: int) -> int:
    """Fill ``out`` with ``per_class`` pictures of ``size`` x ``size`` of every class; returns how many were written.

    Raises UsageError when ``out`` holds something already. ``out`` appears at the end, in one step.
    """
    _must_be_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    plans = list(_plans(per_class, seed, test_share))
    partial_out = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        _make_folders(partial_out, plans)
        _write_manifest(partial_out / "manifest.csv", _rendered(partial_out, plans, size, workers))
        partial_out.chmod(0o755)
        partial_out.replace(out)
    except BaseException:
        shutil.rmtree(partial_out, ignore_errors=True)
        raise
    return len(plans)


def _must_be_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a folder with something in it" if out.is_dir() else "a file"
        message = (
            f"{out}: expected a new or empty folder to write the dataset to, found {found}; choose another or clear it"
        )
        raise UsageError(message)


def _plans(per_class: int, seed: int, test_share: float) -> Iterator[Plan]:
    """Every class equally often, its subclasses in turn, the test share spread evenly over each subclass."""
    for place, (label, drawings) in enumerate(CATALOGUE.items()):
        turns = ((number, turn, subclass) for number in count() for turn, subclass in enumerate(drawings))
        for index, (number, turn, subclass) in enumerate(islice(turns, per_class)):
            tested = number * test_share + turn / len(drawings)
            split = "test" if int(tested + test_share) > int(tested) else "train"
            yield Plan(label, subclass, number, split, (seed, place, index))


def _make_folders(out: Path, plans: Iterable[Plan]) -> None:
    for folder in {(out / plan.path).parent for plan in plans}:
        folder.mkdir(parents=True, exist_ok=True)


def _rendered(out: Path, plans: list[Plan], size: int, workers: int) -> Iterator[Row]:
    """The rows of all pictures in the order of ``plans``, drawn by ``workers`` processes."""
    render = partial(_render, out, size)
    if workers == 1:
        yield from map(render, plans)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(render, plans, chunksize=16)


def _render(out: Path, size: int, plan: Plan) -> Row:
    rng = np.random.default_rng(plan.seed)
    picture = crop(rng, CATALOGUE[plan.label][plan.subclass], size)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 97))]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    content = encoded.tobytes()
    (out / plan.path).write_bytes(content)
    group = f"sim-{'-'.join(map(str, plan.seed))}"
    return Row(
        plan.path,
        plan.label,
        plan.subclass,
        plan.split,
        group,
        SOURCE,
        LICENCE,
        hashlib.sha256(content).hexdigest(),
        size,
        size,
    )


def _write_manifest(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("class" if field.name == "label" else field.name for field in fields(Row))
        writer.writerows(astuple(row) for row in rows)
