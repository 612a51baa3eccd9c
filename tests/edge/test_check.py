import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.camera.frames import FrameWriter
from edge.check import Probe, probe_all
from edge.errors import ConfigError
from edge.sim.scene import Scene

Recording = tuple[Path, Scene]


def test_a_sound_line_passes_in_every_part(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any
) -> None:
    """Configuration, bundle, provider, camera and broker are tried for real, and say what they found."""
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port)

    probes = probe_all(config)

    assert [(probe.part, probe.passed) for probe in probes] == [
        ("configuration", True),
        ("bundle", True),
        ("provider", True),
        ("camera", True),
        ("broker", True),
    ]
    found = {probe.part: probe.found for probe in probes}
    assert found["bundle"] == "tiny-1, classes kitchen, recyclable, other, hazardous"
    assert "golden inputs agree" in found["provider"]
    assert found["camera"].startswith("320x240, ")


def test_one_part_that_fails_leaves_the_others_tried(tiny_bundle: Path, line_file: Any, unused_port: int) -> None:
    """No camera and no broker: both are reported, with their exit status, beside what works."""
    config = line_file(tiny_bundle, "/dev/video97", port=unused_port)

    probes = by_part(probe_all(config))

    assert [part for part, probe in probes.items() if not probe.passed] == ["camera", "broker"]
    assert {probes["camera"].exit_status, probes["broker"].exit_status} == {69}
    assert "no such device" in probes["camera"].found


def test_a_belt_that_does_not_fit_the_pictures_is_bad_configuration(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any
) -> None:
    """The camera works, and shows less belt than the file says."""
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port)
    config.write_text(config.read_text().replace("line_mm = 320", "line_mm = 900"))

    probe = by_part(probe_all(config))["camera"]

    assert (probe.passed, probe.exit_status) == (False, 78)
    assert probe.found == "belt.line_mm: expected less than the view's 640 mm, found 900"


def test_a_missing_bundle_is_bad_configuration(recording: Recording, line_file: Any, tmp_path: Path) -> None:
    """Exit status 78 for the bundle, and for the provider that has nothing to run."""
    config = line_file(tmp_path / "none.bundle", recording[0])

    probes = by_part(probe_all(config))

    assert (probes["bundle"].exit_status, probes["provider"].exit_status) == (78, 78)
    assert probes["camera"].passed


def test_a_recording_that_is_shorter_than_the_trial_is_a_camera(
    tiny_bundle: Path, line_file: Any, recording: Recording, tmp_path: Path
) -> None:
    """A folder of three pictures is said to end, and passes."""
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(recording[0].iterdir())[:3]:
        (few / path.name).write_bytes(path.read_bytes())

    probes = by_part(probe_all(line_file(tiny_bundle, few)))

    assert probes["camera"].passed
    assert "then its end" in probes["camera"].found


def test_a_camera_that_is_frozen_passes_and_is_said_to_be(tiny_bundle: Path, line_file: Any, tmp_path: Path) -> None:
    """It delivers; what is wrong with its pictures stands beside the rate."""
    path = tmp_path / "belt.frames"
    with FrameWriter(path, 320, 240) as writer:
        gone = threading.Event()

        def show() -> None:
            while not gone.wait(0.02):
                writer.write(np.full((240, 320, 3), 90, np.uint8), time.monotonic_ns())

        camera = threading.Thread(target=show, name="camera")
        camera.start()
        probes = by_part(probe_all(line_file(tiny_bundle, f"frames:{path}")))
        gone.set()
        camera.join()

    assert probes["camera"].passed
    assert probes["camera"].found.endswith("frames a second; camera-frozen")


def test_without_a_configuration_there_is_nothing_to_try(tmp_path: Path) -> None:
    """A missing file is an error of its own."""
    with pytest.raises(ConfigError, match="expected a configuration file"):
        probe_all(tmp_path / "none.toml")


def test_the_command_prints_a_table_and_the_figures(tiny_bundle: Path, line_file: Any, unused_port: int) -> None:
    """One row per part, one JSON object as the last line, the exit status of the worst part."""
    config = line_file(tiny_bundle, "/dev/video97", port=unused_port)

    done = subprocess.run(
        [sys.executable, "-m", "edge", "check", str(config), "--json"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 69
    rows = done.stdout.splitlines()
    assert [row[:3] for row in rows[:5]] == ["ok ", "ok ", "ok ", "BAD", "BAD"]
    figures = json.loads(rows[-1])
    assert figures["passed"] is False
    assert set(figures["parts"]) == {"configuration", "bundle", "provider", "camera", "broker"}


def by_part(probes: list[Probe]) -> dict[str, Probe]:
    """The probes by the part that they tried."""
    return {probe.part: probe for probe in probes}
