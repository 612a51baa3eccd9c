"""The recipe: a head on frozen features, then the network stage by stage, then an average of before and after."""

import gc
from dataclasses import dataclass

import keras
import typer

from edge.errors import Unavailable
from train.checkpoint import Arrays, Checkpoint, Notes, Place, Row
from train.head import fit_head
from train.keeping import Keeper
from train.model import blend, build, load_backbone, numpy_weights
from train.progress import stage as announced
from train.settings import AUTO_BATCHES, Settings
from train.stage_training import StageTraining
from train.stages import Stage, stages_of
from train.training_setup import TrainingSet, TrainingSetup

NO_ROOM = ("out of memory", "resource_exhausted", "resource exhausted", "oom when allocating")
"""How TensorFlow, JAX and torch say it: each has its own exception, known only to who imports it."""


@dataclass(frozen=True)
class Learned:
    """A trained network and the way to it."""

    model: keras.Model
    """Float32, with the averaged weights in it."""
    head_only: Arrays
    fine_tuned: Arrays
    history: list[Row]
    """One row an epoch."""


def initial_network(classes: int, settings: Settings) -> keras.Model:
    """Build the network with the weights that `settings` name. Raises RunError or Unavailable if it can't have them."""
    keras.utils.set_random_seed(settings.seed)
    model = build(classes, settings.size)
    load_backbone(model, settings.weights)
    return model


def learn(model: keras.Model, training_set: TrainingSet, settings: Settings, keeper: Keeper) -> Learned:
    """Train `model` in place, from the keeper's checkpoint if there is one.

    Raises Unavailable when not even the smallest batch fits the device, Interrupted, and RunError for a full disk.
    """
    setup = TrainingSetup.of(training_set, settings)
    history, start = _begun(model, setup, keeper)
    with keeper.listening():
        _fine_tune(model, setup, keeper, history, start)
    end = numpy_weights(model)
    blend(model, start, end, settings.fine_tuned_share)
    return Learned(model, start, end, history)


def _begun(model: keras.Model, setup: TrainingSetup, keeper: Keeper) -> tuple[list[Row], Arrays]:
    """The rows and weights with which fine-tuning starts."""
    if keeper.saved:
        return list(keeper.saved.notes.history), keeper.saved.arrays["start"]
    settings = setup.settings
    history = fit_head(model, setup) if settings.pretrained and settings.head_epochs else []
    return history, numpy_weights(model)


def _fine_tune(model: keras.Model, setup: TrainingSetup, keeper: Keeper, history: list[Row], start: Arrays) -> None:
    plan, saved = stages_of(setup.settings), keeper.saved
    for stage in plan[saved.notes.place.stage if saved else 0 :]:
        with announced(f"from {stage.first} on, {stage.epochs} epochs at a rate of up to {stage.rate:g}"):
            _run(model, setup, keeper, stage, history, start)
    if saved and saved.notes.place.stage == len(plan):
        model.set_weights(saved.arrays["network"])
    else:
        keeper.keep(Checkpoint(Notes(place=Place(len(plan)), history=history), _ended(start, model)))


def _ended(start: Arrays, model: keras.Model) -> dict[str, Arrays]:
    return {"start": start, "network": numpy_weights(model)}


def _run(
    model: keras.Model, setup: TrainingSetup, keeper: Keeper, stage: Stage, history: list[Row], start: Arrays
) -> None:
    """One stage, with as many photos at once as the device has room for."""
    saved = keeper.saved if keeper.saved and keeper.saved.notes.place.stage == stage.number else None
    known = len(history)
    for batch in [saved.notes.batch] if saved else batches_to_try(setup.settings, setup.training_set.own):
        try:
            StageTraining(model, setup, keeper, stage, batch, start, history).run(saved)
        except Exception as error:
            if not _no_room(error):
                raise
            del history[known:]
            typer.echo(f"no room for {batch} photos of {setup.settings.size} px at once", err=True)
        else:
            return
        gc.collect()  # the network without room lies in reference cycles, and on the device
    raise Unavailable("expected room on the device for a training step, found none; choose a smaller --batch or auto")


def batches_to_try(settings: Settings, photos: int) -> list[int]:
    """How many photos to compute at once, of those that make a weight update, when there are so many of them."""
    whole = settings.update_batch(photos)
    if settings.batch != "auto":
        return [whole]
    return [batch for batch in AUTO_BATCHES if whole % batch == 0] or [whole]


def _no_room(error: Exception) -> bool:
    said = f"{type(error).__name__} {error}".lower()
    return any(words in said for words in NO_ROOM)
