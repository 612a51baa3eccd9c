"""Quantizes the float32 ONNX file by NNCF, where that is installed: ranges from photos, biases corrected for them."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from edge.errors import Unavailable
from edge.photos.dataset import Photo
from edge.preprocess import model_input
from export.canonical import canonical
from export.onnx_float import INPUT, before_weights
from export.progress import watched
from export.quiet import noise_held


def installed() -> bool:
    """Whether NNCF can be used here."""
    return importlib.util.find_spec("nncf") is not None


def require_nncf() -> None:
    """Raises Unavailable where NNCF is not installed."""
    if not installed():
        raise Unavailable("--calibrate nncf: expected NNCF, found none; install nncf, or take --calibrate percentile")


def write_nncf_onnx(
    float_onnx: Path, photos: Sequence[Photo], size: int, in_float: Sequence[str], target: Path
) -> None:
    """Write `target`; the nodes `in_float` stay in float, as cast, mean subtraction and softmax do."""
    os.environ["NNCF_CI"] = "1"  # NNCF would send usage events
    import onnx

    with noise_held():
        import nncf

        model = onnx.load(float_onnx)
        kept = [*(node.name for node in before_weights(model.graph)), *in_float]
        inputs = [{INPUT: model_input(photo.path, size)[None]} for photo in watched(photos, "calibrating nncf")]
        quantized = nncf.quantize(
            model,
            nncf.Dataset(inputs),
            subset_size=len(inputs),
            target_device=nncf.TargetDevice.CPU,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
        )
    canonical(quantized.graph)
    onnx.checker.check_model(quantized)
    onnx.save(quantized, target)
