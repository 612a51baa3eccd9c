"""The classifier: uint8 crops in, calibrated probabilities out, on exactly the provider that was asked for."""

import contextlib
import importlib
import os
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import Variant
from edge.errors import BundleError, ProviderError
from edge.preprocess import Image

Probabilities = NDArray[np.float32]
"""(N, classes) float32, each row sums to one."""

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TFLITE = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""The first that is installed runs. The second ended in 2023: int8 takes seven times as long, dynamic range fails."""


class Classifier(Protocol):
    """What the daemon and the evaluation ask of an engine."""

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""


class OnnxClassifier:
    """One variant of a bundle in onnxruntime. Raises ProviderError when the provider is not the one asked for."""

    def __init__(self, model: bytes, provider: str, threads: int) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # a machine on the line phones nobody
        import onnxruntime as ort  # 0.2 s that `--help` and `gate` need not pay

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Off costs 4-5 % alone and halves the p90 when the machine does other work, as a line's does.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if provider != "cpu":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        wanted = PROVIDERS[provider]
        if wanted not in (have := ort.get_available_providers()):
            raise ProviderError(f"expected {wanted}, this onnxruntime has {have}; install sortline[gpu]")
        try:
            self._session = ort.InferenceSession(model, options, providers=[wanted])
        except Exception as error:
            raise ProviderError(f"expected {wanted} to run the model, it refused: {_first_line(error)}") from error
        if (got := self._session.get_providers()[0]) != wanted:
            raise ProviderError(f"expected {wanted}, got {got}: its libraries are missing or do not fit the driver")
        self._input = self._session.get_inputs()[0].name

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        outputs = self._session.run(None, {self._input: inputs})
        return np.asarray(outputs[0], np.float32)


class TfliteClassifier:
    """One variant of a bundle in the first installed of `runtimes`. Raises ProviderError when it cannot run there."""

    def __init__(self, model: bytes, provider: str, threads: int, runtimes: Sequence[str] = TFLITE) -> None:
        if provider != "cpu":
            raise ProviderError(f"expected provider 'cpu' for a TFLite model, found {provider!r}; it runs nowhere else")
        runtime = tflite_runtime(runtimes)
        try:
            self._interpreter = runtime.Interpreter(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        except Exception as error:
            raise ProviderError(f"expected {runtime.__name__} to run the model: {_first_line(error)}") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (1, size, size, 3) uint8 RGB."""
        self._interpreter.set_tensor(self._input, inputs)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output), np.float32)


ENGINES: MappingProxyType[str, Callable[[bytes, str, int], Classifier]] = MappingProxyType(
    {"onnx": OnnxClassifier, "tflite": TfliteClassifier}
)
"""By the format of a variant."""


def open_classifier(bundle: Bundle, variant: Variant, provider: str, threads: int) -> Classifier:
    """Load `variant` on `provider` and prove it on the golden inputs. Raises ProviderError or BundleError."""
    classifier = ENGINES[variant.format](bundle.members[variant.file], provider, threads)
    _self_test(bundle, variant, classifier)
    return classifier


def tflite_runtime(names: Sequence[str] = TFLITE) -> Any:
    """The module of the first of `names` that is installed. Raises ProviderError when none is."""
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise ProviderError("expected LiteRT for a TFLite model, found none; install sortline[tflite]")


def _self_test(bundle: Bundle, variant: Variant, classifier: Classifier) -> None:
    golden, where = bundle.golden(variant), f"{bundle.path}: {variant.file}"
    try:
        answers = np.concatenate([classifier(golden.inputs[i : i + 1]) for i in range(len(golden.inputs))])
    except Exception as error:  # whatever onnxruntime raises for a graph that takes something else
        raise BundleError(f"{where}: expected a model of uint8 pictures, it says {_first_line(error)}") from error
    if answers.shape != golden.expected.shape:
        raise BundleError(f"{where}: expected probabilities {golden.expected.shape}, found {answers.shape}")
    worst = float(np.abs(answers - golden.expected).max())
    if not worst <= variant.tolerance:
        raise BundleError(
            f"{where}: golden inputs differ by {worst:.3f} here, tolerance {variant.tolerance}; "
            "this processor computes other answers than the one that exported it"
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
