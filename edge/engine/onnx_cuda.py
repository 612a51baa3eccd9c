"""An ONNX model on an NVIDIA card: buffers allocated once, and one CUDA graph for each number of pictures."""

from types import MappingProxyType

import numpy as np

from edge.classifier import Probabilities
from edge.engine.onnx_session import CUDA, onnxruntime, open_session
from edge.engine.pinned import pinned
from edge.engine.tuning import ONE_THREAD, Tuning
from edge.preprocess import Image

BATCHES = (1, 8)
"""Pictures at a time of a model with a free batch. Few, for each has a session of its own: one session that changed its
shape would build its convolutions anew, and leave the graph recorded before with kernels that are gone."""
WARM_UP = 3
"""Calls: the first chooses the convolutions' kernels, the second is recorded as a graph, the third replays it."""
SETTINGS = MappingProxyType(
    {
        "device_id": "0",
        "enable_cuda_graph": "1",  # one launch instead of one for each kernel: on an H200 0.87 ms instead of 1.72
        "prefer_nhwc": "1",  # how tensor cores compute: 0.62 ms
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        # Not fuse_conv_bias: 3 % faster (8 pictures: 16 %), but 10 s of compiling, at each restart after a fault.
    }
)


class OnnxCuda:
    """One model in onnxruntime. Raises ProviderError when any part of it does not run on the card.

    Pictures travel as uint8, a quarter of the bytes of float32: the graph casts them on the card.
    """

    def __init__(self, model: bytes, _tuning: Tuning = ONE_THREAD) -> None:
        self._smallest = self._largest = _FixedBatch(model, BATCHES[0])
        if self._smallest.could_take_more:
            self._largest = _FixedBatch(model, BATCHES[-1])

    @property
    def batch(self) -> int:
        """Pictures that are computed together."""
        return self._largest.batch

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        starts = range(0, len(inputs), self.batch)
        return np.concatenate([self._classify(inputs[start : start + self.batch]) for start in starts])

    def _classify(self, part: Image) -> Probabilities:
        return (self._smallest if len(part) <= self._smallest.batch else self._largest)(part)


class _FixedBatch:
    """The model for one number of pictures: no address ever changes, so the card replays one recorded graph."""

    def __init__(self, model: bytes, batch: int) -> None:
        library = onnxruntime()
        self._session = open_session(model, CUDA, library.SessionOptions(), SETTINGS)
        source, target = self._session.get_inputs()[0], self._session.get_outputs()[0]
        self.could_take_more = not isinstance(source.shape[0], int)
        self.batch = batch if self.could_take_more else source.shape[0]
        self._staging = pinned((self.batch, *source.shape[1:]))
        allocate = library.OrtValue.ortvalue_from_shape_and_type
        self._input = allocate(self._staging.shape, np.uint8, "cuda", 0)
        self._output = allocate((self.batch, *target.shape[1:]), np.float32, "cuda", 0)
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input(source.name, self._input)
        self._binding.bind_ortvalue_output(target.name, self._output)
        for _ in range(WARM_UP):
            self(self._staging)

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify at most `batch` pictures; in the places that are left over, the card computes older ones again."""
        self._staging[: len(inputs)] = inputs
        self._input.update_inplace(self._staging)
        self._session.run_with_iobinding(self._binding)
        return np.asarray(self._output.numpy()[: len(inputs)], np.float32)
