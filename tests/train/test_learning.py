"""Learning: a stage ends when it gets no better, with its best weights, and a batch that does not fit is divided."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import pytest
from sklearn.metrics import f1_score

from train.batches import predict
from train.keeping import Keeper
from train.learning import Learned, _no_room, batches_to_try, initial_network, learn
from train.material import Material, gather_material
from train.objective import Objective
from train.selection import select
from train.settings import FORWARD_BATCH, Settings

FULL = {
    "tensorflow": "OOM when allocating tensor with shape[32,16,16,64] and type float on GPU:0",
    "jax": "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1073741824 bytes.",
    "torch": "CUDA out of memory. Tried to allocate 20.00 MiB",
}


class Outcome(NamedTuple):
    """A training whose first step found no room."""

    learned: Learned
    material: Material
    said: str
    """On stderr."""


@pytest.fixture(scope="module")
def spoiled(shapes: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Trained at a rate that spoils the head; the first step of training raises what the backend raises when full."""
    settings = Settings(
        weights=str(weights),
        size=32,
        head_epochs=0,
        epochs=6,
        lr=0.3,
        freeze="conv5",
        patience=1,
        ema=0.0,
        average=1.0,
        augment=0.0,
        backgrounds=0.0,
        calibration=0.3,
    )
    cache = tmp_path_factory.mktemp("cache")
    material = gather_material(select(shapes, [], (), cache=cache), settings, cache)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stderr(said):
        patched.setattr(Objective, "call", _without_room_at_first(Objective.call))
        return Outcome(
            learn(initial_network(3, settings), material.training_set, settings, Keeper()), material, said.getvalue()
        )


def _without_room_at_first(call: Callable[..., Any]) -> Callable[..., Any]:
    failures = iter([_full()])

    def guarded(objective: Objective, truth: Any, answer: Any) -> Any:
        if failure := next(failures, None):
            raise failure
        return call(objective, truth, answer)

    return guarded


def _full() -> Exception:
    said = FULL[keras.config.backend()]
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError(None, None, said)
    return RuntimeError(said)


def test_the_best_weights_of_a_stage_count(spoiled: Outcome) -> None:
    """Training stops when it gets worse, and the kept weights judge as the best epoch did."""
    judges = spoiled.material.training_set
    scores = [row["macro_f1"] for row in spoiled.learned.history]

    answers = predict(spoiled.learned.model, judges.validation_images, FORWARD_BATCH).argmax(axis=1)

    assert f1_score(judges.validation_labels, answers, average="macro") == pytest.approx(max(scores))
    assert len(scores) == 6 or scores[-1] < max(scores)


def test_a_batch_without_room_is_divided(spoiled: Outcome) -> None:
    """The stage begins anew with half of it, and nothing stays of the attempt."""
    epochs = [row["epoch"] for row in spoiled.learned.history]

    assert "no room for 32 photos of 32 px at once" in spoiled.said
    assert "no room for 16 photos" not in spoiled.said
    assert epochs == list(range(1, len(epochs) + 1))


@pytest.mark.parametrize(
    ("batch", "photos", "expected"),
    [("auto", 500, [64, 32, 16, 8]), ("auto", 50, [32, 16, 8]), ("auto", 5, [5]), (24, 500, [24])],
)
def test_a_batch_is_divided_without_a_rest(batch: int | Literal["auto"], photos: int, expected: list[int]) -> None:
    """So that an update has the same photos whatever the device; who names a batch gets it or an error."""
    assert batches_to_try(Settings(weights="imagenet", batch=batch), photos) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1073741824 bytes."), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (ValueError("Graph execution error: OOM when allocating tensor with shape[64,112,112,64]"), True),
        (ValueError("shapes do not match"), False),
    ],
)
def test_out_of_memory_is_recognised_by_what_each_backend_says(error: Exception, *, expected: bool) -> None:
    """JAX, torch and TensorFlow; anything else is an error."""
    assert _no_room(error) is expected
