from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from edge.bundle.bundle import open_bundle, write_bundle
from edge.classifier import OnnxClassifier, open_classifier
from edge.errors import BundleError, ProviderError

Make = Callable[..., Any]


def test_it_answers_with_one_distribution_per_picture(tiny_bundle: Path) -> None:
    """A batch of pictures gives as many rows, each summing to one, each depending on its own picture."""
    bundle = open_bundle(tiny_bundle)
    classifier = open_classifier(bundle, bundle.variant("int8"), "cpu", threads=1)
    pictures = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3), np.uint8)

    together = classifier(pictures)

    assert together.shape == (3, 4)
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.01
    assert np.concatenate([classifier(picture[None]) for picture in pictures]) == pytest.approx(together, abs=1e-5)


def test_a_bundle_of_six_other_classes_works_as_well(six_bundle: Path) -> None:
    """Nothing depends on four classes or their names."""
    bundle = open_bundle(six_bundle)

    classifier = open_classifier(bundle, bundle.variant("int8"), "cpu", threads=2)

    assert classifier(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, len(bundle.manifest.labels))


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime can use CUDA"
)
def test_cuda_asked_of_a_processor_only_runtime_is_an_error(tiny_bundle: Path) -> None:
    """Asked for CUDA, it never runs on the processor instead: it names what was asked, what there is, what to do."""
    bundle = open_bundle(tiny_bundle)

    with pytest.raises(ProviderError, match=r"expected CUDAExecutionProvider, .*CPU.*; install sortline\[gpu\]"):
        open_classifier(bundle, bundle.variant("int8"), "cuda", threads=1)


def test_other_answers_than_the_golden_ones_are_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """A model that computes something else here than where it was exported is not run."""
    bundle = rewritten(tmp_path, bundle_parts(expected=np.full((16, 4), 0.25, np.float32)))

    with pytest.raises(BundleError, match=r"model-int8\.onnx: golden inputs differ by 0\.\d+ here, tolerance 0\.001"):
        open_classifier(bundle, bundle.variant("int8"), "cpu", threads=1)


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path, bundle_parts: Make) -> None:
    """NaN agrees with nothing."""
    bundle = rewritten(tmp_path, bundle_parts(expected=np.full((16, 4), np.nan, np.float32)))

    with pytest.raises(BundleError, match="golden inputs differ by nan"):
        open_classifier(bundle, bundle.variant("int8"), "cpu", threads=1)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"classes": 5}, r"expected probabilities \(16, 4\), found \(16, 5\)"),
        ({"classes": 4, "size": 16}, "expected a model of uint8 pictures"),
        ({"classes": 4, "kind": TensorProto.FLOAT}, "expected a model of uint8 pictures"),
    ],
)
def test_a_model_of_another_shape_than_its_bundle_says_is_refused(
    tmp_path: Path, bundle_parts: Make, onnx_model: Make, model: dict[str, int], said: str
) -> None:
    """A model with other outputs or inputs than the manifest's is found before it meets the first item."""
    bundle = rewritten(tmp_path, bundle_parts(model=onnx_model(**model)))

    with pytest.raises(BundleError, match=said):
        open_classifier(bundle, bundle.variant("int8"), "cpu", threads=1)


def test_bytes_that_are_no_model_are_refused_in_one_line() -> None:
    """What onnxruntime refuses comes out as one line that names the provider."""
    with pytest.raises(ProviderError, match="expected CPUExecutionProvider to run the model, it refused") as refused:
        OnnxClassifier(b"no model", "cpu", threads=1)

    assert "\n" not in str(refused.value)


def rewritten(folder: Path, parts: Any) -> Any:
    """These parts as an opened bundle."""
    path = folder / "a.bundle"
    write_bundle(path, *parts)
    return open_bundle(path)
