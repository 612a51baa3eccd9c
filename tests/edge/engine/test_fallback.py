from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from edge.bundle.bundle import Bundle
from edge.config import Config
from edge.config_file import load_config
from edge.engine.fallback import open_with_fallback, slack_ms
from edge.engine.faults import Faults
from edge.errors import ProviderError

Make = Callable[..., Any]
CUDA = '[engine]\nruntime = "onnxruntime-cuda"\ncpu_fallback = {}\n'
pytestmark = pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime can use CUDA"
)


@pytest.fixture
def both(bundle_of: Make, onnx_model: Make) -> Bundle:
    """A bundle with a variant for the card and one for the processor."""
    model = onnx_model(classes=4)
    return bundle_of({"model-fp16.onnx": (model, "cuda"), "model-int8.onnx": (model, "cpu")})


@pytest.fixture
def config(line_file: Make, tmp_path: Path) -> Callable[..., Config]:
    """A line that asks for CUDA; `allowed` to fall back, with its nearest gate `distance_mm` away."""

    def make(*, allowed: bool, distance_mm: float = 3000) -> Config:
        path = line_file(tmp_path / "a.bundle", "none", more=CUDA.format(str(allowed).lower()))
        path.write_text(path.read_text().replace("distance_mm = 3000", f"distance_mm = {distance_mm}", 1))
        return load_config(path)

    return make


def test_starts_without_the_card_count_as_faults(tmp_path: Path, both: Bundle, config: Make) -> None:
    """Three refusals with exit status 69, and the fourth start takes the processor, degraded, with the reason."""
    faults = Faults(tmp_path / "l1.engine-faults")

    for _ in range(3):
        with pytest.raises(ProviderError, match="expected CUDAExecutionProvider"):
            open_with_fallback(config(allowed=True), both, faults)
    engine = open_with_fallback(config(allowed=True), both, faults)

    assert engine.variant_name == "int8"
    assert engine.problems[0].startswith("cpu-fallback: expected CUDAExecutionProvider")


def test_without_leave_it_never_falls_back(tmp_path: Path, both: Bundle, config: Make) -> None:
    """However often the card failed: asked for CUDA, it runs on CUDA or not at all."""
    faults = Faults(tmp_path / "l1.engine-faults")
    for _ in range(5):
        faults.note("CUDA failure 700")

    with pytest.raises(ProviderError, match="expected CUDAExecutionProvider"):
        open_with_fallback(config(allowed=False), both, faults)


def test_a_processor_that_is_too_slow_for_the_gates_is_no_fallback(
    tmp_path: Path, bundle_of: Make, onnx_model: Make, slow: Make, config: Make
) -> None:
    """It is measured, and the error says what it takes, what the nearest gate leaves, and what the card said."""
    model = onnx_model(classes=4)
    bundle = bundle_of({"model-fp16.onnx": (model, "cuda"), "model-int8.onnx": (slow(model), "cpu")})
    faults = Faults(tmp_path / "l1.engine-faults")
    for _ in range(3):
        faults.note("CUDA failure 700")
    near = config(allowed=True, distance_mm=40.001)

    with pytest.raises(ProviderError, match=r"at most the 0 ms that the nearest gate leaves, found \d+; .*failure 700"):
        open_with_fallback(near, bundle, faults)


def test_the_nearest_gate_sets_the_deadline(config: Make) -> None:
    """Its way at the belt's usual speed, less what a command needs; the reject bin waits for nobody."""
    assert slack_ms(config(allowed=True)) > slack_ms(config(allowed=True, distance_mm=60)) == pytest.approx(25)
