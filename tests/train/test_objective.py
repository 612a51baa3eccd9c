"""The objective: cross-entropy, and with costs answers that would rather err cheaply."""

import keras
import numpy as np
import pytest

from train.objective import Objective
from train.settings import Costs

TRUTH = np.eye(3, dtype=np.float32)
ANSWERS = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.5, 0.1, 0.4]], np.float32)


def test_without_costs_it_is_smoothed_crossentropy() -> None:
    """Keras' own, to the bit."""
    wanted = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(TRUTH, ANSWERS)

    assert float(Objective(0.1)(TRUTH, ANSWERS)) == float(wanted)


def test_with_costs_it_adds_what_answers_are_expected_to_cost() -> None:
    """With a mean of 1 over the mistakes: costs of 0, 2 and 4 here, six mistakes, 12 in all."""
    costs = ((0.0, 4.0, 0.0), (2.0, 0.0, 2.0), (4.0, 0.0, 0.0))

    added = float(Objective(0.0, costs)(TRUTH, ANSWERS)) - float(Objective(0.0)(TRUTH, ANSWERS))

    assert added == pytest.approx(np.mean([4 * 0.2, 2 * 0.3 + 2 * 0.1, 4 * 0.5]) / 2, rel=1e-5)


def test_training_with_costs_prefers_the_cheap_mistake() -> None:
    """What looks the same is of class 0 in six of ten cases; calling class 1 a 0 is dear: then the answer is 1."""
    dear = ((0.0, 0.1), (10.0, 0.0))

    assert _answer(()) == 0
    assert _answer(dear) == 1


def _answer(costs: Costs) -> int:
    targets = np.eye(2, dtype=np.float32)[([0] * 6 + [1] * 4) * 60]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.1), Objective(0.1, costs), jit_compile=False)
    model.fit(np.zeros((600, 1), np.float32), targets, batch_size=10, shuffle=False, verbose=0)
    return int(np.argmax(model.predict(np.zeros((1, 1), np.float32), verbose=0)))
