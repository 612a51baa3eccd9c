"""The head: a large extra dataset counts no more in it than in the epochs after it."""

import keras
import numpy as np

from train.batches import predict
from train.head import fit_head
from train.model import build
from train.settings import Settings
from train.training_setup import TrainingSet, TrainingSetup

OWN, EXTRA, SIZE = 64, 640, 32
DARK_AND_BRIGHT = np.repeat(np.uint8([40, 200]), SIZE * SIZE * 3).reshape(2, SIZE, SIZE, 3)


def test_many_extra_photos_do_not_rule_the_head() -> None:
    """Ten times as many that say the opposite are outvoted at a share of 4 %."""
    keras.utils.set_random_seed(3)
    model = build(2, SIZE)
    setup = TrainingSetup.of(_dark_and_bright_and_the_opposite(), _settings(extra_share=0.04))

    fit_head(model, setup)

    assert list(predict(model, DARK_AND_BRIGHT, 2).argmax(axis=1)) == [0, 1]


def test_all_at_once_count_as_in_an_epoch_that_draws() -> None:
    """The extra photos have the share of all weights that was asked."""
    for share in (0.04, 0.25, 0.9):
        weights = TrainingSetup.of(_dark_and_bright_and_the_opposite(), _settings(extra_share=share)).weights_at_once

        assert abs(weights[OWN:].sum() / weights.sum() - share) < 0.5 / OWN


def _dark_and_bright_and_the_opposite() -> TrainingSet:
    shown = np.arange(OWN + EXTRA) % 2
    return TrainingSet(
        images=DARK_AND_BRIGHT[shown],
        labels=np.where(np.arange(OWN + EXTRA) < OWN, shown, 1 - shown).astype(np.int64),
        own=OWN,
        classes=2,
        validation_images=np.empty((0, SIZE, SIZE, 3), np.uint8),
        validation_labels=np.empty(0, np.int64),
    )


def _settings(extra_share: float) -> Settings:
    return Settings(weights="none", size=SIZE, augment=0.0, backgrounds=0.0, extra_share=extra_share)
