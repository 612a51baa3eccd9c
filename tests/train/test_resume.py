"""Nothing is lost: killed at a random step, then stopped by Ctrl-C, a run ends where it would have ended anyway."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.errors import RunError
from edge.runfile import read_run
from train.model import BACKBONE, build, load_backbone
from train.run_folder import check_free

if TYPE_CHECKING:
    from tests.train.conftest import Command, Done

RECIPE = ("--size", 32, "--batch", 9, "--epochs", 4, "--head-epochs", 0, "--patience", 4, "--freeze", "conv4")
EXACT = ("--average", 1, "--deterministic")
CHECKPOINTS = 8
"""The kill comes after at most so many of the 20 steps."""
PATIENT_S = 240.0
"""Far more than it takes."""


@pytest.fixture(scope="module")
def recipe(weights: Path) -> tuple[object, ...]:
    """Options of every run here; only conv5 and the head learn, which compiles fastest."""
    return ("--weights", weights, *RECIPE, *EXACT)


@pytest.fixture(scope="module")
def whole(
    shapes: Path,
    recipe: tuple[object, ...],
    command_line: "Command",
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    done = command_line(shapes, *recipe, "--out", out)
    assert done.status == 0, done
    return out


def test_it_ends_where_it_would_have_ended(
    shapes: Path, recipe: tuple[object, ...], whole: Path, command_line: "Command", tmp_path: Path
) -> None:
    """SIGKILL at a random step, Ctrl-C later on: weights and verdict are those of the undisturbed run."""
    out = tmp_path / "run"

    _kill_at_a_random_step(out, shapes, *recipe, "--out", out, "--checkpoint-minutes", 0)
    assert sorted(path.suffix for path in out.iterdir() if path.suffix != ".partial") in (
        [".json", ".npz"],
        [".csv", ".json", ".npz"],
    )
    stopped = _interrupted(out, lambda: command_line(shapes, *recipe, "--out", out, "--resume"))
    again = command_line(shapes, *recipe, "--out", out, "--resume")

    assert stopped.status == 130, stopped
    assert "the same command with --resume goes on" in stopped.error
    assert again.status == 0, again
    for one, other in zip(_weights(whole), _weights(out), strict=True):
        assert np.allclose(one, other, atol=1e-3)
    reports = [json.loads((folder / "report.json").read_text()) for folder in (whole, out)]
    assert reports[0]["accuracy"] == pytest.approx(reports[1]["accuracy"], abs=1e-3)
    assert not (out / "checkpoint.npz").exists()
    metrics = [(folder / "metrics.csv").read_text().splitlines() for folder in (whole, out)]
    assert [row.split(",")[:2] for row in metrics[0]] == [row.split(",")[:2] for row in metrics[1]]


def test_other_settings_do_not_go_on(
    shapes: Path, recipe: tuple[object, ...], command_line: "Command", tmp_path: Path
) -> None:
    """One line names the option; an unfinished run is no trained model."""
    out = tmp_path / "run"
    plan = {"settings": {}, "photos": "", "backend": "tensorflow", "precision": "float32", "tools": {}}
    out.mkdir()
    (out / "unfinished.json").write_text(json.dumps({**plan, "settings": {"weights": str(recipe[1]), "epochs": 5}}))

    done = command_line(shapes, *recipe, "--out", out, "--resume")

    assert done.status == 2
    assert "--epochs: expected 5 as the run began, found 4" in done.error
    with pytest.raises(RunError, match=r"run\.json"):
        read_run(out)
    with pytest.raises(RunError, match="go on with --resume"):
        check_free(out)


def test_what_is_frozen_stays(recipe: tuple[object, ...], whole: Path) -> None:
    """Conv1 to conv4 are still the pretrained ones, to the bit; conv5 learned."""
    start = build(3, 32)
    load_backbone(start, str(recipe[1]))

    end = keras.saving.load_model(whole / "model.keras", compile=False)

    kernels = {
        name: [
            np.asarray(net.get_layer(BACKBONE).get_layer(f"{name}_block1_1_conv").get_weights()[0])
            for net in (start, end)
        ]
        for name in ("conv2", "conv4", "conv5")
    }
    assert np.array_equal(*kernels["conv2"])
    assert np.array_equal(*kernels["conv4"])
    assert 0 < np.abs(kernels["conv5"][0] - kernels["conv5"][1]).max() < 0.01


def _kill_at_a_random_step(out: Path, *arguments: object) -> None:
    checkpoint, seen = out / "checkpoint.npz", set[int]()
    wanted = random.randint(1, CHECKPOINTS)

    def enough() -> bool:
        with contextlib.suppress(FileNotFoundError):
            seen.add(checkpoint.stat().st_mtime_ns)
        return len(seen) >= wanted or process.poll() is not None

    command = [sys.executable, "-m", "train", *map(str, arguments), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _until(enough)
        time.sleep(random.uniform(0, 0.3))
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert checkpoint.exists()


def _interrupted(out: Path, run: Callable[[], "Done"]) -> "Done":
    """Run it, and press Ctrl-C once it has written down another epoch."""
    metrics = out / "metrics.csv"
    known = metrics.read_text() if metrics.exists() else ""

    def press() -> None:
        _until(lambda: metrics.exists() and metrics.read_text() != known)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press, name="ctrl-c")
    presser.start()
    done = run()
    presser.join()
    return done


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENT_S
    while not happened():
        assert time.monotonic() < deadline, f"nothing happened for {PATIENT_S} s"
        time.sleep(0.02)


def _weights(run: Path) -> list[NDArray[np.float32]]:
    return [np.asarray(value) for value in keras.saving.load_model(run / "model.keras", compile=False).get_weights()]
