"""An ONNX model on the processor."""

from pathlib import Path

import numpy as np

from edge.classifier import Probabilities
from edge.engine.onnx_session import CPU, onnxruntime, open_session
from edge.engine.tuning import ONE_THREAD, Tuning
from edge.preprocess import Image

_CPUINFO = Path("/proc/cpuinfo")
VNNI = frozenset({"avx_vnni", "avx512_vnni"})


def overflows(cpuinfo: str) -> bool:
    """Whether onnxruntime's fast int8 kernels are inexact on the processor that Linux describes so.

    An x86 without VNNI adds two products of 8 bits in 16, and cuts off what does not fit.
    """
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), None)
    return flags is not None and VNNI.isdisjoint(flags)


class OnnxCpu:
    """One model in onnxruntime. Raises ProviderError when it does not run it."""

    batch = 1

    def __init__(self, model: bytes, tuning: Tuning = ONE_THREAD) -> None:
        options = onnxruntime().SessionOptions()
        # Always set: by default it is the machine's cores, whatever the process may use of them.
        options.intra_op_num_threads = tuning.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(tuning.spinning)))
        if _CPUINFO.is_file() and overflows(_CPUINFO.read_text(encoding="utf-8", errors="replace")):
            # Unsigned weights, whose kernels are exact. Only here: onnxruntime would do so with VNNI, too.
            options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = open_session(model, CPU, options)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB."""
        # No IO binding: with 150 kB in and 16 bytes out its gain is within the noise of the measurement.
        outputs = self._session.run(None, {self._input: inputs})
        return np.asarray(outputs[0], np.float32)
