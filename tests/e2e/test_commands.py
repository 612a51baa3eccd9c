import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.camera.frames import shared_memory_folder
from edge.sim.plant import CONFIGURATION, GATE

LIMIT_S = 120.0
MARK = "SORTLINE_TEST_MARK"
PROCESSES_OF_A_DEMO = 9
"""Itself, broker, belt, daemon, and a gate for each of four bins and the rejects."""
PARTS = ("configuration", "bundle", "provider", "camera", "broker")

Done = subprocess.CompletedProcess[str]


def test_the_demo_ends_by_itself_with_its_figures(tmp_path: Path) -> None:
    """From any folder: exit status 0, the figures as the last line, no process and no file left behind."""
    done = edge("demo", "--items", "6", "--json", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["items"], figures["decisions"]) == (6, 6)
    assert (figures["duplicates"], figures["missed"]) == (0, 0)
    assert (figures["fired"], figures["expired"]) == (6, 0)
    assert 0 <= figures["right"] <= 6
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert list(tmp_path.iterdir()) == []
    assert marked_processes(tmp_path) == []


def test_a_demo_that_is_killed_takes_its_plant_along(tmp_path: Path, eventually: Any) -> None:
    """SIGKILL leaves none of belt, daemon, gates and broker behind, and nothing in shared memory."""
    command = [sys.executable, "-m", "edge", "demo"]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.DEVNULL) as demo:
        frames = f"sortline-plant-{demo.pid}-*"
        try:
            eventually(lambda: len(marked_processes(tmp_path)) == PROCESSES_OF_A_DEMO, timeout_s=LIMIT_S)
            eventually(lambda: any(shared_memory_folder().glob(frames)), timeout_s=LIMIT_S)
        finally:
            demo.kill()

    eventually(lambda: marked_processes(tmp_path) == [], timeout_s=LIMIT_S)
    assert not any(shared_memory_folder().glob(frames))


def test_the_bench_prints_its_figures(tmp_path: Path) -> None:
    """From frame to PUBLISH beside the bare runtime, the daemon's start, rate and memory: a table, then JSON."""
    done = edge("bench", "--decisions", "20", "--turns", "1", "--frames", "100", "--json", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    for times in (figures["frame to PUBLISH, ms"], figures["bare runtime, ms"], *figures["stages, ms"].values()):
        assert 0 < times["p50"] <= times["p99"] <= times["p99.9"]
    assert figures["stages, ms"]["inference"]["p50"] < figures["frame to PUBLISH, ms"]["p50"]
    assert figures["start to READY, s"] > 0
    assert figures["decisions a second"] > 0
    assert figures["memory"]["daemon, MB"] <= figures["memory"]["highest, MB"]
    assert "(target 2)" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert marked_processes(tmp_path) == []


@pytest.mark.parametrize(
    ("broken", "exit_status", "bad"),
    [
        ({"camera", "broker"}, 69, {"camera", "broker"}),
        ({"bundle", "broker"}, 78, {"bundle", "provider", "broker"}),
    ],
    ids=["unavailable", "misconfigured"],
)
def test_check_names_the_bad_parts(
    broken: set[str], exit_status: int, bad: set[str], line: Any, tmp_path: Path
) -> None:
    """One row per part, also after a bad one; the exit status is that of the worst."""
    config = line(broken)

    done = edge("check", str(config), "--json", folder=tmp_path)

    *rows, last = done.stdout.splitlines()
    assert done.returncode == exit_status, done.stdout
    assert [tuple(row.split()[:2]) for row in rows] == [("BAD" if part in bad else "ok", part) for part in PARTS]
    assert json.loads(last)["passed"] is False


def test_check_refuses_a_file_with_an_unknown_key(line: Any, tmp_path: Path) -> None:
    """Nothing is tried: one line that names file and key, exit status 78."""
    config = line(set())
    config.write_text(config.read_text().replace("direction", "direktion"))

    done = edge("check", str(config), folder=tmp_path)

    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"sortline-edge: {config}: belt.direktion: expected only known keys")


@pytest.fixture
def line(shipped_bundle: Path, mosquitto: Any, unused_port: int, tmp_path_factory: Any) -> Any:
    """Write the file of a line of which these parts are broken; its camera is a folder of two pictures."""
    folder = tmp_path_factory.mktemp("line")

    def write(broken: set[str]) -> Path:
        text = CONFIGURATION.format(
            line="demo",
            bundle=damaged(shipped_bundle, folder) if "bundle" in broken else shipped_bundle,
            frames="",
            host=mosquitto.host,
            port=unused_port if "broker" in broken else mosquitto.port,
            speed_mm_s=400,
            mm_per_px=1,
            line_mm=320,
        ).replace("frames:", "/dev/video97" if "camera" in broken else str(pictures(folder)))
        for name in ("kitchen", "recyclable", "other", "hazardous", "reject"):
            text += GATE.format(bin=name, distance_mm=500)
        path = folder / "demo.toml"
        path.write_text(text)
        return path

    return write


def damaged(bundle: Path, folder: Path) -> Path:
    """A copy of a bundle with one bit of its model turned."""
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    path = folder / "damaged.bundle"
    path.write_bytes(content)
    return path


def pictures(folder: Path) -> Path:
    """A recording of an empty belt."""
    import cv2
    import numpy as np

    recording = folder / "recording"
    recording.mkdir()
    for number in range(2):
        cv2.imwrite(str(recording / f"{number}.png"), np.full((480, 640, 3), 60, np.uint8))
    return recording


def edge(*arguments: str, folder: Path) -> Done:
    """Run `python -m edge` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def environment(folder: Path) -> dict[str, str]:
    """`folder` is the place for temporary files, and the mark of all processes that are started."""
    return os.environ | {"TMPDIR": str(folder), MARK: str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}


def marked_processes(folder: Path) -> list[str]:
    """The command lines of processes that were started in this environment, or that those started."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it is gone, or somebody else's
    return found
