"""``python -m edge sim``: the test bench; below it ``dataset`` and ``sheet``, which write rendered pictures."""

import math
import os
from pathlib import Path
from typing import Annotated

import typer

from edge.commands import Json, print_json
from edge.errors import UsageError
from edge.sim.motion import Ramp

app = typer.Typer(rich_markup_mode=None)

STOP_S = 0.3
"""A belt with a brake stops, and starts, within so long."""


@app.callback(invoke_without_command=True)
def sim(
    context: typer.Context,
    items: Annotated[int, typer.Option(min=0, help="How many items ride the belt.")] = 200,
    speed: Annotated[float, typer.Option(min=1, max=20000, help="Of the belt, in mm/s.")] = 500.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and options give the same figures.")] = 0,
    fps: Annotated[float, typer.Option(min=1, max=1000, help="Frames a second.")] = 30.0,
    shutter_ms: Annotated[
        float | None, typer.Option(min=0.01, max=1000, help="Exposure.  [default: 0.15 of a frame's time]")
    ] = None,
    width_px: Annotated[int, typer.Option(min=64, max=4096, help="The picture's width.")] = 480,
    height_px: Annotated[int, typer.Option(min=64, max=4096, help="The picture's height.")] = 360,
    mm_per_px: Annotated[float, typer.Option(min=0.05, max=20, help="Belt that a pixel shows.")] = 1.5,
    line_mm: Annotated[
        float | None, typer.Option(min=1, help="Upstream edge to classification line.  [default: 2/3 of the view]")
    ] = None,
    least_gap_mm: Annotated[float, typer.Option(min=0, help="Least free belt before the next item.")] = 120.0,
    most_gap_mm: Annotated[float, typer.Option(min=0, help="Most free belt before the next item.")] = 260.0,
    touching_percent: Annotated[float, typer.Option(min=0, max=100, help="Items that lie in touching pairs.")] = 0.0,
    beside_percent: Annotated[float, typer.Option(min=0, max=100, help="Items in pairs side by side.")] = 0.0,
    drift_percent: Annotated[float, typer.Option(min=0, max=99, help="The light rises and falls by so much.")] = 0.0,
    drift_period_s: Annotated[float, typer.Option(min=0.1, help="Once up and down takes so long.")] = 60.0,
    flicker_percent: Annotated[float, typer.Option(min=0, max=100, help="100 Hz swing of the lamp.")] = 0.0,
    vibration_px: Annotated[float, typer.Option(min=0, max=50, help="The camera shakes so far to each side.")] = 0.0,
    dirt_per_m: Annotated[float, typer.Option(min=0, max=500, help="Crumbs on each metre of belt.")] = 0.0,
    lens_spots: Annotated[int, typer.Option(min=0, max=100, help="Drops on the lens from 8 s on.")] = 0,
    splice: Annotated[bool, typer.Option("--splice", help="A dark metal band across the belt at every turn.")] = False,
    dropped_percent: Annotated[float, typer.Option(min=0, max=100, help="Frames that never come.")] = 0.0,
    late_percent: Annotated[float, typer.Option(min=0, max=100, help="Frames that come late.")] = 0.0,
    late_ms: Annotated[float, typer.Option(min=0, help="How late these come.")] = 60.0,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="AT_S:FOR_S", help="The belt stands for a while. Repeatable.")
    ] = None,
    ramp: Annotated[
        list[str] | None, typer.Option(metavar="AT_S:TO_MM_S:OVER_S", help="The speed changes. Repeatable.")
    ] = None,
    speed_from: Annotated[
        str, typer.Option(metavar="config|mqtt|picture", help="How the line knows the speed; mqtt: an encoder.")
    ] = "mqtt",
    network_ms: Annotated[float, typer.Option(min=0, max=10000, help="Mean time of a message to a gate.")] = 2.0,
    inference_ms: Annotated[float, typer.Option(min=0, max=10000, help="What a classification costs.")] = 25.0,
    photos: Annotated[Path | None, typer.Option(help="Your own pictures DIR/<class>/… as the items.")] = None,
    video: Annotated[Path | None, typer.Option(help="A recorded belt instead: no truth, only decisions.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Another bundle than the shipped one.")] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="One answer for every item: tracking alone.")] = False,
    report: Annotated[Path | None, typer.Option(help="HTML file to write, with pictures of the mistakes.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, for 500 items each.")] = 1,
    json: Json = False,
) -> None:
    """Hold the line against a rendered belt whose truth is known, on a virtual clock: as fast as it computes.

    A run of more than 500 items is made of parts; times of --stop and --ramp count from the beginning of each part.
    """
    if context.invoked_subcommand:
        return
    from edge.sim.bench import run_bench, run_video
    from edge.sim.bench_settings import BenchSettings, checked
    from edge.sim.disturbances import Disturbances
    from edge.sim.layout import Spacing
    from edge.sim.report import write_report
    from edge.sim.settings import SceneSettings
    from edge.sim.summary import summary

    settings = checked(
        BenchSettings(
            scene=SceneSettings(
                items=items,
                seed=seed,
                width_px=width_px,
                height_px=height_px,
                mm_per_px=mm_per_px,
                speed_mm_s=speed,
                ramps=_ramps(speed, stop or [], ramp or []),
                line_mm=width_px * mm_per_px * 2 / 3 if line_mm is None else line_mm,
                fps=fps,
                shutter_ms=shutter_ms,
                spacing=Spacing(
                    gap_mm=(least_gap_mm, most_gap_mm), touching=touching_percent / 100, beside=beside_percent / 100
                ),
                disturbances=Disturbances(
                    drift=drift_percent / 100,
                    drift_period_s=drift_period_s,
                    flicker=flicker_percent / 100,
                    vibration_px=vibration_px,
                    dirt_per_m=dirt_per_m,
                    lens_spots=lens_spots,
                    splice=splice,
                ),
                photos=str(photos) if photos else None,
            ),
            bundle=None if no_model else str(bundle or _shipped()),
            speed_from=speed_from,  # type: ignore[arg-type]  # `checked` says which there are
            inference_ms=inference_ms,
            network_ms=network_ms,
            dropped=dropped_percent / 100,
            late=late_percent / 100,
            late_ms=late_ms,
        )
    )
    if video:
        print_json(run_video(settings, video))
        return
    result = run_bench(settings, jobs, pictures=24 if report else 0)
    if report:
        write_report(report, settings, result.figures, result.cases)
    typer.echo(summary(result.figures), err=json)
    if json:
        print_json(result.figures)


def _shipped() -> Path:
    from edge.demo import SHIPPED_BUNDLE

    return SHIPPED_BUNDLE


def _ramps(speed_mm_s: float, stops: list[str], ramps: list[str]) -> tuple[Ramp, ...]:
    """Stops and other changes of the speed, in the order of their times."""
    changes = [Ramp(*_numbers("--ramp", "AT_S:TO_MM_S:OVER_S", given)) for given in ramps]
    for given in stops:
        at_s, for_s = _numbers("--stop", "AT_S:FOR_S", given)
        changes += [Ramp(at_s, 0.0, STOP_S), Ramp(at_s + max(for_s, STOP_S), speed_mm_s, STOP_S)]
    return tuple(sorted(changes, key=lambda change: change.at_s))


def _numbers(option: str, form: str, given: str) -> list[float]:
    parts = given.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(":")) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"{option}: expected {form}, found {given!r}")
    return numbers


@app.command()
def dataset(
    out: Annotated[Path, typer.Argument(help="Folder to write: new or empty.")],
    per_class: Annotated[int, typer.Option(min=1, help="Pictures of every class.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same pictures.")] = 0,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Width and height of a picture in pixels.")] = 256,
    test_share: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share marked as test in manifest.csv.")] = 0.3,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as there are cores by default.")
    ] = None,
) -> None:
    """Write OUT/<class>/<subclass>/<name>.jpg and OUT/manifest.csv."""
    from edge.sim.dataset import write_dataset

    processes = workers or len(os.sched_getaffinity(0))
    written = write_dataset(out, per_class=per_class, seed=seed, size=size, test_share=test_share, workers=processes)
    typer.echo(f"{out}: {written} pictures")


@app.command()
def sheet(
    out: Annotated[Path, typer.Argument(help="Picture file to write, such as items.png.")],
    columns: Annotated[int, typer.Option(min=1, max=40, help="Pictures of every subclass.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write one picture that shows every subclass: a row each, as `dataset` draws them."""
    from edge.sim.sheet import contact_sheet

    contact_sheet(out, columns=columns, seed=seed, size=160)
    typer.echo(str(out))
