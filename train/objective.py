"""What training minimises: smoothed cross-entropy, and with costs also what the answers are expected to cost."""

from typing import Any

import keras
import numpy as np

from train.settings import Costs


class Objective(keras.losses.Loss):
    """CE(y, p) + sum over answers k of C[y, k] p[k], with the costs C scaled to a mean of 1 over all mistakes.

    The sum is the expected cost of an answer drawn from p (Elkan, "The foundations of cost-sensitive learning", 2001);
    as a term beside cross-entropy, which alone keeps p sharp, it is the cost-sensitive regularisation of Galdran et
    al., "Cost-sensitive regularization for diabetic retinopathy grading from eye fundus images", MICCAI 2020.
    """

    def __init__(self, label_smoothing: float, costs: Costs = ()) -> None:
        super().__init__(name="objective")
        self._smoothing = label_smoothing
        self._costs = _scaled(costs) if costs else None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(N, classes) targets and probabilities -> (N,) losses."""
        entropy = keras.losses.categorical_crossentropy(y_true, y_pred, label_smoothing=self._smoothing)
        if self._costs is None:
            return entropy
        return entropy + keras.ops.sum(keras.ops.matmul(y_true, self._costs) * y_pred, axis=-1)


def _scaled(costs: Costs) -> np.ndarray:
    table = np.array(costs, np.float32)
    mistakes = table[~np.eye(len(table), dtype=bool)]
    return table / max(float(mistakes.mean()), float(np.finfo(np.float32).tiny))
