"""What is tried on a trained network before it is judged: other averages of its weights, and its temperature."""

from typing import Any

import keras

from train.anatomy import fold_temperature
from train.batches import predict
from train.calibration import fit_temperature, logits
from train.learning import Learned
from train.material import Material
from train.model import blend
from train.report import judge
from train.settings import FORWARD_BATCH, Settings

AVERAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the fine-tuned weights that are tried on held-out sources, to choose --average by."""


def try_averages(learned: Learned, material: Material, settings: Settings) -> dict[str, Any]:
    """What other averages of the weights would have reached on held-out sources."""
    selection = material.selection
    if not selection.held_out:
        return {}
    by_average = {}
    for share in AVERAGES:
        blend(learned.model, learned.head_only, learned.fine_tuned, share)
        tried = judge(
            selection.dataset.labels, selection.held_out, predict(learned.model, material.held_out, FORWARD_BATCH)
        )
        by_average[str(share)] = {"accuracy": tried.accuracy, "macro_f1": tried.macro_f1}
    blend(learned.model, learned.head_only, learned.fine_tuned, settings.fine_tuned_share)
    return {"held_out_by_average": by_average}


def calibrate(model: keras.Model, material: Material) -> float:
    """Fit the temperature to photos that taught nothing, and fold it into the logits of `model`."""
    training_set = material.training_set
    if not len(training_set.validation_images):
        return 1.0
    temperature = fit_temperature(
        logits(predict(model, training_set.validation_images, FORWARD_BATCH)), training_set.validation_labels
    )
    fold_temperature(model, temperature)
    return temperature
