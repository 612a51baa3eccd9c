"""What each choice of the recipe brings: on the test split, and on photographers that training never saw.

    python benchmarks/leave_one_out.py DATASET --weights FILE --out results.jsonl \
        --variant base: --variant no-ema:ema=0 --variant staged:stages=conv5+all,epochs=18 --seeds 0 1 2

Trains every variant with every seed and every `source` of the manifest held out in turn ("-" holds none out), one run
after the other in one process, with the photos decoded once and JAX's compiled steps kept. Each run adds a line to
--out; those that are there already are not made again, and none is begun after --minutes, so that the same command
goes on where it stopped. A line has the figures for several averages of the weights: `average` needs no variant.
At the end a table: means over seeds, and over the sources weighted by their photos.
"""

import argparse
import gc
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from edge.errors import SortlineError
from edge.photos.cache_folder import cache_folder
from edge.photos.dataset import Dataset, Photo, open_dataset
from edge.preprocess import Image
from train.calibration import fit_temperature, logits, temper
from train.photos import load_photos
from train.report import judge
from train.settings import FORWARD_BATCH, Settings

if TYPE_CHECKING:
    from train.learning import Learned
    from train.material import Load, Material

NOBODY = "-"
Line = dict[str, Any]


class Case(NamedTuple):
    """One run."""

    variant: str
    seed: int
    held_out: str


def main() -> None:
    """Run what is missing, then print the table of all."""
    options = parsed()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str((options.cache or cache_folder()) / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "1")
    from train.device import require_backend

    require_backend(options.device)
    dataset = open_dataset(options.dataset, cache=options.cache)
    run_missing(options, dataset, in_memory(options, dataset))
    print_table(read(options.out))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variant", action="append", required=True, metavar="NAME:SETTING=VALUE,…")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sources", nargs="+", help='default: "-" and all sources')
    parser.add_argument("--extra", type=Path, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


def in_memory(options: argparse.Namespace, dataset: Dataset) -> "Load":
    """All photos of all runs, decoded once."""
    photos = list(dataset.photos)
    for folder in options.extra:
        photos += open_dataset(folder, dataset.labels, cache=options.cache).photos
    images = np.array(load_photos(photos, options.size, options.cache))
    row = {photo.path: number for number, photo in enumerate(photos)}

    def load(chosen: Sequence[Photo]) -> Image:
        return images[[row[photo.path] for photo in chosen]]

    return load


def run_missing(options: argparse.Namespace, dataset: Dataset, load: "Load") -> None:
    """Make the runs that --out lacks, until time is up."""
    started = time.monotonic()
    done = {Case(line["variant"], line["seed"], line["held_out"]) for line in read(options.out)}
    for case, settings in cases(options, dataset):
        if case in done:
            continue
        if time.monotonic() - started > 60 * options.minutes:
            print(f"time is up before {case}", flush=True)
            return
        try:
            line = run(case, settings, options, load)
        except SortlineError as error:
            print(f"{case}: {error}", flush=True)
            continue
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps({"run": case, **line["by_average"][str(settings.fine_tuned_share)]}), flush=True)
        gc.collect()  # the network of this run leaves the device before that of the next one comes


def cases(options: argparse.Namespace, dataset: Dataset) -> Iterator[tuple[Case, Settings]]:
    """All runs, sources innermost: a variant's compiled steps serve all of them."""
    sources = options.sources or [NOBODY, *sorted({photo.source for photo in dataset.photos} - {""})]
    for text in options.variant:
        name, _, changes = text.partition(":")
        changed = dict(change.split("=", 1) for change in changes.split(",") if change)
        for seed in options.seeds:
            for source in sources:
                held_out = [] if source == NOBODY else [source]
                yield Case(name, seed, source), resolved(options, {**changed, "seed": seed}, held_out)


def resolved(options: argparse.Namespace, changed: Mapping[str, Any], held_out: list[str]) -> Settings:
    """Settings from text; a list is joined by +."""
    lists = {"stages": changed["stages"].split("+")} if "stages" in changed else {}
    given = {"weights": options.weights, "size": options.size, **changed, **lists, "hold_out_sources": held_out}
    return msgspec.convert(given, Settings, strict=False)


def run(case: Case, settings: Settings, options: argparse.Namespace, load: "Load") -> Line:
    """Train and judge; nothing is kept of the network."""
    from train.keeping import Keeper
    from train.learning import initial_network, learn
    from train.material import gather_material
    from train.selection import select

    started = time.monotonic()
    chosen = select(options.dataset, options.extra, settings.hold_out_sources, cache=options.cache)
    material = gather_material(chosen, settings, options.cache, load)
    learned = learn(initial_network(len(chosen.dataset.labels), settings), material.training_set, settings, Keeper())
    return {
        **case._asdict(),
        "n_test": len(material.test),
        "n_held_out": len(material.held_out),
        "by_average": by_average(learned, material),
        "epochs": [row for row in learned.history if row["stage"] != "head"],
        "seconds": round(time.monotonic() - started, 1),
        "settings": settings.flat(),
    }


def by_average(learned: "Learned", material: "Material") -> dict[str, Line]:
    """Accuracy, macro F1, recalls and calibration error for several averages of the weights before and after."""
    from train.judging import AVERAGES
    from train.model import blend

    selection = material.selection
    parts = {"test": (selection.test, material.test), "held_out": (selection.held_out, material.held_out)}
    found = {}
    for share in AVERAGES:
        blend(learned.model, learned.head_only, learned.fine_tuned, share)
        temperature = temperature_of(learned, material)
        found[str(share)] = {
            part: figures(selection.dataset.labels, photos, temper(probabilities(learned, images), temperature))
            for part, (photos, images) in parts.items()
            if photos
        }
    return found


def temperature_of(learned: "Learned", material: "Material") -> float:
    """As `train.judging.calibrate` fits it; the network stays as it is."""
    training_set = material.training_set
    if not len(training_set.validation_labels):
        return 1.0
    return fit_temperature(
        logits(probabilities(learned, training_set.validation_images)), training_set.validation_labels
    )


def probabilities(learned: "Learned", images: Image) -> np.ndarray:
    """(N, classes)."""
    from train.batches import predict

    return predict(learned.model, images, FORWARD_BATCH)


def figures(labels: Sequence[str], photos: Sequence[Photo], answers: np.ndarray) -> Line:
    """Of one set of photos."""
    report = judge(labels, photos, answers)
    recall = {label: round(scores.recall, 4) for label, scores in report.per_class.items() if scores.n}
    return {
        "accuracy": round(report.accuracy, 4),
        "macro_f1": round(report.macro_f1, 4),
        "ece": round(report.ece, 4),
        "recall": recall,
    }


def read(path: Path) -> list[Line]:
    """The lines that are there."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def print_table(lines: Sequence[Line]) -> None:
    """A row a variant and average of weights."""
    print(f"{'variant':20} {'average':>7} {'test acc':>16} {'test F1':>16} {'ECE':>6} {'held-out acc':>16}  by source")
    by_variant: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_variant[line["variant"]].append(line)
    for variant, runs in by_variant.items():
        for share in runs[0]["by_average"]:
            print(row(variant, share, runs))


def row(variant: str, share: str, runs: Sequence[Line]) -> str:
    """The test split is judged by the runs that hold nobody out, the sources by the others."""
    whole = [line["by_average"][share]["test"] for line in runs if line["held_out"] == NOBODY]
    apart = [line for line in runs if line["held_out"] != NOBODY]
    by_seed: dict[int, list[Line]] = defaultdict(list)
    by_source: dict[str, list[float]] = defaultdict(list)
    for line in apart:
        by_seed[line["seed"]].append(line)
        by_source[line["held_out"]].append(line["by_average"][share]["held_out"]["accuracy"])
    overall = [weighted(group, share) for group in by_seed.values()]
    sources = "  ".join(f"{name} {np.mean(values):.3f}" for name, values in sorted(by_source.items()))
    columns = [spread([each[name] for each in whole]) for name in ("accuracy", "macro_f1")]
    ece = f"{np.mean([each['ece'] for each in whole]):6.3f}" if whole else f"{'':6}"
    return f"{variant:20} {share:>7} {columns[0]:>16} {columns[1]:>16} {ece} {spread(overall):>16}  {sources}"


def weighted(group: Sequence[Line], share: str) -> float:
    """Accuracy over the photos of all held-out sources of one seed."""
    right = sum(line["by_average"][share]["held_out"]["accuracy"] * line["n_held_out"] for line in group)
    return float(right / sum(line["n_held_out"] for line in group))


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    if not values:
        return ""
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else f"{values[0]:.4f}"


if __name__ == "__main__":
    main()
