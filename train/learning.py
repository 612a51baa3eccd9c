"""The recipe: a head on frozen features, then the whole network gently, then an average of both."""

from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train import device
from train.augment import augmenter
from train.batches import Lessons, class_weights, extra_drawn, open_batches, predict, shuffled
from train.model import LOGITS, blend, build, built_with, feature_model, load_backbone, numpy_weights
from train.progress import stage, verbosity
from train.settings import (
    DROPOUT,
    EMA_SHARE,
    FINAL_RATE_SHARE,
    HEAD_RATE,
    HEAD_VIEWS,
    WARMUP_SHARE,
    WEIGHT_DECAY,
    Settings,
)


@dataclass(frozen=True)
class Pupils:
    """What training sees."""

    images: Image
    """(N, size, size, 3) uint8 RGB: the dataset's own training photos first, then those of the extra datasets."""
    labels: NDArray[np.int64]
    """(N,) class indices."""
    own: int
    """How many of the photos are the dataset's own."""
    classes: int


@dataclass(frozen=True)
class Learned:
    """A trained network and the way to it."""

    model: keras.Model
    """Float32, with the averaged weights in it."""
    head_only: list[NDArray[np.float32]]
    fine_tuned: list[NDArray[np.float32]]
    history: list[dict[str, Any]]
    """One row an epoch: stage, epoch, loss, accuracy."""


def beginner(classes: int, settings: Settings) -> keras.Model:
    """Build the network with the weights that `settings` name. Raises RunError or Unavailable if it can't have them."""
    keras.utils.set_random_seed(settings.seed)
    model = build(classes, settings.size)
    load_backbone(model, settings.weights)
    return model


def learn(model: keras.Model, pupils: Pupils, settings: Settings) -> Learned:
    """Train `model` in place."""
    head_history = _fit_head(model, pupils, settings) if settings.pretrained and settings.head_epochs else []
    start = numpy_weights(model)
    tuned_history = _fine_tune(model, pupils, settings) if settings.epochs else []
    end = numpy_weights(model)
    blend(model, start, end, settings.average)
    return Learned(model, start, end, [*head_history, *tuned_history])


def _fit_head(model: keras.Model, pupils: Pupils, settings: Settings) -> list[dict[str, Any]]:
    """Fit the last layer to the features of each photo, plain and augmented: the frozen backbone runs only once."""
    with stage("features of every photo"):
        features = _features(model, pupils, settings)
    views = len(features) // len(pupils.images)
    lessons = _lessons(pupils, settings)
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(pupils.classes, name=LOGITS),
            keras.layers.Softmax(),
        ]
    )
    _compile(head, keras.optimizers.Adam(HEAD_RATE), settings)
    with stage("head"):
        fitted = head.fit(
            features,
            np.tile(lessons.targets, (views, 1)),
            sample_weight=np.tile(lessons.weights, views),
            batch_size=settings.batch,
            epochs=settings.head_epochs,
            verbose=verbosity(),
        )
    model.get_layer(LOGITS).set_weights(head.get_layer(LOGITS).get_weights())
    return _rows("head", fitted)


def _features(model: keras.Model, pupils: Pupils, settings: Settings) -> NDArray[np.float32]:
    extractor = feature_model(model)
    vary = augmenter(settings.augment, settings.backgrounds)
    varied = repeat(vary, HEAD_VIEWS if vary else 0)
    views = [
        predict(extractor, pupils.images, settings.batch, augment, settings.seed + view)
        for view, augment in enumerate(chain([None], varied))
    ]
    return np.concatenate(views)


def _fine_tune(model: keras.Model, pupils: Pupils, settings: Settings) -> list[dict[str, Any]]:
    """Train a copy of `model` in the precision that suits the device, and bring its weights back."""
    with built_with(device.policy(settings.mixed_precision)):
        copy = build(pupils.classes, settings.size, freeze_norm=settings.pretrained)
    copy.set_weights(numpy_weights(model))
    extra = len(pupils.images) - pupils.own
    order = shuffled(pupils.own, extra, settings.extra_share, settings.batch, settings.seed)
    vary, lessons = augmenter(settings.augment, settings.backgrounds), _lessons(pupils, settings)
    with (
        open_batches(pupils.images, order, settings.batch, vary, settings.seed, lessons) as batches,
        stage(f"whole network, {len(batches)} steps an epoch, {copy.dtype_policy.name}"),
    ):
        _compile(copy, _optimizer(settings.epochs * len(batches), settings), settings)
        fitted = copy.fit(batches, epochs=settings.epochs, verbose=verbosity())
    model.set_weights(numpy_weights(copy))
    return _rows("whole", fitted)


def _optimizer(steps: int, settings: Settings) -> keras.optimizers.Optimizer:
    warmup = round(steps * WARMUP_SHARE)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.lr * FINAL_RATE_SHARE,
        decay_steps=max(1, steps - warmup),
        alpha=FINAL_RATE_SHARE,
        warmup_target=settings.lr,
        warmup_steps=max(1, warmup),
    )
    span = max(1.0, steps * EMA_SHARE)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, use_ema=True, ema_momentum=1 - 1 / span)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _compile(model: keras.Model, optimizer: keras.optimizers.Optimizer, settings: Settings) -> None:
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    model.compile(optimizer, loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
    # Otherwise TensorFlow traces the first step twice: once to make the optimizer's variables, once to use them.
    model.optimizer.build(model.trainable_variables)


def _lessons(pupils: Pupils, settings: Settings) -> Lessons:
    """Targets, and weights by which every class counts the same in an epoch as `shuffled` mixes it."""
    own, extra = pupils.labels[: pupils.own], pupils.labels[pupils.own :]
    drawn = extra_drawn(len(own), len(extra), settings.extra_share)
    counts = np.bincount(own, minlength=pupils.classes) + np.bincount(extra, minlength=pupils.classes) * (
        drawn / max(1, len(extra))
    )
    return Lessons(np.eye(pupils.classes, dtype=np.float32)[pupils.labels], class_weights(counts)[pupils.labels])


def _rows(stage: str, fitted: keras.callbacks.History) -> list[dict[str, Any]]:
    columns = {name: fitted.history[name] for name in ("loss", "accuracy")}
    return [
        {"stage": stage, "epoch": epoch + 1, **{name: values[epoch] for name, values in columns.items()}}
        for epoch in range(len(fitted.epoch))
    ]
