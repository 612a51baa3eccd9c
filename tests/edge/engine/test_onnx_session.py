import ctypes
from collections.abc import Callable

import onnxruntime
import pytest

from edge.engine import onnx_session
from edge.engine.onnx_session import CPU, CUDA, open_session
from edge.errors import ProviderError


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            "int cuInit(unsigned flags) { return 100; }",
            "found no card that this process may use: CUDA_VISIBLE_DEVICES is ''",
        ),
        ("int cuInit(unsigned flags) { return 0; }", "there is a card: is it free, and its driver new enough?"),
    ],
)
def test_without_a_card_the_message_says_so(
    c_library: Callable[[str, str], ctypes.CDLL], monkeypatch: pytest.MonkeyPatch, says: str, said: str
) -> None:
    """An onnxruntime for CUDA only says that its options contradict each other."""
    driver = c_library("libcuda.so.1", says)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnx_session, "_missing_library", lambda _: "")
    monkeypatch.setattr(onnx_session.ctypes, "CDLL", lambda _: driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    with pytest.raises(ProviderError) as refused:
        open_session(b"no model", CUDA, onnxruntime.SessionOptions())

    assert str(refused.value).startswith(f"expected CUDAExecutionProvider to run the model, {said}; it refused: ")
