"""The belt's figures on the virtual clock, seeds fixed: item counts, ghosts, placement, each beside its target.

    python benchmarks/belt.py [--quick] [--jobs 2] [--only WORD] [--seeds N] [--report FOLDER]

The line, its ledger and its gates are the real ones; the classifier always says the same, for these are figures of the
belt. Camera, computing and network take their modelled times: no figure depends on the machine. The whole table is some
million frames.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.sim.bench import PART_ITEMS, Result, run_benches
from edge.sim.bench_settings import BenchSettings
from edge.sim.disturbances import Disturbances
from edge.sim.layout import Spacing
from edge.sim.motion import Ramp
from edge.sim.report import write_report
from edge.sim.settings import SceneSettings

VIEW: dict[str, Any] = {"width_px": 480, "height_px": 360, "mm_per_px": 1.5, "line_mm": 480.0}
FINE: dict[str, Any] = {"width_px": 1280, "height_px": 720, "mm_per_px": 0.5, "line_mm": 426.0}
"""As in deploy/line.example.toml: 2 ms of a belt at 0.5 m/s are 1 mm, less than a pixel of VIEW."""
SLOW = {"speed_mm_s": 500.0, "fps": 30.0}
FAST = {"speed_mm_s": 2800.0, "fps": 100.0}
EMPTY_S = 600.0
PICTURES = 12
"""Of each kind of mistake, in a report."""
CHANGE = 0.2
"""Share of the speed by which it changes within a second, to and fro."""

Figures = dict[str, Any]
Judge = Callable[[Figures], tuple[str, bool]]
"""What was measured, in words, and whether it meets the target."""


@dataclass(frozen=True)
class Row:
    """One figure of the table."""

    name: str
    target: str
    settings: BenchSettings
    judge: Judge


def main() -> None:
    """Run every row, so many at a time, and print the table as it grows."""
    options = parsed()
    table = [row for row in rows(10 if options.quick else 1, options.seeds) if options.only in row.name]
    print(f"{'figure':50} {'target':34} measured", flush=True)
    settings = settings_of(table)
    results = run_benches(settings, options.jobs, PICTURES if options.report else 0)
    found: dict[BenchSettings, Result] = {}
    for row in table:
        while row.settings not in found:
            found[settings[len(found)]] = next(results)
        print_row(row, found[row.settings], options.report)


def settings_of(table: list[Row]) -> list[BenchSettings]:
    """Each run once: two rows may share one."""
    return list(dict.fromkeys(row.settings for row in table))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the items and of the time")
    parser.add_argument("--jobs", type=int, default=2, help="processes; the figures do not depend on it")
    parser.add_argument("--seeds", type=int, default=0, help="added to every seed: other belts, other items")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--report", type=Path, help="folder for a report of each row, with pictures of its mistakes")
    return parser.parse_args()


def rows(divisor: int, seeds: int) -> Iterator[Row]:
    """The figures; every one has its seed, `seeds` are added to it."""
    many, some, few = 10_000 // divisor, 2_000 // divisor, 1_000 // divisor
    for name, pace, seed in (("0.5 m/s, 30 fps", SLOW, 1), ("2.8 m/s, 100 fps", FAST, 2)):
        steady = bench(pace, many, seeds + seed, speed_from="config")
        yield Row(f"{many} apart, {name}", "0 missed, doubled, split, merged", steady, no_mistake)
        yield Row(f"gate timing, 1.5 mm a pixel, {name}", "p99 <= 2 ms", steady, on_time)
        fine = bench(pace, few, seeds + seed + 50, view=FINE, speed_from="config")
        yield Row(f"gate timing, 0.5 mm a pixel, {name}", "p99 <= 2 ms", fine, on_time)
    for name, spacing, seed in (
        ("side by side, 20 mm or more", Spacing(beside=1.0, gap_mm=(60, 200)), 3),
        ("20 mm gaps", Spacing(gap_mm=(20, 20)), 4),
    ):
        close = bench(SLOW, some, seeds + seed, spacing=spacing)
        yield Row(f"{some} {name}", "<= 0.5 % wrong counts", close, few_wrong)
    touching = bench(SLOW, some, seeds + 5, spacing=Spacing(touching=1.0))
    yield Row(f"{some} touching", "one decision, flagged: 0 silent", touching, none_silent)
    yield from disturbed_rows(divisor, seeds, some)
    for name, pace, seed in (("0.5 m/s", SLOW, 30), ("2.8 m/s", FAST, 31)):
        for items, view in ((few, FINE), (some, VIEW)):
            changing = bench(pace, items, seeds + seed, view=view, ramps=to_and_fro(pace["speed_mm_s"]))
            scale = f"{view['mm_per_px']:g} mm a pixel"
            yield Row(f"20 % faster or slower in 1 s, {scale}, {name}", "placement p99 <= 5 mm", changing, in_place)


def disturbed_rows(divisor: int, seeds: int, some: int) -> Iterator[Row]:
    """Each disturbance with items and without, then what is worse than the issue asks for."""
    for number, (name, disturbances) in enumerate(DISTURBED.items()):
        disturbed = bench(SLOW, some, seeds + 10 + number, disturbances=disturbances)
        yield Row(f"{some} under {name}", "<= 0.2 % missed", disturbed, few_missed)
        empty = bench(SLOW, 0, seeds + 20 + number, disturbances=disturbances, empty_s=EMPTY_S / divisor)
        yield Row(f"{EMPTY_S / divisor:.0f} s of empty belt, {name}", "0 ghosts", empty, no_ghosts)
    together = bench(FAST, some, seeds + 40, disturbances=TOGETHER)
    yield Row(f"{some} under all of it, 2.8 m/s", "<= 0.2 % missed", together, few_missed)
    halved = bench(SLOW, some, seeds + 41, dropped=0.5)
    yield Row(f"{some}, half of the frames dropped", "<= 0.2 % missed", halved, few_missed)
    stops = bench(SLOW, some, seeds + 42, ramps=stop_and_go(SLOW["speed_mm_s"]))
    yield Row(f"{some}, a stop every 10 s", "<= 0.2 % missed", stops, few_missed)


DISTURBED = {
    "no disturbance": Disturbances(),
    "drift +-40 %": Disturbances(drift=0.4),
    "flicker 100 Hz, 20 %": Disturbances(flicker=0.2),
    "vibration +-2 px": Disturbances(vibration_px=2.0),
    "dirt, spots on the lens": Disturbances(dirt_per_m=30, lens_spots=8),
    "a metal splice": Disturbances(splice=True),
}


TOGETHER = Disturbances(drift=0.4, flicker=0.2, vibration_px=2.0, splice=True)


def bench(
    pace: dict[str, float],
    items: int,
    seed: int,
    *,
    view: dict[str, Any] = VIEW,
    spacing: Spacing = Spacing(),  # noqa: B008 - it is frozen
    disturbances: Disturbances = Disturbances(),  # noqa: B008 - it is frozen
    ramps: tuple[Ramp, ...] = (),
    **settings: Any,
) -> BenchSettings:
    """One run's settings."""
    scene = SceneSettings(
        items=items, seed=seed, spacing=spacing, disturbances=disturbances, ramps=ramps, **view, **pace
    )
    return BenchSettings(scene=scene, **settings)


def to_and_fro(speed_mm_s: float) -> tuple[Ramp, ...]:
    """Changes of the speed, every four seconds, for as long as a part of the run lasts."""
    count = round(PART_ITEMS * 400 / speed_mm_s / 4)
    slower = speed_mm_s * (1 - CHANGE)
    return tuple(Ramp(4.0 * (n + 1), slower if n % 2 == 0 else speed_mm_s, 1.0) for n in range(count))


def stop_and_go(speed_mm_s: float) -> tuple[Ramp, ...]:
    """The belt stands for two seconds, every ten, for as long as a part of the run lasts."""
    count = round(PART_ITEMS * 400 / speed_mm_s / 8)
    halts = ((Ramp(10.0 * (n + 1), 0.0, 0.3), Ramp(10.0 * (n + 1) + 2, speed_mm_s, 0.3)) for n in range(count))
    return tuple(ramp for halt in halts for ramp in halt)


def print_row(row: Row, result: Result, reports: Path | None) -> None:
    """One line of the table, and the run's report."""
    if reports:
        reports.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in row.name)
        write_report(reports / f"{name}.html", row.settings, result.figures, result.cases)
    said, met = row.judge(result.figures)
    print(f"{row.name:50} {row.target:34} {said}{'' if met else '   MISSED'}", flush=True)


def counts(figures: Figures) -> str:
    """The mistakes in words."""
    kinds = ("missed", "doubled", "split", "merged", "ghosts")
    return f"of {figures['items']}: " + ", ".join(f"{figures[kind]} {kind}" for kind in kinds)


def wrong(figures: Figures) -> int:
    """Items that were counted wrongly."""
    return sum(figures[kind] for kind in ("missed", "doubled", "split", "merged"))


def no_mistake(figures: Figures) -> tuple[str, bool]:
    """Every item got exactly one decision."""
    return counts(figures), wrong(figures) == 0


def on_time(figures: Figures) -> tuple[str, bool]:
    """The gates moved when the items were there."""
    ms, mm = figures["timing_error_ms"], figures["timing_error_mm"]
    planned = figures["plan_error_ms"]["p99"]
    return f"p99 {ms['p99']} ms ({mm['p99']} mm); {planned} ms against the decision's place", ms["p99"] <= 2.0


def few_wrong(figures: Figures) -> tuple[str, bool]:
    """Nearly every item got exactly one decision."""
    share = wrong(figures) / figures["items"]
    return f"{share:.2%} ({counts(figures)})", share <= 0.005


def none_silent(figures: Figures) -> tuple[str, bool]:
    """No two items were decided as one without saying so."""
    silent = figures["merged_unflagged"] + figures["missed"]
    flagged = f"{figures['touching_flagged']} of {figures['touching']} flagged"
    return f"{silent} silent, {flagged} ({counts(figures)})", silent == 0


def few_missed(figures: Figures) -> tuple[str, bool]:
    """Nearly every item was seen."""
    share = figures["missed"] / figures["items"]
    return f"{share:.2%} ({counts(figures)})", share <= 0.002


def no_ghosts(figures: Figures) -> tuple[str, bool]:
    """Nothing was decided where nothing was."""
    return f"{figures['ghosts']} ghosts in {figures['frames']} frames", figures["ghosts"] == 0


def in_place(figures: Figures) -> tuple[str, bool]:
    """The gates met the items."""
    mm = figures["timing_error_mm"]
    return f"p99 {mm['p99']} mm, most {mm['max']} mm, {figures['unfired']} did not fire", mm["p99"] <= 5.0


if __name__ == "__main__":
    main()
