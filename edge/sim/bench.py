"""The test bench: runs a scene in parts on a virtual clock, scores each, adds up."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain, islice
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from edge.bundle.bundle import open_bundle
from edge.config import bin_of
from edge.daemon import open_model
from edge.decision.voting import Model
from edge.sim.bench_settings import REJECT, BenchSettings, line_config
from edge.sim.cases import Case, cases_of
from edge.sim.items import CATALOGUE
from edge.sim.scoring import account
from edge.sim.tally import Ground, Tally, figures_of, tally
from edge.sim.video import Video, decided
from edge.sim.virtual import play

PART_ITEMS = 500
"""A long run is made of parts of so many items, each with a seed of its own: they can be played side by side, and the
figures do not depend on how many are."""
PART_SEED = 1_000_003
CONSTANT = 0.97
"""Probability that the constant classifier gives to the first class."""

Played = tuple[Tally, list[Case]]
"""What a part gave."""


@dataclass(frozen=True)
class Result:
    """What a whole run gave."""

    figures: dict[str, Any]
    cases: tuple[Case, ...]
    """Mistakes with their pictures."""


def run_bench(settings: BenchSettings, jobs: int = 1, pictures: int = 0) -> Result:
    """Play all parts, `jobs` of them at a time; keep so many `pictures` of each kind of mistake.

    Raises UsageError, DatasetError, BundleError.
    """
    (result,) = run_benches([settings], jobs, pictures)
    return result


def run_benches(runs: Sequence[BenchSettings], jobs: int = 1, pictures: int = 0) -> Iterator[Result]:
    """The result of each run, in their order, as `run_bench` gives it; parts of several are played at a time."""
    parts = [list(_parts(settings)) for settings in runs]
    played = _played(list(chain.from_iterable(parts)), jobs, pictures)
    for settings, own in zip(runs, parts, strict=True):
        yield _summed(settings, list(islice(played, len(own))), pictures)


def _played(parts: Sequence[BenchSettings], jobs: int, pictures: int) -> Iterator[Played]:
    play_part = partial(_play_part, pictures)
    if jobs == 1 or len(parts) == 1:
        yield from map(play_part, parts)
        return
    with ProcessPoolExecutor(
        min(jobs, len(parts)), mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(play_part, parts)


def _summed(settings: BenchSettings, played: Sequence[Played], pictures: int) -> Result:
    count = reduce(add, (each for each, _ in played))
    figures = figures_of(count, _ground(settings, _labels(settings)), routed=settings.bundle is not None)
    return Result(
        {"speed_mm_s": settings.scene.speed_mm_s, "fps": settings.scene.fps, "seed": settings.scene.seed} | figures,
        _first([case for _, cases in played for case in cases], pictures),
    )


def _first(cases: list[Case], pictures: int) -> tuple[Case, ...]:
    """The first so many of every kind."""
    kinds = dict.fromkeys(case.kind for case in cases)
    return tuple(case for kind in kinds for case in [each for each in cases if each.kind == kind][:pictures])


def run_video(settings: BenchSettings, path: Path) -> dict[str, Any]:
    """Play a recorded belt; returns what the line decided. Raises UsageError for what is no video."""
    video = Video(path, settings.scene.speed_mm_s)
    shown = msgspec.structs.replace(settings, scene=msgspec.structs.replace(settings.scene, fps=video.fps))
    played = play(shown, _opened_model(shown), video, teach_s=0.0)
    return decided(shown, played.verdicts, played.frames)


def _parts(settings: BenchSettings) -> Iterator[BenchSettings]:
    scene = settings.scene
    for first in range(0, max(1, scene.items), PART_ITEMS):
        seed = scene.seed + PART_SEED * (first // PART_ITEMS)
        part = msgspec.structs.replace(scene, items=min(PART_ITEMS, scene.items - first), seed=seed)
        yield msgspec.structs.replace(settings, scene=part)


def _play_part(pictures: int, settings: BenchSettings) -> Played:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    model, scene = _opened_model(settings), settings.scene.scene()
    ground = _ground(settings, model.labels)
    played = play(settings, model, scene)
    found = account(scene.items, settings.scene.line_mm, played.verdicts)
    count = tally(scene.items, found, played.verdicts, scene.motion, ground)
    count.frames, count.frames_skipped = played.frames, played.frames_skipped
    wrong = None if settings.bundle is None else ground.bins
    return count, cases_of(settings.scene.line_mm, scene, found, played.verdicts, wrong, pictures)


def _opened_model(settings: BenchSettings) -> Model:
    """The bundle's model, or one that always names the first class."""
    if settings.bundle is not None:
        bundle = open_bundle(Path(settings.bundle))
        return open_model(line_config(settings, bundle.manifest.labels, ""), bundle)
    labels = _labels(settings)
    row = np.full((1, len(labels)), (1 - CONSTANT) / max(1, len(labels) - 1), np.float32)
    row[0, 0] = CONSTANT
    return Model("constant", labels, 32, lambda inputs: np.repeat(row, len(inputs), axis=0))


def _labels(settings: BenchSettings) -> tuple[str, ...]:
    return tuple(CATALOGUE) if settings.bundle is None else open_bundle(Path(settings.bundle)).manifest.labels


def _ground(settings: BenchSettings, labels: tuple[str, ...]) -> Ground:
    config = line_config(settings, labels, "")
    gates_mm = {name: gate.distance_mm for name, gate in config.gates.items()}
    return Ground(settings.scene.line_mm, gates_mm, {label: bin_of(config, label) for label in labels}, REJECT)
