import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.engine.onnx_cpu import OnnxCpu, overflows

SIZE, CHANNELS, MOST = 8, 16, 127


def test_eight_bit_products_do_not_overflow() -> None:
    """The brightest photo and the largest weights: on x86 without VNNI, sums of two products fit no 16 bits."""
    answer = OnnxCpu(_convolution())(np.full((1, SIZE, SIZE, 3), 255, np.uint8))

    np.testing.assert_allclose(answer, CHANNELS * 255.0, rtol=0.01)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("model name\t: Xeon\nflags\t\t: fpu avx avx2 avx512f avx512vl\n", True),
        ("model name\t: Xeon\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", False),
        ("model name\t: Core\nflags\t\t: fpu avx2 avx_vnni\n", False),
        ("Features\t: fp asimd asimddp\nCPU part\t: 0xd0b\n", False),
    ],
)
def test_only_x86_without_vnni_overflows(cpuinfo: str, *, expected: bool) -> None:
    """Elsewhere the fast kernels are exact."""
    assert overflows(cpuinfo) is expected


def _convolution() -> bytes:
    """Quantized: each photo's mean in many channels, then their sum: (1, size, size, 3) uint8 -> (1, 1, size, size)."""
    constants = {
        "photo_scale": np.float32(1), "photo_zero": np.uint8(0),
        "mean_scale": np.float32(1 / (3 * MOST)), "mean_zero": np.int8(0),
        "means": np.full((CHANNELS, 3, 1, 1), MOST, np.int8),
        "many_scale": np.float32(1), "many_zero": np.uint8(0),
        "sum_scale": np.float32(1 / MOST), "sum_zero": np.int8(0),
        "sums": np.full((1, CHANNELS, 1, 1), MOST, np.int8),
        "out_scale": np.float32(CHANNELS),
    }  # fmt: skip
    nodes = [
        helper.make_node("Transpose", ["photo"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("DequantizeLinear", ["planes", "photo_scale", "photo_zero"], ["real"]),
        helper.make_node("DequantizeLinear", ["means", "mean_scale", "mean_zero"], ["real_means"]),
        helper.make_node("Conv", ["real", "real_means"], ["channels"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["channels", "many_scale", "many_zero"], ["many"]),
        helper.make_node("DequantizeLinear", ["many", "many_scale", "many_zero"], ["real_many"]),
        helper.make_node("DequantizeLinear", ["sums", "sum_scale", "sum_zero"], ["real_sums"]),
        helper.make_node("Conv", ["real_many", "real_sums"], ["total"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["total", "out_scale", "many_zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "out_scale", "many_zero"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return content
