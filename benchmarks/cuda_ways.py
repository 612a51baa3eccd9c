"""The ways to feed a graphics card with pictures, each as one call from host memory to host memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.bundle.bundle import Bundle
from edge.engine.onnx_cuda import SETTINGS, WARM_UP
from edge.engine.onnx_session import CPU, CUDA, onnxruntime, open_session
from edge.engine.pinned import pinned

PLAIN = {"device_id": "0"}
GRAPH = {**PLAIN, "enable_cuda_graph": "1"}
FUSED = {**SETTINGS, "fuse_conv_bias": "1"}

Call = Callable[[], Any]


@dataclass(frozen=True)
class Way:
    """One way to feed the card."""

    name: str
    settings: dict[str, str]
    bound: bool = True
    """Buffers on the card, allocated once; else whatever `run` does."""
    locked: bool = False
    """Pictures lie in page-locked memory."""
    real: bool = False
    """float32 input instead of uint8."""


WAYS = (
    Way("plain run", PLAIN, bound=False),
    Way("io binding", PLAIN),
    Way("cuda graph", GRAPH),
    Way("cuda graph, nhwc", dict(SETTINGS)),
    Way("cuda graph, nhwc, pinned", dict(SETTINGS), locked=True),
    Way("cuda graph, nhwc, pinned, bias fused", FUSED, locked=True),
    Way("cuda graph, nhwc, pinned, bias fused, float32 input", FUSED, locked=True, real=True),
)


class Model:
    """The fp16 file of a bundle, as it is and with a float32 input."""

    def __init__(self, bundle: Bundle, *, dry: bool) -> None:
        self.provider = CPU if dry else CUDA
        variant = bundle.variant("fp16")
        self.content = bundle.members[variant.file]
        self.golden, self.tolerance = bundle.golden(variant), variant.tolerance
        self.size, self.classes = bundle.manifest.input.size, len(bundle.manifest.labels)

    def session(self, way: Way) -> Any:
        """A session for `way`. Raises ProviderError, or ImportError where the way needs onnx."""
        content = _float_input(self.content) if way.real else self.content
        options = onnxruntime().SessionOptions()
        options.intra_op_num_threads = 1
        return open_session(content, self.provider, options, {} if self.provider == CPU else way.settings)


def call_of(model: Model, way: Way, pictures: Any) -> Call:
    """One classification from (N, size, size, 3) uint8 in host memory to probabilities there, both copies included."""
    session = model.session(way)
    source, target = session.get_inputs()[0].name, session.get_outputs()[0].name
    pictures = pictures.astype(np.float32) if way.real else pictures
    if not way.bound:
        return lambda: session.run(None, {source: pictures})[0]
    device = "cpu" if model.provider == CPU else "cuda"
    allocate = onnxruntime().OrtValue.ortvalue_from_shape_and_type
    on_card = allocate(pictures.shape, pictures.dtype.type, device, 0)
    answers = allocate((len(pictures), model.classes), np.float32, device, 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input(source, on_card)
    binding.bind_ortvalue_output(target, answers)
    staging = _staging(pictures, locked=way.locked and device == "cuda")

    def call() -> Any:
        staging[:] = pictures
        on_card.update_inplace(staging)
        session.run_with_iobinding(binding)
        return answers.numpy()

    for _ in range(WARM_UP):
        call()
    return call


def _staging(pictures: Any, *, locked: bool) -> Any:
    if not locked:
        return np.zeros_like(pictures)
    return pinned((pictures.nbytes,)).view(pictures.dtype).reshape(pictures.shape)


def pictures_of(batch: int, size: int) -> Any:
    """(batch, size, size, 3) uint8, the same ones every time."""
    return np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)


def _float_input(content: bytes) -> bytes:
    """The same model without its cast from uint8. Raises ImportError where onnx is not installed."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    cast = next(node for node in graph.node if node.input[0] == graph.input[0].name)
    assert cast.op_type == "Cast"
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == cast.output[0]:
                node.input[index] = graph.input[0].name
    graph.node.remove(cast)
    stripped: bytes = model.SerializeToString()
    return stripped
