"""Host memory that the graphics card reads by itself, without the driver copying it aside first."""

import ctypes
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


def pinned(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A page-locked array of zeros, for the life of the process; an ordinary one, and a warning, where CUDA refuses."""
    array = np.zeros(shape, np.uint8)
    # onnxruntime allocates none for Python: the CUDA runtime that it has loaded locks what there is.
    runtime = _loaded("libcudart.so")
    status = -1
    if runtime:
        register = ctypes.CDLL(runtime).cudaHostRegister
        register.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint)
        status = register(array.ctypes.data, array.nbytes, 0)
    if status:
        log.warning("pinned-memory refused status=%d: copies to the graphics card take longer", status)
    return array


def _loaded(library: str) -> str:
    """Path of a library that this process has loaded; empty when it has not."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.split()[-1] for line in maps if f"/{library}" in line), "")
