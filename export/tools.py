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


def require_tools() -> None:
    """Raises Unavailable when one is not installed; imports none."""
    if missing := [name for name in TOOLS if importlib.util.find_spec(name) is None]:
        raise Unavailable(f"expected the export tools, found no {', '.join(missing)}; install sortline[export]")


def import_tools() -> None:
    """Import them, Keras on TensorFlow whatever it was trained on: the way to ONNX leads through a TensorFlow graph."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime 1.32 would write and send usage events
    with noise_held(), _signals_held():
        for name in TOOLS:
            importlib.import_module(name)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let a signal wait: an interrupt in the middle of importing a C++ module comes out as an ImportError."""
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
