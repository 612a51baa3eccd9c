"""What all steps of training share: the photos, what each of them teaches, how it is varied, and the rules."""

from dataclasses import dataclass, replace
from typing import Self

import keras
import numpy as np
from numpy.typing import NDArray

from edge.preprocess import Image
from train.batches import Order, Targets, Views, class_weights, extra_drawn, shuffled, views_of
from train.objective import Objective
from train.settings import Settings


@dataclass(frozen=True)
class TrainingSet:
    """What training sees."""

    images: Image
    """(N, size, size, 3) uint8 RGB: the dataset's own training photos first, then those of the extra datasets."""
    labels: NDArray[np.int64]
    """(N,) class indices."""
    own: int
    """How many of the photos are the dataset's own."""
    classes: int
    validation_images: Image
    """(M, size, size, 3) uint8 RGB: photos that teach nothing and judge the epochs; M may be 0."""
    validation_labels: NDArray[np.int64]
    """(M,)"""


@dataclass(frozen=True)
class TrainingSetup:
    """TrainingSet, ready for batches."""

    training_set: TrainingSet
    settings: Settings
    targets: Targets
    views: Views

    @classmethod
    def of(cls, training_set: TrainingSet, settings: Settings) -> Self:
        """With weights by which every class counts the same in an epoch."""
        return cls(
            training_set, settings, _targets(training_set, settings), views_of(training_set.images, settings.variety)
        )

    @property
    def unmixed(self) -> Views:
        """Views of one photo each."""
        return replace(self.views, variety=replace(self.views.variety, mixup=0.0, cutmix=0.0))

    @property
    def update_batch(self) -> int:
        """Photos a weight update."""
        return self.settings.update_batch(self.training_set.own)

    @property
    def weights_at_once(self) -> NDArray[np.float32]:
        """(N,) for epochs of all photos: the extra ones together count as much as those that `order` draws."""
        own, extra = self.training_set.own, len(self.training_set.images) - self.training_set.own
        return self.targets.weights * np.repeat(np.float32([1, _drawn_share(own, extra, self.settings)]), [own, extra])

    def order(self) -> Order:
        """Which photos in which order, epoch by epoch."""
        extra, settings = len(self.training_set.images) - self.training_set.own, self.settings
        return shuffled(self.training_set.own, extra, settings.extra_share, self.update_batch, settings.seed)

    def compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Give `model` the loss; in mixed float16 Keras puts its LossScaleOptimizer around `optimizer`."""
        loss = Objective(self.settings.label_smoothing, self.settings.costs)
        model.compile(optimizer, loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
        # Otherwise TensorFlow traces the first step twice: once to make the optimizer's variables, once to use them.
        model.optimizer.build(model.trainable_variables)


def _targets(training_set: TrainingSet, settings: Settings) -> Targets:
    own, extra = training_set.labels[: training_set.own], training_set.labels[training_set.own :]
    drawn_share = _drawn_share(len(own), len(extra), settings)
    counts = np.bincount(own, minlength=training_set.classes) + drawn_share * np.bincount(
        extra, minlength=training_set.classes
    )
    return Targets(
        np.eye(training_set.classes, dtype=np.float32)[training_set.labels], class_weights(counts)[training_set.labels]
    )


def _drawn_share(own: int, extra: int, settings: Settings) -> float:
    """How often an extra photo is in an epoch."""
    return extra_drawn(own, extra, settings.extra_share) / max(1, extra)
