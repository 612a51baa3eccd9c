"""A TFLite model on the processor."""

import contextlib
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.classifier import Probabilities
from edge.engine.onnx_session import first_line
from edge.engine.tuning import ONE_THREAD, Tuning
from edge.errors import ProviderError
from edge.preprocess import Image

TFLITE = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""The first that is installed runs. The second ended in 2023: int8 takes seven times as long, dynamic range fails."""


class Litert:
    """One model in the first installed of `runtimes`. Raises ProviderError when it does not run it."""

    batch = 1

    def __init__(self, model: bytes, tuning: Tuning = ONE_THREAD, runtimes: Sequence[str] = TFLITE) -> None:
        runtime = tflite_runtime(runtimes)
        try:
            self._interpreter = runtime.Interpreter(model_content=model, num_threads=tuning.threads)
            self._interpreter.allocate_tensors()
        except Exception as error:
            raise ProviderError(f"expected {runtime.__name__} to run the model: {first_line(error)}") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (1, size, size, 3) uint8 RGB."""
        self._interpreter.set_tensor(self._input, inputs)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output), np.float32)


def tflite_runtime(names: Sequence[str] = TFLITE) -> Any:
    """The module of the first of `names` that is installed. Raises ProviderError when none is."""
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise ProviderError("expected LiteRT for a TFLite model, found none; install sortline[tflite]")
