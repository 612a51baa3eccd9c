import ctypes
import gc
import mmap
from collections.abc import Callable

import pytest

from edge.engine import pinned as module
from edge.engine.pinned import pinned

CUDART = r"""
static void *begin[64], *end[64]; static int held;
int cudaHostRegister(char *at, unsigned long size, unsigned flags) {
    for (int i = 0; i < held; i++) if (at < (char *)end[i] && at + size > (char *)begin[i]) return 712;
    if (held == 64) return 2;
    begin[held] = at; end[held++] = at + size; return 0;
}
int cudaHostUnregister(char *at) {
    for (int i = 0; i < held; i++) if (begin[i] == at) { begin[i] = begin[--held]; end[i] = end[held]; return 0; }
    return 713;
}
int locked(void) { return held; }
int covers(char *at, unsigned long size) {
    for (int i = 0; i < held; i++) if (at >= (char *)begin[i] && at + size <= (char *)end[i]) return 1;
    return 0;
}
"""
"""Keeps count as CUDA's runtime does: 712 is cudaErrorHostMemoryAlreadyRegistered."""


@pytest.fixture
def runtime(c_library: Callable[[str, str], ctypes.CDLL], monkeypatch: pytest.MonkeyPatch) -> ctypes.CDLL:
    """A stand-in for CUDA's runtime that this process has loaded."""
    loaded = c_library("libcudart.so.13", CUDART)
    loaded.covers.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    monkeypatch.setattr(module, "_loaded", lambda _: loaded._name)
    return loaded


def test_memory_is_locked_for_as_long_as_something_uses_it(runtime: ctypes.CDLL) -> None:
    """A view of the array keeps it so."""
    array = pinned((2, 5, 5, 3))
    view = array[1:].reshape(-1)

    assert array.shape == (2, 5, 5, 3)
    assert not array.any()
    assert runtime.covers(array.ctypes.data, array.nbytes)
    del array
    gc.collect()
    assert runtime.locked() == 1
    del view
    gc.collect()
    assert runtime.locked() == 0


def test_locked_arrays_share_no_page(runtime: ctypes.CDLL) -> None:
    """Small ones lie side by side on the heap; CUDA locks pages."""
    arrays = [pinned((100,)) for _ in range(8)]

    assert runtime.locked() == 8
    assert len({array.ctypes.data // mmap.PAGESIZE for array in arrays}) == 8


def test_memory_that_comes_back_is_locked_anew(runtime: ctypes.CDLL, caplog: pytest.LogCaptureFixture) -> None:
    """As when several models race on a card: the allocator gives the same addresses again, for other sizes."""
    for pictures in (1, 8, 1, 32, 8):
        array = pinned((pictures, 224, 224, 3))
        assert runtime.covers(array.ctypes.data, array.nbytes)
        del array

    assert not caplog.records


def test_without_cuda_it_is_ordinary_memory(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """And that is said."""
    monkeypatch.setattr(module, "_loaded", lambda _: "")

    assert pinned((3, 4)).shape == (3, 4)
    assert "pinned-memory refused" in caplog.text
