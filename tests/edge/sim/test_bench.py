import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest

from edge.errors import UsageError
from edge.sim import bench
from edge.sim.bench import run_bench, run_benches
from edge.sim.bench_settings import BenchSettings, checked
from edge.sim.disturbances import Disturbances
from edge.sim.layout import Spacing
from edge.sim.motion import Ramp
from edge.sim.settings import SceneSettings

ASKED = {
    "items", "seen", "missed", "doubled", "split", "merged", "routing_accuracy", "per_bin", "timing_error_ms",
    "timing_error_mm", "reasons",
}  # fmt: skip
"""What the issue says that `--json` prints; more keys may follow."""
SMALL = ("--width-px", "240", "--height-px", "180", "--mm-per-px", "3")


def small(items: int, bundle: Path | None = None, **changes: Any) -> BenchSettings:
    """A run that takes a second."""
    view = {"width_px": 240, "height_px": 180, "mm_per_px": 3.0, "line_mm": 480.0, "speed_mm_s": 500.0}
    scene = {name: changes.pop(name) for name in list(changes) if name in SceneSettings.__struct_fields__}
    return BenchSettings(
        scene=SceneSettings(items=items, **view, **scene), bundle=str(bundle) if bundle else None, **changes
    )


def test_the_same_seed_prints_the_same_json_and_another_seed_another(tiny_bundle: Path) -> None:
    """Byte for byte, with a real model, through the command line; all asked keys are there."""
    command = ("--items", "6", "--speed", "500", "--bundle", str(tiny_bundle), *SMALL, "--json")

    first, second, other = (sim(*command, "--seed", seed).stdout for seed in ("3", "3", "4"))

    figures = msgspec.json.decode(first.splitlines()[-1])
    assert first == second != other
    assert set(figures) >= ASKED
    assert set(figures["per_bin"]) == {"kitchen", "recyclable", "other", "hazardous", "reject"}
    assert set(figures["timing_error_ms"]) >= {"p50", "p99", "max"}
    assert figures["items"] == figures["seen"] == 6
    assert sum(figures["reasons"].values()) == 6


def test_a_clean_belt_is_counted_right_and_its_gates_move_in_time() -> None:
    """Every item seen once, none twice, no ghosts; gates within 15 mm although a pixel here is 3."""
    figures = run_bench(small(8, seed=1)).figures

    assert (figures["seen"], figures["missed"], figures["doubled"], figures["split"]) == (8, 0, 0, 0)
    assert (figures["merged"], figures["ghosts"], figures["unfired"]) == (0, 0, 0)
    assert figures["timing_error_mm"]["max"] < 15
    assert figures["plan_error_ms"]["max"] < 10
    assert figures["routing_accuracy"] is None


def test_a_belt_that_stops_keeps_its_items_and_their_places() -> None:
    """An encoder tells of the stop: gates wait for the item, wherever it stood meanwhile."""
    stop = (Ramp(4.0, 0.0, 0.3), Ramp(7.0, 500.0, 0.3))

    figures = run_bench(small(6, seed=2, ramps=stop, speed_from="mqtt")).figures

    assert (figures["seen"], figures["missed"], figures["doubled"], figures["unfired"]) == (6, 0, 0, 0)
    assert figures["timing_error_mm"]["max"] < 20


def test_dropped_and_late_frames_are_frames_that_the_line_does_not_see() -> None:
    """A part never comes; of late ones that come together the newest is seen; the items are seen all the same."""
    calm = run_bench(small(4, seed=3)).figures
    rough = run_bench(small(4, seed=3, dropped=0.2, late=0.1, late_ms=100.0)).figures

    assert calm["frames_skipped"] == 0
    assert 0.15 < rough["frames_skipped"] / (rough["frames"] + rough["frames_skipped"]) < 0.6
    assert rough["seen"] == 4


def test_several_runs_give_what_each_gives_alone() -> None:
    """In their order, whichever ends first."""
    runs = [small(5, seed=6), small(2, seed=7)]

    together = [result.figures for result in run_benches(runs, jobs=2)]

    assert together == [run_bench(settings).figures for settings in runs]


def test_a_long_run_is_made_of_parts_and_does_not_depend_on_how_many_run_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parts have seeds of their own, and add up; a run that is no longer than a part has the seed that was asked."""
    one = run_bench(small(3, seed=5)).figures
    monkeypatch.setattr(bench, "PART_ITEMS", 3)
    parts = list(bench._parts(small(7, seed=5)))

    figures, at_once = (run_bench(small(7, seed=5), jobs).figures for jobs in (1, 2))

    assert [part.scene.items for part in parts] == [3, 3, 1]
    assert len({part.scene.seed for part in parts}) == 3
    assert parts[0].scene.seed == 5
    assert figures == at_once
    assert figures["items"] == figures["seen"] == 7
    assert figures["frames"] > one["frames"]


def test_an_empty_belt_is_played_for_as_long_as_asked() -> None:
    """Frames without items, and nothing decided."""
    figures = run_bench(small(0, empty_s=5.0, disturbances=Disturbances(vibration_px=1.0))).figures

    assert figures["frames"] == pytest.approx((5.0 + 2.0) * 30, abs=3)
    assert (figures["items"], figures["ghosts"], figures["reasons"]) == (0, 0, {})


def test_the_report_shows_figures_and_pictures_and_needs_nothing_else(tiny_bundle: Path, tmp_path: Path) -> None:
    """One file: counts, bins, errors, JPEGs of mistakes inside it, no link to anywhere."""
    page = tmp_path / "report.html"

    options = ("--touching-percent", "100", "--bundle", str(tiny_bundle), "--report", str(page))
    done = sim("--items", "8", *SMALL, *options)

    text = page.read_text()
    assert "8 items at 500 mm/s" in done.stdout
    assert "8 items at 500 mm/s" in text
    assert all(f"<h2>{heading}</h2>" in text for heading in ("Items", "Bins", "Reasons", "Made from"))
    assert "data:image/jpeg;base64,/9j/" in text
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_a_report_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """One line, status 2."""
    done = sim("--items", "1", "--no-model", *SMALL, "--report", str(tmp_path / "no" / "r.html"), status=2)

    assert "cannot write the report there" in done.stderr


def test_a_recorded_video_is_decided_without_truth(tiny_bundle: Path, tmp_path: Path) -> None:
    """Four rendered items in a video file: four decisions, in their order."""
    settings = small(4, seed=1).scene
    path = record(settings, tmp_path / "belt.avi")

    done = sim("--video", str(path), "--bundle", str(tiny_bundle), "--mm-per-px", "3", "--line-mm", "480")

    said = msgspec.json.decode(done.stdout.splitlines()[-1])
    assert said["decisions"] == 4
    assert [decision["x_mm"] for decision in said["decided"]] == pytest.approx(
        [item.y_mm for item in settings.scene().items], abs=15
    )
    assert sum(said["per_bin"].values()) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--speed", "0"), "--speed"),
        (("--speed", "fast"), "--speed"),
        (("--speed", "nan"), "--speed"),
        (("--items", "-1"), "--items"),
        (("--drift-percent", "140"), "--drift-percent"),
        (("--stop", "3"), "--stop: expected AT_S:FOR_S, found '3'"),
        (("--ramp", "3:x:1"), "--ramp: expected AT_S:TO_MM_S:OVER_S, found '3:x:1'"),
        (("--ramp", "2:0:1"), "expected a belt that brings all 2 items through the view"),
        (("--ramp", "5:100:3", "--ramp", "6:200:1"), "to begin after the one before it has ended"),
        (("--touching-percent", "70", "--beside-percent", "60"), "expected shares of 1 together at most"),
        (("--least-gap-mm", "300"), "gap: expected the least before the most"),
        (("--speed-from", "nowhere"), "speed_from: "),
        (("--photos", "nowhere"), "nowhere: expected a folder"),
        (("--video", "nowhere.avi"), "nowhere.avi: expected a video"),
    ],
)
def test_bad_options_are_usage_errors(options: tuple[str, ...], said: str) -> None:
    """Status 2 and one line that names the option or the value."""
    done = sim("--items", "2", "--no-model", *SMALL, *options, status=2)

    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_out_of_range_are_refused_by_name() -> None:
    """The same check for whoever calls it from Python."""
    with pytest.raises(UsageError, match=r"spacing\.touching: expected float <= 1"):
        checked(small(1, spacing=Spacing(touching=1.5)))


def sim(*options: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """What `python -m edge sim` does."""
    done = subprocess.run(
        [sys.executable, "-m", "edge", "sim", *options], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    return done


def record(settings: SceneSettings, path: Path) -> Path:
    """A scene as a video file, its empty belt first."""
    scene, fps = settings.scene(), 30
    file = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (settings.width_px, settings.height_px))
    for number in range(round((scene.duration_s + 0.5) * fps)):
        file.write(cv2.cvtColor(scene.frame(number / fps), cv2.COLOR_RGB2BGR))
    file.release()
    return path
