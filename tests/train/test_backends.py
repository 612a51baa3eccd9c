"""No dependence on one backend: what one saved, the others open; asked for the same bits, a backend gives them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.train.conftest import Run

OTHERS = [
    backend
    for backend in ("tensorflow", "jax", "torch")
    if importlib.util.find_spec(backend) and backend != keras.config.backend()
]
PATIENT_S = 120
CPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
OPEN = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
np.save(sys.argv[3], keras.ops.convert_to_numpy(model(np.load(sys.argv[2]))))
"""
DETERMINISTIC = """
from train.device import require_backend
require_backend("cpu", deterministic=True)
from tensorflow.python.framework.config import is_op_determinism_enabled
assert is_op_determinism_enabled()
"""


def _run(program: str, *arguments: Path, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, **CPU, **environment},
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=PATIENT_S,
    )


@pytest.mark.parametrize("backend", OTHERS or [pytest.param("", marks=pytest.mark.skip(reason="one backend here"))])
def test_a_saved_model_opens_under_each_backend(
    backend: str, finished: "Run", saved: keras.Model, tmp_path: Path
) -> None:
    """And gives the same probabilities."""
    photos = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    np.save(tmp_path / "photos.npy", photos)

    _run(OPEN, finished.folder / "model.keras", tmp_path / "photos.npy", tmp_path / "there.npy", KERAS_BACKEND=backend)

    assert np.allclose(np.load(tmp_path / "there.npy"), keras.ops.convert_to_numpy(saved(photos)), atol=1e-4)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only TensorFlow tells")
def test_deterministic_reaches_the_backend() -> None:
    """By the environment, which is read when the backend starts: kernels that vary are then refused or replaced."""
    _run(DETERMINISTIC)
