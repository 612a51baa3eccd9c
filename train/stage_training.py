"""One stage of fine-tuning in the making: a training copy of the network, its optimizer, and epoch after epoch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.metrics import f1_score

from train import device
from train.augment import augmented
from train.batches import PhotoBatches, open_batches, predict
from train.checkpoint import Arrays, Checkpoint, Notes, Part, Place, Row, merged
from train.keeping import Keeper
from train.model import build, built_with, numpy_weights, unfreeze
from train.optimizer import Averaging, averaging_part
from train.progress import Show, epoch_bar, say_epoch
from train.settings import FORWARD_BATCH
from train.stages import Stage
from train.steps import Boundaries, Rest, assign, means_so_far, values_of
from train.training_setup import TrainingSetup


@dataclass(frozen=True)
class Best:
    """The weights after that epoch of a stage whose averages judged best."""

    macro_f1: float
    epoch: int
    weights: Arrays
    """None of them: no epoch was judged."""


class StageTraining:
    """Trains a copy of a network, in the precision that suits the device, on `batch` photos at once."""

    def __init__(
        self,
        model: keras.Model,
        setup: TrainingSetup,
        keeper: Keeper,
        stage: Stage,
        batch: int,
        start: Arrays,
        history: list[Row],
    ) -> None:
        """`start` and `history` are the run's weights before fine-tuning and its rows: they go into checkpoints."""
        self._model, self._setup, self._keeper, self._stage = model, setup, keeper, stage
        self._batch, self._start, self._history = batch, start, history
        settings = setup.settings
        keras.utils.set_random_seed(settings.seed + stage.number)
        with built_with(device.policy(settings.mixed_precision)):
            self._core = build(setup.training_set.classes, settings.size, freeze_norm=settings.pretrained)
            self._core.set_weights(numpy_weights(model))
            unfreeze(self._core, stage.first, settings.freeze)
            self._network = augmented(self._core, setup.views.variety)
        self._best = Best(-1.0, -1, [])
        self._place, self._part = Place(stage.number), Part()

    def run(self, saved: Checkpoint | None) -> None:
        """Train to the stage's end, from its start or from `saved`, and give the weights that count to the model."""
        setup, stage = self._setup, self._stage
        parts = setup.update_batch // self._batch
        training_set, seed = setup.training_set, setup.settings.seed
        with open_batches(training_set.images, setup.order(), self._batch, setup.views, seed, setup.targets) as feed:
            updates = stage.epochs * len(feed) // parts
            optimizer = Averaging(updates, stage.rate, setup.settings.ema, parts)
            setup.compile(self._network, optimizer)
            if saved:
                self._restore(saved)
            while self._place.epoch < stage.epochs and not self._exhausted():
                self._epoch(feed)
        self._finish()

    def _epoch(self, feed: PhotoBatches) -> None:
        place, part = self._place, self._part
        feed.begin(self._stage.before + place.epoch)
        rest = Rest(feed, place.step)
        title = f"{self._stage.first}, epoch {place.epoch + 1}/{self._stage.epochs}"
        started = time.monotonic()
        with epoch_bar(title, len(feed) * self._batch, place.step * self._batch) as show:
            boundaries = Boundaries(lambda done: self._at_boundary(place, part, done, show))
            fitted = self._network.fit(rest, shuffle=False, verbose=0, callbacks=[boundaries])
        speed = len(rest) * self._batch / (time.monotonic() - started)
        means = merged(part, len(rest), {name: values[0] for name, values in fitted.history.items()}).means
        self._close_epoch(place.epoch, {**means, "photos_per_s": speed})

    def _close_epoch(self, epoch: int, figures: dict[str, float]) -> None:
        rate = float(keras.ops.convert_to_numpy(self._network.optimizer.learning_rate))
        row: Row = {"stage": self._stage.first, "epoch": epoch + 1, **figures, "lr": rate, **self._judge(epoch)}
        self._history.append(row)
        self._place, self._part = Place(self._stage.number, epoch + 1), Part()
        self._keeper.tell(self._history)
        seconds = len(self._setup.training_set.images) / row["photos_per_s"] * (self._stage.epochs - epoch - 1)
        say_epoch(row, self._stage.epochs, seconds)

    def _judge(self, epoch: int) -> dict[str, float]:
        """Macro F1 of the averaged weights, by its column's name; the best ones are put by."""
        training_set = self._setup.training_set
        if not len(training_set.validation_labels):
            return {}
        with self._averaged():
            answers = predict(self._core, training_set.validation_images, FORWARD_BATCH).argmax(axis=1)
            present = np.unique(training_set.validation_labels)
            macro_f1 = float(f1_score(training_set.validation_labels, answers, labels=present, average="macro"))
            # Of equals the later one: it learned at a lower rate.
            if self._setup.settings.patience and macro_f1 >= self._best.macro_f1:
                self._best = Best(macro_f1, epoch, numpy_weights(self._core))
        return {"macro_f1": macro_f1}

    def _exhausted(self) -> bool:
        patience, behind = self._setup.settings.patience, self._place.epoch - 1 - self._best.epoch
        return bool(self._best.weights) and behind >= patience

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Inside the block the network has the averaged weights."""
        learning = self._network.trainable_variables
        raw = values_of(learning)
        averaging_part(self._network.optimizer).put_averages(learning)
        # Under JAX both now are one buffer, which `predict` gives away with the network's variables.
        assign(learning, values_of(learning))
        yield
        assign(learning, raw)

    def _at_boundary(self, place: Place, part: Part, done: int, show: Show) -> None:
        """Between two steps, `done` after the epoch's start or its resumption: keep a checkpoint if it is time."""
        if self._keeper.due:
            self._keeper.keep(self._checkpoint(place, part, done))
        words = (lambda: f"loss {means_so_far(self._network)['loss']:.3f}") if done else str
        show((place.step + done) * self._batch, words)

    def _checkpoint(self, place: Place, part: Part, done: int) -> Checkpoint:
        if done:  # first of all, for it brings all variables up to date
            part = merged(part, done, means_so_far(self._network))
        notes = Notes(
            place=Place(place.stage, place.epoch, place.step + done),
            batch=self._batch,
            part=part,
            history=self._history,
            best=self._best.macro_f1,
            best_epoch=self._best.epoch,
        )
        arrays = {
            "start": self._start,
            "network": values_of(self._core.variables),
            "optimizer": values_of(self._network.optimizer.variables),
            "best": self._best.weights,
        }
        return Checkpoint(notes, arrays)

    def _restore(self, saved: Checkpoint) -> None:
        notes = saved.notes
        self._place, self._part = notes.place, notes.part
        self._best = Best(notes.best, notes.best_epoch, saved.arrays.get("best", []))
        assign(self._core.variables, saved.arrays["network"])
        assign(self._network.optimizer.variables, saved.arrays["optimizer"])

    def _finish(self) -> None:
        if self._best.weights:
            self._model.set_weights(self._best.weights)
            return
        with self._averaged():
            self._model.set_weights(numpy_weights(self._core))
