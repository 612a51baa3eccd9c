"""Turns the Keras network into a float32 ONNX file: NCHW inside, BatchNorm folded, nothing computed for nothing."""

from pathlib import Path
from typing import Any

from edge.errors import Refused, SortlineError
from export.canonical import canonical
from export.lean import make_lean
from export.model import Network
from export.quiet import noise_held

OPSET = 17
"""21 fails in tf2onnx, 18 leaves a Transpose inside the network."""
INPUT, OUTPUT = "image", "probabilities"
PASSES = frozenset(
    {"optimize_transpose", "fold_constants", "global_pool_optimizer", "remove_identity", "remove_back_to_back"}
)
"""Of tf2onnx: those that find anything in a network of convolutions; onnxruntime does the rest."""
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that multiply by trained weights."""


def write_float_onnx(network: Network, size: int, folder: Path, batch: int | None = 1) -> Path:
    """Write folder/float.onnx, which takes (batch, size, size, 3) uint8; None: any number of pictures at a time.

    Raises SortlineError or Refused.
    """
    raw, target = folder / "converted.onnx", folder / "float.onnx"
    with noise_held():
        _convert(network, size, batch, raw)
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


def _convert(network: Network, size: int, batch: int | None, target: Path) -> None:
    import onnx
    import tensorflow as tf
    import tf2onnx

    signature = tf.TensorSpec((batch, size, size, 3), tf.uint8, name=INPUT)
    forward = tf.function(lambda image: network(image, training=False), [signature], autograph=False)
    try:
        model = _traced(forward.get_concrete_function())
        onnx.checker.check_model(model)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SortlineError(
            f"expected a network that tf2onnx {tf2onnx.__version__} converts, it says: {reason[0]}"
        ) from error
    onnx.save(model, target)


def _traced(function: Any) -> Any:
    """The onnx.ModelProto of a concrete tf.function: tf2onnx.convert.from_function, with PASSES instead of all twelve.

    Every pass writes all weights anew into memory that is given back at the end only: 24 times 0.1 GB for ResNet50.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    ends = [function.inputs[0].name], [function.outputs[0].name]
    definition = tf_loader.from_function(function, *ends)
    with tf.device("/cpu:0"), tf.Graph().as_default() as frozen:
        tf.import_graph_def(definition, name="")
        names = dict(zip(ends[0] + ends[1], (INPUT, OUTPUT), strict=True))
        graph = tfonnx.process_tf_graph(
            frozen, opset=OPSET, input_names=ends[0], output_names=ends[1], tensors_to_rename=names
        )
    passes = {name: make for name, make in optimizer._get_optimizers().items() if name in PASSES}  # noqa: SLF001
    return optimizer.optimize_graph(graph, catch_errors=False, optimizers=passes).make_model("sortline")


def _fold(raw: Path, target: Path) -> None:
    """Fold BatchNorm into the convolutions: trained ones stay as Mul and Add after tf2onnx, and cost int8 nine points.

    The model goes in by path: given in memory, onnxruntime 1.32 splits its weights off and then fails to find them.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(str(raw), str(target), skip_symbolic_shape=True)


def _settle(target: Path) -> None:
    import onnx

    model = onnx.load(target)
    make_lean(model.graph)
    canonical(model.graph)
    del model.graph.value_info[:]  # the shapes of before
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
