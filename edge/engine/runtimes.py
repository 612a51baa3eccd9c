"""The runtimes that can compute a model: their names in a line's file, and how each is opened."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, get_args

from edge.bundle.manifest import Variant
from edge.classifier import Classifier
from edge.engine.litert import Litert
from edge.engine.onnx_cpu import OnnxCpu
from edge.engine.onnx_cuda import OnnxCuda
from edge.engine.tuning import Tuning

Runtime = Literal["onnxruntime-cpu", "onnxruntime-cuda", "tflite"]
# OpenVINO is no runtime here: interleaved on a Xeon with VNNI (benchmarks/runtimes.py) it ran int8 no faster than
# onnxruntime, took 1.5 s longer to start, and would be 150 MB more on the device.
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
CUDA: Runtime = "onnxruntime-cuda"


class Runner(Classifier, Protocol):
    """A classifier that knows how many pictures it takes at a time."""

    @property
    def batch(self) -> int:
        """Pictures that are computed together in little more time than one; 1 where there is no such gain."""


class _Kind(NamedTuple):
    format: str
    provider: str
    open: Callable[[bytes, Tuning], Runner]
    """Of the model's bytes. Raises ProviderError when that runtime does not run it."""


_KINDS: MappingProxyType[Runtime, _Kind] = MappingProxyType(
    {
        "onnxruntime-cpu": _Kind("onnx", "cpu", OnnxCpu),
        "onnxruntime-cuda": _Kind("onnx", "cuda", OnnxCuda),
        "tflite": _Kind("tflite", "cpu", Litert),
    }
)


def open_runner(runtime: Runtime, model: bytes, tuning: Tuning) -> Runner:
    """Load a model of the runtime's format. Raises ProviderError when that runtime does not run it here."""
    return _KINDS[runtime].open(model, tuning)


def takes(runtime: Runtime, variant: Variant) -> bool:
    """Whether the variant's file is of the runtime's format."""
    return _KINDS[runtime].format == variant.format


def is_meant_for(runtime: Runtime, variant: Variant) -> bool:
    """Whether the variant was made to run there."""
    return (_KINDS[runtime].format, _KINDS[runtime].provider) == (variant.format, variant.provider)


def runtime_of(variant: Variant) -> Runtime:
    """The runtime that the variant was made for."""
    return next(runtime for runtime in RUNTIMES if is_meant_for(runtime, variant))


def on_processor(variant: Variant) -> Runtime:
    """The runtime that takes the variant's file and needs no graphics card."""
    return next(runtime for runtime in RUNTIMES if takes(runtime, variant) and runtime != CUDA)
