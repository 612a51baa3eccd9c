"""The network: uint8 RGB photos in, probabilities out, with everything after the resize inside the graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.errors import RunError, Unavailable
from train.settings import DROPOUT, EVERYTHING, NORM_MOMENTUM, PARTS

MEAN_RGB = (123.68, 116.779, 103.939)
"""Subtracted by keras.applications' "caffe" preprocessing, in whose terms ResNet50 weights are."""
KERAS_3 = ".weights.h5"
"""Keras tells its own weights from those of older versions by this end of their file's name."""
BACKBONE, FEATURES, LOGITS = "resnet50", "dropout", "logits"


def build(classes: int, size: int, *, freeze_norm: bool = False) -> keras.Model:
    """(N, size, size, 3) uint8 RGB -> (N, classes) float32 probabilities; core Keras layers only.

    `freeze_norm` keeps BatchNorm in inference mode while training: the statistics of small batches would spoil
    pretrained weights. It is done by `trainable`, because the way of Keras' transfer-learning guide, calling the
    backbone with training=False, is overridden by `fit` in Keras 3.15: the statistics then move all the same.
    """
    photos = keras.Input((size, size, 3), dtype="uint8", name="photo")
    centred = layers.Rescaling(1.0, [-mean for mean in MEAN_RGB], dtype="float32", name="centre")(photos)
    backbone = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg", name=BACKBONE
    )
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable, layer.momentum = not freeze_norm, NORM_MOMENTUM
    dropped = layers.Dropout(DROPOUT, name=FEATURES)(backbone(centred))
    logits = layers.Dense(classes, dtype="float32", name=LOGITS)(dropped)
    return keras.Model(photos, layers.Softmax(dtype="float32", name="probabilities")(logits), name="sortline")


def unfreeze(model: keras.Model, first: str, frozen: str) -> None:
    """Let the parts of the backbone from `first` on learn, and the head, but none up to `frozen`; never BatchNorm.

    Both as in `train.settings.Settings`. Call it before `compile`.
    """
    begin = 0 if first == EVERYTHING else PARTS.index(first)
    learning = PARTS[max(begin, 0 if frozen == "none" else PARTS.index(frozen) + 1) :]
    for layer in model.get_layer(BACKBONE).layers:
        if not isinstance(layer, layers.BatchNormalization):
            layer.trainable = layer.name.startswith(learning)


def feature_model(model: keras.Model) -> keras.Model:
    """The same network up to the pooled features, (N, 2048)."""
    return keras.Model(model.input, model.get_layer(FEATURES).input)


def load_backbone(model: keras.Model, weights: str) -> None:
    """Fill the backbone of `model` from a file, "imagenet" or "none", and turn its first layer from BGR to RGB.

    Such weights expect BGR ("caffe"); with conv1's input channels swapped they take the RGB that this model feeds.
    Raises RunError for a file that is missing or does not fit, Unavailable when ImageNet's cannot be fetched.
    """
    if weights == "none":
        return
    backbone = model.get_layer(BACKBONE)
    if weights == "imagenet":
        backbone.set_weights(_imagenet(backbone.input_shape[1:]))
    else:
        _load_file(backbone, Path(weights))
    kernel = backbone.get_layer("conv1_conv").kernel
    kernel.assign(np.asarray(keras.ops.convert_to_numpy(kernel))[:, :, ::-1, :])


def blend(model: keras.Model, start: list[np.ndarray], end: list[np.ndarray], share: float) -> None:
    """Set `model` to `share` of the `end` weights and the rest of the `start` weights."""
    model.set_weights([(1 - share) * a + share * b for a, b in zip(start, end, strict=True)])


def numpy_weights(model: keras.Model) -> list[np.ndarray]:
    """The weights on the host; copies, for torch on the CPU gives its own memory."""
    return [np.array(value) for value in model.get_weights()]


@contextmanager
def built_with(policy: str) -> Iterator[None]:
    """Layers built inside the block have this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _imagenet(shape: tuple[int, int, int]) -> list[np.ndarray]:
    try:
        model = keras.applications.ResNet50(include_top=False, weights="imagenet", input_shape=shape, pooling="avg")
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise Unavailable(
            f"--weights imagenet: expected to fetch Keras' ImageNet weights, found {_first_line(error)}"
        ) from error
    return numpy_weights(model)


def _load_file(backbone: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise RunError(f"--weights: expected a file, imagenet or none, found nothing at {str(path)!r}")
    try:
        backbone.load_weights(path)
    except Exception as error:  # by format: OSError, ValueError, KeyError, TypeError
        named = "" if path.name.endswith(KERAS_3) else f" (what Keras 3 saved must have a name that ends in {KERAS_3})"
        raise RunError(
            f"{path}: expected weights of keras.applications.ResNet50 without top{named}, found {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
