"""`python -m train DATASET --weights WEIGHTS --out RUN`, and the commands check, eval, compare and doctor."""

import signal
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from msgspec import to_builtins
from typer import Argument, Exit, Option

from edge.commands import Json, command_line, print_json, run
from edge.errors import Unavailable, UsageError
from edge.photos.maps import open_map
from train.costs import open_costs
from train.device import import_backend, require_backend
from train.run_folder import check_free
from train.selection import select
from train.settings import Settings
from train.tensorboard import open_log

app = command_line("Fine-tune ResNet50 on labelled photos, and judge models and bundles on them.")

DEFAULT = Settings(weights="imagenet")


class MixedPrecision(StrEnum):
    """Choices of --mixed-precision."""

    AUTO, OFF, FLOAT16, BFLOAT16 = "auto", "off", "float16", "bfloat16"


class Freeze(StrEnum):
    """Choices of --freeze."""

    NONE, CONV1, CONV2, CONV3, CONV4, CONV5 = "none", "conv1", "conv2", "conv3", "conv4", "conv5"


class Split(StrEnum):
    """Choices of --split."""

    TEST, TRAIN, ALL = "test", "train", "all"


class DeviceChoice(StrEnum):
    """Choices of --device."""

    AUTO, GPU, CPU = "auto", "gpu", "cpu"


Device = Annotated[DeviceChoice, Option(help="auto: a GPU, or the CPU where there is none; gpu: stop without one.")]
Photos = Annotated[Path, Argument(help="Folder of photos, with or without a manifest.")]
Map = Annotated[str, Option("--map", help="Folders -> classes: a TOML file, or trashnet, kaggle12, paper4.")]
Cache = Annotated[Path | None, Option(help="Folder that keeps decoded photos. [default: ~/.cache/sortline]")]
SplitOption = Annotated[Split, Option(help="Which photos.")]


@app.command("fit")
def fit_command(
    dataset: Annotated[Path, Argument(help="Folder of photos: DATASET/<class>/<subclass>/<photo>.")],
    weights: Annotated[str, Option(help="Where the backbone starts: a .weights.h5 FILE, imagenet or none.")],
    out: Annotated[Path, Option(help="Folder to write: model.keras, report.html, report.json, run.json, metrics.csv.")],
    extra: Annotated[list[Path] | None, Option(help="Further dataset, for training only; repeatable.")] = None,
    epochs: Annotated[int, Option(help="Of the whole network; 0 trains the head only.")] = DEFAULT.epochs,
    head_epochs: Annotated[int, Option(help="Of the head, before.")] = DEFAULT.head_epochs,
    lr: Annotated[float, Option(help="Peak learning rate of the last stage.")] = DEFAULT.lr,
    stages: Annotated[str, Option(help="Where each stage begins to train, as conv5,conv4,all.")] = "all",
    freeze: Annotated[Freeze, Option(help="Last part that stays as it was; conv5: all but the head.")] = Freeze.NONE,
    batch: Annotated[str, Option(help="Photos a weight update; auto: 64, in parts that fit the device.")] = "auto",
    patience: Annotated[
        int, Option(help="Epochs without better macro F1 that end a stage, with its best weights; 0 none do.")
    ] = DEFAULT.patience,
    size: Annotated[int, Option(help="Side of the input in pixels.")] = DEFAULT.size,
    seed: Annotated[int, Option(help="Of every random draw.")] = DEFAULT.seed,
    augment: Annotated[float, Option(help="Strength: 0 none, 1 wide ranges.")] = DEFAULT.augment,
    turn: Annotated[float, Option(help="Degrees a photo is turned either way at --augment 1.")] = DEFAULT.turn,
    mixup: Annotated[float, Option(help="Alpha of blending photos in pairs; 0 none, 0.2 usual.")] = DEFAULT.mixup,
    cutmix: Annotated[float, Option(help="Alpha of pasting a piece of another; 0 none, 1 usual.")] = DEFAULT.cutmix,
    backgrounds: Annotated[float, Option(help="Chance of a belt in place of white.")] = DEFAULT.backgrounds,
    extra_share: Annotated[float, Option(help="Share of an epoch from --extra.")] = DEFAULT.extra_share,
    label_smoothing: Annotated[float, Option(help="Of the targets.")] = DEFAULT.label_smoothing,
    costs: Annotated[Path | None, Option(help="TOML file of what each mistake costs, to train for it.")] = None,
    ema: Annotated[float, Option(help="Share of a stage's steps to average weights over; 0 none.")] = DEFAULT.ema,
    mixed_precision: Annotated[
        MixedPrecision, Option(help="auto: on a GPU, bfloat16 where it has it, else float16.")
    ] = MixedPrecision.AUTO,
    deterministic: Annotated[bool, Option("--deterministic", help="Same bits each time, slower on a GPU.")] = False,
    average: Annotated[
        float | None, Option(help="Fine-tuned share of the weights, the rest as the head met them. [default: 0.75]")
    ] = None,
    hold_out_source: Annotated[list[str] | None, Option(help="Manifest source to judge apart; repeatable.")] = None,
    calibration: Annotated[
        float, Option(help="Training share kept to judge epochs and fit the temperature.")
    ] = DEFAULT.calibration,
    resume: Annotated[bool, Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    checkpoint_minutes: Annotated[float, Option(help="Between two checkpoints.")] = 10.0,
    tensorboard: Annotated[Path | None, Option(help="Folder to write logs for TensorBoard to.")] = None,
    preview: Annotated[Path | None, Option(help="PNG to write augmented photos to, and nothing else.")] = None,
    folder_map: Map = "",
    cache: Cache = None,
    device: Device = DeviceChoice.AUTO,
) -> None:
    """Train and write RUN."""
    settings = Settings(
        weights=weights,
        epochs=epochs,
        head_epochs=head_epochs,
        lr=lr,
        stages=tuple(stages.split(",")),
        freeze=freeze.value,
        batch=_batch(batch),
        patience=patience,
        size=size,
        seed=seed,
        augment=augment,
        turn=turn,
        mixup=mixup,
        cutmix=cutmix,
        backgrounds=backgrounds,
        extra_share=extra_share,
        label_smoothing=label_smoothing,
        ema=ema,
        mixed_precision=mixed_precision.value,
        deterministic=deterministic,
        average=average,
        hold_out_sources=tuple(hold_out_source or ()),
        calibration=calibration,
    )
    if not preview:
        check_free(out, resume=resume)
    log = open_log(tensorboard) if tensorboard else None
    chosen = select(dataset, extra or [], settings.hold_out_sources, open_map(folder_map), cache)
    settings = replace(settings, costs=open_costs(costs, chosen.dataset.labels) if costs else ())
    require_backend(device.value, deterministic=deterministic)
    from train.fit import fit
    from train.preview import write_preview
    from train.tables import print_report

    if preview:
        write_preview(chosen.train + chosen.extra, settings, cache, preview)
        return
    report = fit(
        chosen,
        extra or [],
        out,
        settings,
        cache=cache,
        resume=resume,
        checkpoint_minutes=checkpoint_minutes,
        log=log,
    )
    print_report(report)


def _batch(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"--batch: expected auto or a number, found {text!r}") from error


@app.command("check")
def check_command(
    dataset: Photos,
    folder_map: Map = "",
    sheets: Annotated[Path | None, Option(help="Folder to write a contact sheet per class to.")] = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Find broken, odd, double and leaked photos; exit status 1 for what would stop a training or flatter it."""
    from train.check import check, open_for_check
    from train.check_table import print_findings, require_usable
    from train.contact_sheet import write_sheets

    opened = open_for_check(dataset, open_map(folder_map), cache)
    findings = check(opened, cache)
    print_findings(findings)
    if sheets:
        write_sheets(opened, sheets)
    if as_json:
        print_json(to_builtins(findings))
    require_usable(findings, str(dataset))


@app.command("eval")
def eval_command(
    model: Annotated[Path, Argument(help="model.keras, its run folder, or a bundle.")],
    dataset: Photos,
    split: SplitOption = Split.TEST,
    html: Annotated[Path | None, Option(help="File to write the report with its pictures to.")] = None,
    folder_map: Map = "",
    cache: Cache = None,
    device: Device = DeviceChoice.AUTO,
    as_json: Json = False,
) -> None:
    """Judge a model or bundle on a dataset."""
    from train.evaluate import evaluate, figures
    from train.report_html import check_place, write_html
    from train.tables import print_report

    if html:
        check_place(html)
    evidence = evaluate(model, dataset, split.value, device.value, open_map(folder_map), cache)
    print_report(evidence.report)
    if html:
        write_html(html, evidence, f"{model} on {dataset}, split {split.value}")
    if as_json:
        print_json(figures(evidence.report))


@app.command("compare")
def compare_command(
    a: Annotated[Path, Argument(help="model.keras, its run folder, or a bundle.")],
    b: Annotated[Path, Argument(help="Another one.")],
    dataset: Annotated[Path | None, Argument(help="Folder of photos. [default: what A was trained on]")] = None,
    split: SplitOption = Split.TEST,
    folder_map: Map = "",
    cache: Cache = None,
    device: Device = DeviceChoice.AUTO,
    as_json: Json = False,
) -> None:
    """Say whether B is better than A, by the photos that only one of them gets right (McNemar's exact test)."""
    from train.compare import compare, trained_on
    from train.tables import print_comparison

    photos, places = (dataset, open_map(folder_map)) if dataset else trained_on(a)
    comparison = compare(a, b, photos, split.value, device.value, places, cache)
    print_comparison(comparison)
    if as_json:
        print_json(to_builtins(comparison))


@app.command("doctor")
def doctor_command(as_json: Json = False) -> None:
    """Say what computes here, and how to mend it; exit status 69 when the backend can use no GPU."""
    from train.device import gpus
    from train.doctor import advice
    from train.machine import examine
    from train.tables import print_examination

    import_backend()
    found = examine(gpus)
    print_examination(found, advice(found))
    if as_json:
        print_json({**to_builtins(found), "advice": advice(found)})
    if not found.backend_gpus:
        raise Exit(Unavailable.exit_status)


def main() -> None:
    """Entry point of `sortline-train`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that half a RUN is cleared away
    run(app, "python -m train", default="fit")


if __name__ == "__main__":
    main()
