"""`python -m train DATASET --weights WEIGHTS --out RUN` and `python -m train eval MODEL-OR-BUNDLE DATASET`."""

import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from typer import Argument, Option

from edge.commands import Json, command_line, print_json, run
from train.device import require_backend
from train.report import Report
from train.settings import Settings

app = command_line("Fine-tune ResNet50 on labelled photos, and judge models and bundles on them.")

DEFAULT = Settings(weights="imagenet")


class MixedPrecision(StrEnum):
    """Choices of --mixed-precision."""

    AUTO, OFF, FLOAT16, BFLOAT16 = "auto", "off", "float16", "bfloat16"


class Split(StrEnum):
    """Choices of --split."""

    TEST, TRAIN, ALL = "test", "train", "all"


@app.command("fit")
def fit_command(
    dataset: Annotated[Path, Argument(help="Folder of photos: DATASET/<class>/<subclass>/<photo>.")],
    weights: Annotated[str, Option(help="Where the backbone starts: a .weights.h5 FILE, imagenet or none.")],
    out: Annotated[Path, Option(help="Folder to write: model.keras, report.json, run.json, metrics.csv.")],
    extra: Annotated[list[Path] | None, Option(help="Further dataset, for training only; repeatable.")] = None,
    epochs: Annotated[int, Option(help="Of the whole network; 0 trains the head only.")] = DEFAULT.epochs,
    head_epochs: Annotated[int, Option(help="Of the head, before.")] = DEFAULT.head_epochs,
    lr: Annotated[float, Option(help="Peak learning rate for the whole network.")] = DEFAULT.lr,
    batch: Annotated[int, Option(help="Photos a step.")] = DEFAULT.batch,
    size: Annotated[int, Option(help="Side of the input in pixels.")] = DEFAULT.size,
    seed: Annotated[int, Option(help="Of every random draw.")] = DEFAULT.seed,
    augment: Annotated[float, Option(help="Strength: 0 none, 1 usual.")] = DEFAULT.augment,
    backgrounds: Annotated[float, Option(help="Chance of a belt in place of white.")] = DEFAULT.backgrounds,
    extra_share: Annotated[float, Option(help="Share of an epoch from --extra.")] = DEFAULT.extra_share,
    label_smoothing: Annotated[float, Option(help="Of the targets.")] = DEFAULT.label_smoothing,
    mixed_precision: Annotated[MixedPrecision, Option(help="auto: bfloat16 on a GPU.")] = MixedPrecision.AUTO,
    average: Annotated[float, Option(help="Fine-tuned share of the weights; 1 is all.")] = DEFAULT.average,
    hold_out_source: Annotated[list[str] | None, Option(help="Manifest source to judge apart; repeatable.")] = None,
) -> None:
    """Train and write RUN."""
    settings = Settings(
        weights=weights,
        epochs=epochs,
        head_epochs=head_epochs,
        lr=lr,
        batch=batch,
        size=size,
        seed=seed,
        augment=augment,
        backgrounds=backgrounds,
        extra_share=extra_share,
        label_smoothing=label_smoothing,
        mixed_precision=mixed_precision.value,
        average=average,
        hold_out_sources=tuple(hold_out_source or ()),
    )
    require_backend()
    from train.fit import fit

    _print_table(fit(dataset, extra or [], out, settings))


@app.command("eval")
def eval_command(
    model: Annotated[Path, Argument(help="model.keras, its run folder, or a bundle.")],
    dataset: Annotated[Path, Argument(help="Folder of photos, with or without a manifest.")],
    split: Annotated[Split, Option(help="Which photos.")] = Split.TEST,
    as_json: Json = False,
) -> None:
    """Judge a model or bundle on a dataset."""
    from train.evaluate import evaluate, figures

    report = evaluate(model, dataset, split.value)
    _print_table(report)
    if as_json:
        print_json(figures(report))


def _print_table(report: Report) -> None:
    table = Table("class", "precision", "recall", "F1", "photos", title=f"accuracy {report.accuracy:.4f}")
    for name, row in {**report.per_class, "macro": report.macro, "weighted": report.weighted}.items():
        table.add_row(name, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", str(row.n))
    Console().print(table)


def main() -> None:
    """Entry point of `sortline-train`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that half a RUN is cleared away
    run(app, "python -m train", default="fit")


if __name__ == "__main__":
    main()
