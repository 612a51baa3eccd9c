"""Turns the Keras network into a float32 ONNX file: NCHW inside, BatchNorm folded, static batch of one."""

import gc
import os
from pathlib import Path
from typing import Any

from edge.errors import Refused, SortlineError
from export.canonical import canonical
from export.model import Network
from export.quiet import noise_held

OPSET = 17
"""21 fails in tf2onnx, 18 leaves a Transpose inside the network."""
INPUT, OUTPUT = "image", "probabilities"
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that multiply by trained weights."""


def write_float_onnx(network: Network, size: int, folder: Path) -> Path:
    """Write folder/float.onnx, which takes (1, size, size, 3) uint8. Raises SortlineError or Refused."""
    raw, target = folder / "converted.onnx", folder / "float.onnx"
    with noise_held():
        _convert(network, size, raw)
        gc.collect()  # tf2onnx leaves its graphs in cycles: 3 GB for ResNet50
        _fold(raw, target)
        _settle(target)
    refuse_transposes(target)
    return target


def before_weights(graph: Any) -> list[Any]:
    """The nodes that see only the input, not yet any trained weight: cast, mean subtraction, Transpose.

    `graph` is sorted, as ONNX demands.
    """
    downstream: set[str] = set()
    front = []
    for node in graph.node:
        if node.op_type in WEIGHTED or downstream & set(node.input):
            downstream |= set(node.output)
        else:
            front.append(node)
    return front


def refuse_transposes(path: Path) -> None:
    """Raises Refused when a Transpose remains beside the one that brings the NHWC input to NCHW."""
    import onnx

    graph = onnx.load(path).graph
    transposes = [node.name for node in graph.node if node.op_type == "Transpose"]
    at_input = [node.name for node in before_weights(graph) if node.op_type == "Transpose"]
    if len(at_input) > 1 or transposes != at_input:
        raise Refused(
            f"expected one Transpose at the input of the ONNX graph, found {transposes}; "
            "a layer that flattens or permutes pixels forces them, pool globally instead"
        )


def _convert(network: Network, size: int, target: Path) -> None:
    # Unset, tf2onnx copies the graph before each of its passes (8 GB for ResNet50) and goes on without one that fails.
    os.environ["TF2ONNX_CATCH_ERRORS"] = "FALSE"
    import onnx
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((1, size, size, 3), tf.uint8, name=INPUT)]
    forward = tf.function(lambda image: network(image, training=False), signature, autograph=False)
    try:
        model, _ = tf2onnx.convert.from_function(forward, input_signature=signature, opset=OPSET)
        _name_output(model.graph)
        onnx.checker.check_model(model)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SortlineError(
            f"expected a network that tf2onnx {tf2onnx.__version__} converts, it says: {reason[0]}"
        ) from error
    onnx.save(model, target)


def _name_output(graph: Any) -> None:
    """Call the output what it is; tf2onnx leaves "Identity:0"."""
    old = graph.output[0].name
    for node in graph.node:
        node.output[:] = [OUTPUT if name == old else name for name in node.output]
    graph.output[0].name = OUTPUT


def _fold(raw: Path, target: Path) -> None:
    """Fold BatchNorm into the convolutions: trained ones stay as Mul and Add after tf2onnx, and cost int8 nine points.

    The model goes in by path: given in memory, onnxruntime 1.32 splits its weights off and then fails to find them.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(str(raw), str(target), skip_symbolic_shape=True)


def _settle(target: Path) -> None:
    import onnx

    model = onnx.load(target)
    canonical(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
