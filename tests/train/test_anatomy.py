"""Parts of a finished network: they add up to what it answers."""

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from train.anatomy import class_activation, fold_temperature
from train.calibration import logits, temper
from train.model import LOGITS, build

SIZE = 64


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Random weights, a bias in its head, and logits small enough for probabilities between 0 and 1."""
    keras.utils.set_random_seed(0)
    model = build(3, SIZE)
    layer = model.get_layer(LOGITS)
    layer.set_weights([0.02 * layer.get_weights()[0], np.array([0.1, -0.2, 0.3], np.float32)])
    return model


@pytest.fixture
def photos() -> NDArray[np.uint8]:
    """Five of noise."""
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


def test_the_places_of_a_photo_add_up_to_its_logits(model: keras.Model, photos: NDArray[np.uint8]) -> None:
    """The mean over the 2 x 2 places plus the bias is the logit of each class, but for a constant a photo."""
    maps = class_activation(model, 4)(photos)

    summed = maps.mean(axis=(1, 2)) + model.get_layer(LOGITS).get_weights()[1]
    answered = logits(model.predict(photos, verbose=0))
    assert maps.shape == (5, 2, 2, 3)
    assert np.allclose(summed - summed[:, :1], answered - answered[:, :1], atol=1e-3)


def test_a_temperature_inside_the_model_is_one_outside(model: keras.Model, photos: NDArray[np.uint8]) -> None:
    """The folded model gives what its probabilities become at that temperature, and decides the same."""
    before = model.predict(photos, verbose=0)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())

    fold_temperature(copy, 1.8)

    after = copy.predict(photos, verbose=0)
    assert np.allclose(after, temper(before, 1.8), atol=1e-5)
    assert not np.allclose(after, before, atol=1e-3)
    assert np.array_equal(after.argmax(axis=1), before.argmax(axis=1))
