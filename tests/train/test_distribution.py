"""All devices of a host with the same command: they train what one device would have trained."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import keras
import pytest

from tests.train.on_two_devices import trained_head
from train.distribution import how_many
from train.settings import Settings

PATIENT_S = 280


@pytest.fixture(scope="module")
def on_one(shapes: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same epoch on the one device that this process has."""
    return trained_head(shapes, weights, tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_train_as_one_would(
    backend: str, shapes: Path, weights: Path, on_one: dict[str, Any], tmp_path: Path
) -> None:
    """Loss and weights after an epoch are those of one device, but for dropout, which backends draw differently."""
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, root / "tests" / "train" / "on_two_devices.py", shapes, weights, tmp_path],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENT_S,
    )

    assert done.returncode == 0, done
    assert "on 2 of 2 devices: cpu:0, cpu:1" in done.stdout
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["loss"] == pytest.approx(on_one["loss"], rel=0.2)
    if backend == keras.config.backend():  # another one starts from another head
        assert found["bias"] == pytest.approx(on_one["bias"], abs=5e-4)


@pytest.mark.parametrize(
    ("listed", "batch", "used"), [(1, "auto", 1), (2, "auto", 2), (3, "auto", 2), (16, "auto", 8), (4, 6, 2), (4, 9, 1)]
)
def test_every_device_gets_the_same_share_of_a_batch(listed: int, batch: int | Literal["auto"], used: int) -> None:
    """Of the smallest batch that auto may come down to; a batch of 9 stays on one."""
    assert how_many(listed, Settings(weights="imagenet", batch=batch)) == used
