"""What the line, the evaluation and the export ask of an engine: uint8 crops in, calibrated probabilities out."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image

Probabilities = NDArray[np.float32]
"""(N, classes) float32, each row sums to one."""


class Classifier(Protocol):
    """One model, ready to run."""

    def __call__(self, inputs: Image) -> Probabilities:
        """Classify (N, size, size, 3) uint8 RGB. Engines of a TFLite file or of a static batch take N = 1."""
