"""`python -m export RUN/model.keras --quantize int8`: a trained run in, a proven bundle out, or a refusal."""

import signal
import sys
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

from typer import Argument, Option

from edge.commands import Json, command_line, print_json, run
from edge.errors import Refused
from export.assemble import assemble
from export.parity import Limits
from export.plan import Order, Plan, make_plan
from export.progress import say
from export.report import print_parity
from export.steps import Verdict, judge, make_models, parity_report
from export.tools import ENDING

app = command_line("Turn a trained model into a quantized bundle that decides as it does, or refuse.")


class Precision(StrEnum):
    """Choices of --quantize."""

    INT8, FP32 = "int8", "fp32"


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
    seed: Annotated[int, Option(min=0, help="Of the calibration draw and of the golden inputs.")] = 0,
    max_drop: Annotated[float, Option(min=0, max=1, help="Accuracy that may be lost, as a share.")] = 0.005,
    min_agreement: Annotated[float, Option(min=0, max=1, help="Share of photos decided as the network does.")] = 0.98,
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
        limits=Limits(max_drop=max_drop, min_agreement=min_agreement),
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
    run(app, "export")


def _carry_out(plan: Plan, folder: Path, as_json: bool) -> None:
    network, models = make_models(plan, folder)
    verdict = judge(plan, network, models)
    print_parity(verdict.accuracy, verdict.recall, verdict.rows)
    if not verdict.failures:
        say(f"writing {plan.target}")
        shipped = {models[row.precision]: row for row in verdict.rows if row.precision in plan.precisions}
        assemble(plan.target, plan.identity, plan.run.record, shipped, parity_report(plan, verdict), seed=plan.seed)
    if as_json:
        print_json(_figures(plan, models, verdict))
    if verdict.failures:
        raise Refused(f"{'; '.join(verdict.failures)}: no bundle written")


def _figures(plan: Plan, models: Mapping[str, Path], verdict: Verdict) -> dict[str, Any]:
    """A model passes only when the float32 one that it comes from does."""
    base = {row.precision: row for row in verdict.rows}["fp32"]
    names = ("file", "agreement", "accuracy", "accuracy_drop", "max_abs_dp")
    variants = [
        {name: getattr(row, name) for name in names}
        | {"bytes": models[row.precision].stat().st_size, "passed": not (row.failures or base.failures)}
        for row in verdict.rows
        if row.precision in plan.precisions
    ]
    return {"variants": variants, "bundle": None if verdict.failures else str(plan.target)}


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
