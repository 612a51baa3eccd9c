"""Brings in the heavy libraries: all at once, silently, and not before the order is known to be good."""

import contextlib
import importlib
import importlib.util
import os
import signal
from collections.abc import Iterator
from types import FrameType

from edge.errors import Unavailable
from export.quiet import noise_held

TOOLS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime")
ENDING = (signal.SIGINT, signal.SIGTERM)


def require_tools(*, tflite: bool) -> None:
    """Raises Unavailable when one is not installed; imports none. TFLite models are judged in LiteRT."""
    if missing := [name for name in TOOLS if importlib.util.find_spec(name) is None]:
        raise Unavailable(f"expected the export tools, found no {', '.join(missing)}; install sortline[export]")
    if tflite and not any(map(importlib.util.find_spec, ("ai_edge_litert", "tflite_runtime"))):
        raise Unavailable("expected LiteRT to judge TFLite models, found no ai_edge_litert; install sortline[tflite]")


def import_tools() -> None:
    """Import them, Keras on TensorFlow whatever it was trained on: the way to ONNX leads through a TensorFlow graph."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.32 would write and send usage events
    with noise_held(), signals_held():
        for name in TOOLS:
            importlib.import_module(name)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let a signal wait, where it would come out as another error.

    As an ImportError in the middle of importing a C++ module, as an EOFError of a process that is being started.
    """
    came: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, hold) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
