from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from edge.bundle.bundle import open_bundle
from edge.config import EngineConfig
from edge.engine.engine import open_engine
from edge.engine.onnx_cpu import OnnxCpu
from edge.errors import BundleError, ConfigError, EngineFault, ProviderError

Make = Callable[..., Any]
ONE_THREAD = EngineConfig(threads=1)
no_cuda = pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime can use CUDA"
)


def test_it_answers_with_one_distribution_per_picture(tiny_bundle: Path) -> None:
    """A batch of pictures gives as many rows, each summing to one, each depending on its own picture."""
    engine = open_engine(ONE_THREAD, open_bundle(tiny_bundle))
    pictures = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3), np.uint8)

    together = engine(pictures)

    assert together.shape == (3, 4)
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.01
    assert np.concatenate([engine(picture[None]) for picture in pictures]) == pytest.approx(together, abs=1e-5)


def test_a_bundle_of_six_other_classes_works_as_well(six_bundle: Path) -> None:
    """Nothing depends on four classes or their names."""
    bundle = open_bundle(six_bundle)

    engine = open_engine(EngineConfig(threads=2), bundle)

    assert engine(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, len(bundle.manifest.labels))


def test_left_to_itself_it_takes_the_fastest_variant_and_says_so(
    bundle_of: Make, onnx_model: Make, slow: Callable[[bytes], bytes]
) -> None:
    """Of two that answer alike the quick one runs; the figures of both stand in `why`."""
    quick = onnx_model(classes=4)
    bundle = bundle_of({"model-int8.onnx": (slow(quick), "cpu"), "model-fp32.onnx": (quick, "cpu")})

    engine = open_engine(ONE_THREAD, bundle)

    assert engine.variant_name == "fp32"
    assert engine.why.startswith("onnxruntime-cpu fp32, 1 thread: ")
    assert "; instead of onnxruntime-cpu int8, 1 thread: " in engine.why


@no_cuda
def test_a_variant_that_cannot_run_here_is_passed_over_with_its_reason(bundle_of: Make, onnx_model: Make) -> None:
    """A bundle for several machines runs on each of them, and status says what this one lacks."""
    model = onnx_model(classes=4)
    bundle = bundle_of({"model-fp16.onnx": (model, "cuda"), "model-int8.onnx": (model, "cpu")})

    engine = open_engine(ONE_THREAD, bundle)

    assert engine.variant_name == "int8"
    assert "; not onnxruntime-cuda fp16: expected CUDAExecutionProvider, this onnxruntime has" in engine.why
    assert engine.problems == ()


def test_a_card_that_cannot_be_used_though_its_libraries_are_installed_is_a_problem(
    bundle_of: Make, onnx_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line sorts on the processor, and not without a word: `problems` make it `degraded`."""
    model = onnx_model(classes=4)
    bundle = bundle_of({"model-fp16.onnx": (model, "cuda"), "model-int8.onnx": (model, "cpu")})
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )

    engine = open_engine(ONE_THREAD, bundle)

    assert engine.variant_name == "int8"
    assert len(engine.problems) == 1
    assert engine.problems[0].startswith("no-cuda: expected CUDAExecutionProvider")


def test_threads_are_measured_and_all_that_were_are_told(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With four cores, one is left to the camera: 1, 2 and 3 threads take turns, and each proves itself."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2, 3})

    engine = open_engine(EngineConfig(), open_bundle(tiny_bundle))

    assert all(f"{count} thread" in engine.why for count in (1, 2, 3))


@no_cuda
def test_cuda_asked_of_a_processor_only_runtime_is_an_error(bundle_of: Make, onnx_model: Make) -> None:
    """Asked for CUDA, it never runs on the processor instead: it names what was asked, what there is, what to do."""
    bundle = bundle_of({"model-fp16.onnx": (onnx_model(classes=4), "cuda")})

    with pytest.raises(ProviderError, match=r"expected CUDAExecutionProvider, .*CPU.*; install sortline\[gpu\]") as no:
        open_engine(EngineConfig(runtime="onnxruntime-cuda"), bundle)

    assert no.value.exit_status == 69


@no_cuda
def test_when_nothing_runs_here_every_reason_is_given(bundle_of: Make, onnx_model: Make) -> None:
    """Left to itself, with two variants for a card that is not there."""
    model = onnx_model(classes=4)
    bundle = bundle_of({"model-fp16.onnx": (model, "cuda"), "model-fp32.onnx": (model, "cuda")})

    with pytest.raises(ProviderError, match=r"found none: .*model-fp16\.onnx: .*; .*model-fp32\.onnx: ") as refused:
        open_engine(ONE_THREAD, bundle)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (EngineConfig(runtime="onnxruntime-cuda"), r"expected a variant for onnxruntime-cuda, found model-int8\.onnx"),
        (EngineConfig(runtime="tflite"), r"expected a variant for tflite, found model-int8\.onnx for cpu"),
        (
            EngineConfig(precision="fp16"),
            "expected a variant in fp16 for onnxruntime-cpu or onnxruntime-cuda or tflite",
        ),
    ],
)
def test_a_bundle_without_what_is_asked_for_is_refused(tiny_bundle: Path, config: EngineConfig, said: str) -> None:
    """Bad configuration or the wrong bundle: what is in it is named, and nothing else runs instead."""
    with pytest.raises(BundleError, match=said) as refused:
        open_engine(config, open_bundle(tiny_bundle))

    assert refused.value.exit_status == 78


def test_a_runtime_that_is_asked_for_takes_another_machines_variant(bundle_of: Make, onnx_model: Make) -> None:
    """With a precision named, fp16 runs on the processor too: slowly, but as asked."""
    bundle = bundle_of({"model-fp16.onnx": (onnx_model(classes=4), "cuda")})

    engine = open_engine(EngineConfig(runtime="onnxruntime-cpu", precision="fp16", threads=1), bundle)

    assert engine.why.startswith("onnxruntime-cpu fp16, 1 thread: ")


@pytest.mark.parametrize("answer", [0.25, np.nan])
def test_other_answers_than_the_golden_ones_are_refused(bundle_of: Make, answer: float) -> None:
    """A model that computes something else here than where it was exported is not run; NaN agrees with nothing."""
    bundle = bundle_of(expected=np.full((16, 4), answer, np.float32))

    with pytest.raises(BundleError, match=r"model-int8\.onnx: golden inputs differ by (0\.\d+|nan) here, tolerance 0"):
        open_engine(ONE_THREAD, bundle)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"classes": 5}, r"expected probabilities \(16, 4\), found \(16, 5\)"),
        (
            {"classes": 4, "size": 16},
            r"expected a model of uint8 pictures \(32, 32, 3\), it says .*Got: 32 Expected: 16",
        ),
        ({"classes": 4, "kind": TensorProto.FLOAT}, "expected a model of uint8 pictures"),
    ],
)
def test_a_model_of_another_shape_than_its_bundle_says_is_refused(
    bundle_of: Make, onnx_model: Make, model: dict[str, int], said: str
) -> None:
    """A model with other outputs or inputs than the manifest's is found before it meets the first item."""
    bundle = bundle_of(model=onnx_model(**model))

    with pytest.raises(BundleError, match=said) as refused:
        open_engine(ONE_THREAD, bundle)

    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_model_are_refused_in_one_line() -> None:
    """What onnxruntime refuses comes out as one line that names the provider."""
    with pytest.raises(ProviderError, match="expected CPUExecutionProvider to run the model, it refused") as refused:
        OnnxCpu(b"no model")

    assert "\n" not in str(refused.value)


def test_a_runtime_that_fails_at_work_is_a_fault(tiny_bundle: Path) -> None:
    """Whatever a runtime raises leaves as one kind of error, on one line, that names the runtime."""
    engine = open_engine(ONE_THREAD, open_bundle(tiny_bundle))

    with pytest.raises(EngineFault, match="onnxruntime-cpu: expected an answer, it says") as fault:
        engine(np.zeros((1, 7, 7, 3), np.uint8))

    assert "\n" not in str(fault.value)
    assert fault.value.exit_status == 69


def test_a_processor_that_the_machine_lacks_is_bad_configuration(tiny_bundle: Path) -> None:
    """The daemon cannot be kept to processor 1023."""
    with pytest.raises(ConfigError, match=r"engine\.cpus: expected processors from 0 to \d+, found \[1023\]"):
        open_engine(EngineConfig(cpus=(1023,)), open_bundle(tiny_bundle))
