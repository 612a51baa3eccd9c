"""Host memory that the graphics card reads by itself, without the driver copying it aside first."""

import ctypes
import logging
import math
import mmap
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


def pinned(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A page-locked array of zeros; an ordinary one, and a warning, where CUDA refuses.

    It has its pages to itself, and unlocks them before they are freed: memory that has been in part locked before, by
    whoever had it then, can't be copied to the card at all.
    """
    size = math.prod(shape)
    span = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = np.zeros(span + mmap.PAGESIZE, np.uint8)
    begin = -memory.ctypes.data % mmap.PAGESIZE
    # onnxruntime allocates none for Python: the CUDA runtime that it has loaded locks what there is.
    runtime = _loaded("libcudart.so")
    status = _lock(ctypes.CDLL(runtime), memory, memory.ctypes.data + begin, span) if runtime else -1
    if status:
        log.warning("pinned-memory refused status=%d: copies to the graphics card take longer", status)
    return memory[begin : begin + size].reshape(shape)


def _lock(runtime: ctypes.CDLL, memory: NDArray[np.uint8], address: int, size: int) -> int:
    """CUDA's error code; `memory` owns what is locked, for as long as it lives."""
    register, unregister = runtime.cudaHostRegister, runtime.cudaHostUnregister
    register.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint)
    unregister.argtypes = (ctypes.c_void_p,)
    status: int = register(address, size, 0)
    if not status:
        weakref.finalize(memory, unregister, address).atexit = False  # the process's end unlocks everything
    return status


def _loaded(library: str) -> str:
    """Path of a library that this process has loaded; empty when it has not."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.split()[-1] for line in maps if f"/{library}" in line), "")
