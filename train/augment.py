"""A photo as another camera might have taken it: moved, turned, lit, coloured, blurred, noisy, partly hidden.

It happens on the device, inside the compiled training step, and nothing is random there: `train.views` draws the
numbers on the host. The network that is saved never holds it.
"""

from functools import cache

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from train.backgrounds import belts, mask_bytes
from train.pixels import NOISE_UNIT, Tensor, add_noise, blur, colour, erase, item_masks, mix, on_belt, warp
from train.views import NOISE_STRIP, WIDTH, Variety, fields

PHOTO, DRAWS, ITEM = "photo", "draws", "item"
"""Inputs of an augmented network."""


class Augmentation(layers.Layer):
    """(N, S, S, 3) uint8 photos and what was drawn for them, (N, WIDTH) -> (N, S, S, 3) uint8 views.

    Computes in float32 whatever the policy, and gives back whole grey levels, as a camera does.
    """

    def __init__(self, size: int, variety: Variety) -> None:
        super().__init__(dtype="float32", trainable=False, name="augmentation")
        self._size, self._variety = size, variety
        self._noise = keras.Variable(_noise_strip(size), dtype="int8", trainable=False, name="noise")
        if variety.backgrounds:
            self._belts = keras.Variable(belts(size), dtype="uint8", trainable=False, name="belts")

    def call(self, photo: Tensor, draws: Tensor, item: Tensor | None = None) -> Tensor:
        """Views; `item`, (N, mask_bytes) uint8, says which pixels of a product shot are its item."""
        drawn, variety = fields(draws), self._variety
        view = ops.cast(photo, "float32")
        if item is not None:
            view = ops.round(on_belt(view, item_masks(item, self._size), self._belts, drawn["belt"]))
        if variety.strength:
            view = blur(warp(view, drawn["to_source"], drawn["border"], drawn["fill"]), drawn["blur"])
            view = colour(view, drawn["colour"])
            view = add_noise(view, self._noise, drawn["noise"])
            view = erase(view, drawn["erase"], drawn["erased"])
        if variety.mixes:
            view = mix(view, drawn["blend"], drawn["paste"])
        return ops.cast(ops.round(view), "uint8")


def augmented(model: keras.Model, variety: Variety) -> keras.Model:
    """`model` behind an augmentation: it trains the very same weights, and `model` alone is what one saves.

    Its inputs are those of `train.batches.PhotoBatches` with the same `variety`; without variety it is `model` itself.
    """
    if not variety.varies:
        return model
    size = model.input_shape[1]
    inputs = {
        PHOTO: keras.Input((size, size, 3), dtype="uint8", name=PHOTO),
        DRAWS: keras.Input((WIDTH,), dtype="float32", name=DRAWS),
    }
    if variety.backgrounds:
        inputs[ITEM] = keras.Input((mask_bytes(size),), dtype="uint8", name=ITEM)
    return keras.Model(inputs, model(Augmentation(size, variety)(*inputs.values())), name="augmented")


@cache
def _noise_strip(size: int) -> NDArray[np.int8]:
    """White noise to cut from, (rows, size * 3): drawing it anew would cost more than all else together."""
    noise = np.random.default_rng(0).standard_normal((NOISE_STRIP * size, size * 3), np.float32)
    return np.asarray(np.rint(noise * NOISE_UNIT).clip(-127, 127), np.int8)
