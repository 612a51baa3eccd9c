"""What --quantize may ask for: the file, format, precision and intended provider of each variant."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Format = Literal["onnx", "tflite"]
Precision = Literal["fp32", "fp16", "dynamic", "int8"]
Provider = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Kind:
    """One kind of variant."""

    name: str
    """As --quantize calls it."""
    format: Format
    precision: Precision
    provider: Provider = "cpu"
    """What it is made for."""

    @property
    def file(self) -> str:
        """Its name in the bundle."""
        return f"model-{self.precision}.{self.format}"


KINDS = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("int8", "onnx", "int8"),
            Kind("fp32", "onnx", "fp32"),
            Kind("fp16", "onnx", "fp16", "cuda"),
            Kind("tflite-int8", "tflite", "int8"),
            Kind("tflite-fp32", "tflite", "fp32"),
            Kind("tflite-fp16", "tflite", "fp16"),
            Kind("tflite-dynamic", "tflite", "dynamic"),
        )
    }
)
