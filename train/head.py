"""The first stage: a head on the features of the frozen backbone, which runs only once over the photos."""

import keras
import numpy as np
from numpy.typing import NDArray

from train.augment import augmented
from train.batches import PLAIN, Views, open_batches
from train.checkpoint import Row
from train.model import LOGITS, feature_model
from train.progress import stage
from train.settings import DROPOUT, FORWARD_BATCH, HEAD_RATE, HEAD_VIEWS
from train.training_setup import TrainingSetup


def fit_head(model: keras.Model, setup: TrainingSetup) -> list[Row]:
    """Fit the last layer of `model` to the features of each photo, plain and in HEAD_VIEWS varied views."""
    with stage("features of every photo"):
        features = _features(model, setup)
    views = len(features) // len(setup.training_set.images)
    head = _head(features.shape[1], setup.training_set.classes)
    setup.compile(head, keras.optimizers.Adam(HEAD_RATE))
    with stage("head"):
        fitted = head.fit(
            features,
            np.tile(setup.targets.one_hot, (views, 1)),
            sample_weight=np.tile(setup.weights_at_once, views),
            batch_size=FORWARD_BATCH,
            epochs=setup.settings.head_epochs,
            verbose=0,
        )
    model.get_layer(LOGITS).set_weights(head.get_layer(LOGITS).get_weights())
    columns = {name: fitted.history[name] for name in ("loss", "accuracy")}
    return [
        {"stage": "head", "epoch": epoch + 1, **{name: values[epoch] for name, values in columns.items()}}
        for epoch in range(len(fitted.epoch))
    ]


def _head(width: int, classes: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((width,)),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(classes, name=LOGITS),
            keras.layers.Softmax(),
        ]
    )


def _features(model: keras.Model, setup: TrainingSetup) -> NDArray[np.float32]:
    extractor = feature_model(model)
    plain = _outputs(extractor, setup, PLAIN, 1)
    if not setup.unmixed.variety.varies:
        return plain
    return np.concatenate([plain, _outputs(extractor, setup, setup.unmixed, HEAD_VIEWS)])


def _outputs(extractor: keras.Model, setup: TrainingSetup, views: Views, times: int) -> NDArray[np.float32]:
    """Features of so many views of every photo; in batches of one shape, for XLA compiles each shape."""
    count = times * len(setup.training_set.images)
    full = -(-count // FORWARD_BATCH) * FORWARD_BATCH
    images, seed = setup.training_set.images, setup.settings.seed
    places = np.arange(full) % len(images)
    network = augmented(extractor, views.variety)
    with open_batches(images, lambda _: places, FORWARD_BATCH, views, seed) as batches:
        return np.asarray(network.predict(batches, verbose=0), np.float32)[:count]
