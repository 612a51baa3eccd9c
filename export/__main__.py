"""`python -m export RUN/model.keras --quantize int8`: a trained run in, a proven bundle out, or a refusal."""

import signal
import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

from typer import Argument, Option

from edge.commands import Json, command_line, print_json, run
from edge.errors import Refused
from export.assemble import assemble
from export.bundle_commands import add_bundle_commands
from export.fallback import fall_back
from export.golden import golden_inputs
from export.html import write_report
from export.latency import Speed, figures_of, measure
from export.parity import Limits
from export.plan import HowToMake, Order, Plan, make_plan
from export.progress import say
from export.report import print_verdict
from export.steps import Making, make_models, making_report
from export.tools import ENDING
from export.variants import KINDS
from export.verdict import Verdict, judge, parity_report

app = command_line(
    "Turn a trained model into a quantized bundle that decides as it does, or refuse. "
    "`python -m export RUN` means `python -m export export RUN`; see `python -m export export --help`."
)


class Precision(StrEnum):
    """Choices of --quantize: the names of `export.variants.KINDS`."""

    INT8, FP32, FP16 = "int8", "fp32", "fp16"
    TFLITE_INT8, TFLITE_FP32 = "tflite-int8", "tflite-fp32"
    TFLITE_FP16, TFLITE_DYNAMIC = "tflite-fp16", "tflite-dynamic"


class Ranges(StrEnum):
    """Choices of --calibrate."""

    PERCENTILE, MINMAX, ENTROPY, NNCF, AUTO = "percentile", "minmax", "entropy", "nncf", "auto"


class Batch(StrEnum):
    """Choices of --batch: the daemon classifies one item at a time, so a model must take one."""

    ONE, DYNAMIC = "1", "dynamic"


@app.command("export")
def export_command(
    model: Annotated[Path, Argument(metavar="RUN", help="A training run, or its model.keras.")],
    *,
    quantize: Annotated[list[Precision] | None, Option(help="What to ship; repeatable. [default: int8]")] = None,
    dataset: Annotated[
        list[Path] | None,
        Option(help="Where the run's photos lie now; repeatable: the first is judged on, all are calibrated on."),
    ] = None,
    out: Annotated[Path | None, Option(help="Bundle to write. [default: RUN/NAME.bundle]")] = None,
    name: Annotated[str | None, Option(help="What the bundle is called. [default: the dataset's name]")] = None,
    version: Annotated[int, Option(min=1, help="Grows with every bundle of this name.")] = 1,
    calibration: Annotated[int, Option(min=2, help="Training photos that set the int8 ranges.")] = 256,
    calibrate: Annotated[
        Ranges, Option(help="What sets the int8 ranges; auto tries all on training photos and keeps the best.")
    ] = Ranges.PERCENTILE,
    reduce_range: Annotated[
        bool, Option("--reduce-range", help="7-bit weights, for runtimes that overflow on x86 without VNNI.")
    ] = False,
    max_float_layers: Annotated[
        int, Option(min=0, help="Most layers that may stay in float when int8 misses its gate.")
    ] = HowToMake.max_float_layers,
    batch: Annotated[Batch, Option(help="Pictures at a time that the ONNX models take.")] = Batch.ONE,
    seed: Annotated[int, Option(min=0, help="Of the calibration draw and of the golden inputs.")] = 0,
    max_drop: Annotated[float, Option(min=0, max=1, help="Accuracy that may be lost, as a share.")] = 0.005,
    max_recall_drop: Annotated[float, Option(min=0, max=1, help="Recall that any class may lose, as a share.")] = 0.01,
    min_agreement: Annotated[
        float, Option(min=0, max=1, help="Share of photos that a quantized model decides alike.")
    ] = 0.99,
    min_float_agreement: Annotated[
        float, Option(min=0, max=1, help="The same of a float32 one; ties may need less.")
    ] = 1.0,
    protect: Annotated[
        list[str] | None,
        Option(metavar="CLASS", help="No loss of recall may be shown, nor one above the limit possible; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a bundle whose models were held against the trained network on the test photos; a miss writes none."""
    order = Order(
        run=model,
        precisions=tuple(dict.fromkeys(precision.value for precision in quantize or [Precision.INT8])),
        datasets=tuple(dataset or ()),
        out=out,
        name=name,
        version=version,
        calibration=calibration,
        seed=seed,
        limits=Limits(
            max_drop=max_drop,
            max_recall_drop=max_recall_drop,
            min_agreement=min_agreement,
            min_float_agreement=min_float_agreement,
            protect=tuple(dict.fromkeys(protect or ())),
        ),
        making=HowToMake(
            method=calibrate.value,
            reduce_range=reduce_range,
            batch=1 if batch is Batch.ONE else None,
            max_float_layers=max_float_layers,
        ),
    )
    plan = make_plan(order)
    try:
        with tempfile.TemporaryDirectory(prefix="sortline-export-") as folder:
            _carry_out(plan, Path(folder), as_json)
    except SystemExit:
        say("export: told to end; nothing was left behind")
        raise


def main() -> None:
    """Run the command line; being told to end cleans up as an error does."""
    for number in ENDING:
        signal.signal(number, _leave)
    add_bundle_commands(app)
    run(app, "export", default="export")


def _carry_out(plan: Plan, folder: Path, as_json: bool) -> None:
    making = make_models(plan, folder)
    verdict, making = fall_back(plan, judge(plan, making.models, folder), making, folder)
    speeds = measure(making.models, golden_inputs(plan.run.record.size, plan.seed))
    print_verdict(verdict.reference, verdict.rows, speeds)
    if not verdict.failures:
        _write(plan, verdict, making, speeds)
    if as_json:
        print_json(_figures(plan, verdict, speeds))
    if verdict.failures:
        raise Refused(f"{'; '.join(verdict.failures)}: no bundle written")


def _write(plan: Plan, verdict: Verdict, making: Making, speeds: Sequence[Speed]) -> None:
    say(f"writing {plan.target}")
    shipped = {kind: path for kind, path in making.models.items() if kind.name in plan.precisions}
    report = parity_report(plan, verdict) | making_report(plan, making)
    assemble(plan.target, plan.identity, plan.run.record, shipped, verdict.rows, report, seed=plan.seed)
    page, _ = write_report(plan.target, verdict, speeds, plan.run.record.size)
    say(f"report: {page}")


def _figures(plan: Plan, verdict: Verdict, speeds: Sequence[Speed]) -> dict[str, Any]:
    """A model passes only when the float32 one that it comes from does."""
    base = next(row for row in verdict.rows if row.file == KINDS["fp32"].file)
    variants = [
        {"file": row.file, "n": row.n, **row.figures, "intervals": row.intervals, "mlperf": row.mlperf}
        | {"passed": not (row.failures or base.failures), **figures_of(row.file, speeds)}
        for kind, row in zip(verdict.answers, verdict.rows, strict=True)
        if kind.name in plan.precisions
    ]
    return {"variants": variants, "bundle": None if verdict.failures else str(plan.target)}


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
