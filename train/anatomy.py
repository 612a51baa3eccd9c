"""Parts of a finished network: its temperature, and where in a photo each class is seen."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train.batches import predict
from train.model import BACKBONE, LOGITS

CENTRED = "centre"
"""The layer whose output the backbone takes."""


def fold_temperature(model: keras.Model, temperature: float) -> None:
    """Divide the logits inside `model`, so that Keras, ONNX and TFLite give calibrated probabilities alike."""
    layer = model.get_layer(LOGITS)
    layer.set_weights([np.asarray(weight) / np.float32(temperature) for weight in layer.get_weights()])


def class_activation(model: keras.Model, batch: int) -> Callable[[Image], NDArray[np.float32]]:
    """A function from (N, size, size, 3) uint8 RGB to maps (N, h, w, classes): what each place adds to each logit.

    CAM (Zhou et al. 2016). Our network averages its last features over all places and has one layer after that, for
    which CAM is exact (a map's mean plus the bias is the logit), Grad-CAM (Selvaraju et al. 2017) is the same but for
    a factor, and no gradient of any backend is needed.
    """
    backbone = model.get_layer(BACKBONE)
    features = keras.Model(backbone.input, backbone.layers[-1].input)
    places = keras.Model(model.input, features(model.get_layer(CENTRED).output))
    kernel = np.asarray(model.get_layer(LOGITS).get_weights()[0])
    return lambda photos: predict(places, photos, batch) @ kernel
