"""manifest.json: what a bundle says about itself; a signature covers its bytes, and it the hash of everything else."""

from typing import Literal

import msgspec

from edge.errors import BundleError

FORMAT = 1


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model file of a bundle."""

    file: str
    format: Literal["onnx", "tflite"]
    precision: Literal["fp32", "fp16", "dynamic", "int8"]
    """dynamic: int8 weights, float activations (TFLite)."""
    provider: Literal["cpu", "cuda"]
    """What it was made for."""
    sha256: str
    bytes: int
    tolerance: float
    """Largest difference of a probability that the golden self-test forgives on another machine."""
    parity: dict[str, float]
    """Figures of the gate that it passed: agreement, accuracy, accuracy_drop, max_abs_dp, …"""


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every variant takes: (N, size, size, 3) uint8."""

    size: int
    layout: Literal["NHWC"] = "NHWC"
    dtype: Literal["uint8"] = "uint8"
    channels: Literal["RGB"] = "RGB"


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle says about itself."""

    format: int = FORMAT
    id: str
    """Name and version, as decisions and logs cite it."""
    version: int
    """Grows with every bundle of this name."""
    labels: tuple[str, ...]
    input: InputSpec
    temperature: float
    """Divides the logits; already inside the graph's softmax, here for people."""
    variants: tuple[Variant, ...]
    golden_sha256: str
    parity_sha256: str
    dataset: dict[str, str]
    training: dict[str, str]
    tools: dict[str, str]
    created: str
    """ISO 8601 UTC."""


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of manifest.json, which a signature covers."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes, where: str) -> Manifest:
    """Raises BundleError for a manifest that is not ours or contradicts itself."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"{where}: {error}") from error
    if manifest.format != FORMAT:
        raise BundleError(f"{where}: expected format {FORMAT}, found {manifest.format}; update sortline")
    if not manifest.variants or len(set(manifest.labels)) < 2:
        raise BundleError(f"{where}: expected two labels and a variant, found {manifest.labels}")
    return manifest
