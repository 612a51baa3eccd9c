"""Turns the float32 ONNX file into one for CUDA that computes in float16, softmax in float32."""

from pathlib import Path

from export.canonical import canonical
from export.onnx_float import before_weights
from export.quiet import prints_held


def write_fp16_onnx(float_onnx: Path, target: Path) -> None:
    """Write `target`: the same input and output as `float_onnx`, float16 weights and activations between.

    Cast and mean subtraction stay float32, and so does softmax: its powers leave float16's range.
    """
    import onnx
    from onnxruntime.transformers import float16

    model = onnx.load(float_onnx)
    front = [node.name for node in before_weights(model.graph)]
    kept = [*float16.DEFAULT_OP_BLOCK_LIST, "Softmax"]
    with prints_held():
        half = float16.convert_float_to_float16(model, keep_io_types=True, op_block_list=kept, node_block_list=front)
    canonical(half.graph)
    onnx.checker.check_model(half, full_check=True)
    onnx.save(half, target)
