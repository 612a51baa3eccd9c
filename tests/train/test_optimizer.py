"""The optimizer: its rate, its averages, several batches as one, and loss scaling in float16."""

import keras
import numpy as np
import pytest

from train.model import built_with
from train.optimizer import Averaging, averaging_part

RATE, UPDATES = 1e-2, 40
PHOTOS = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
TARGETS = np.eye(3, dtype=np.float32)[np.arange(16) % 3]


def _model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(3), keras.layers.Activation("softmax", dtype="float32")]
    )


def _trained(optimizer: Averaging, batch: int, epochs: int) -> keras.Model:
    model = _model()
    model.compile(optimizer, "categorical_crossentropy", jit_compile=False)
    model.fit(PHOTOS, TARGETS, batch_size=batch, epochs=epochs, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("parts", [1, 4])
def test_the_rate_is_a_warmed_up_cosine_of_weight_updates(parts: int) -> None:
    """As Keras' CosineDecay makes it, however many batches an update takes."""
    optimizer = Averaging(UPDATES, RATE, 0.0, parts)
    optimizer.build(_model().trainable_variables)
    keras_own = keras.optimizers.schedules.CosineDecay(
        RATE * 0.01, decay_steps=UPDATES - 2, alpha=0.01, warmup_target=RATE, warmup_steps=2
    )

    for batch in range(0, UPDATES * parts, 3):
        optimizer.iterations.assign(batch) if parts == 1 else optimizer._iterations.assign(batch)
        assert float(optimizer.learning_rate) == pytest.approx(float(keras_own(batch // parts)), rel=1e-4)


def test_several_batches_make_the_update_of_one_big_batch() -> None:
    """Four batches of 4 photos move the weights as one of 16 does."""
    big = _trained(Averaging(UPDATES, RATE, 0.0), batch=16, epochs=3)

    parts = _trained(Averaging(UPDATES, RATE, 0.0, parts=4), batch=4, epochs=3)

    for one, other in zip(big.get_weights(), parts.get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert not np.allclose(_model().get_weights()[0], big.get_weights()[0], atol=1e-3)


def test_averages_stay_beside_the_weights_until_asked() -> None:
    """The end of a fit leaves the weights of the last step; without averages there is nothing to put."""
    plain = _trained(Averaging(UPDATES, RATE, 0.0), batch=16, epochs=4)

    model = _trained(Averaging(UPDATES, RATE, 0.2), batch=16, epochs=4)

    last = model.get_weights()
    assert np.array_equal(last[0], plain.get_weights()[0])
    averaging_part(model.optimizer).put_averages(model.trainable_variables)
    assert 1e-4 < np.abs(model.get_weights()[0] - last[0]).max() < 0.1


def test_every_variable_is_known_once() -> None:
    """Or a checkpoint would not fit the step that was compiled."""
    optimizer = Averaging(UPDATES, RATE, 0.2, parts=2)

    optimizer.build(_model().trainable_variables)

    names = [variable.path for variable in optimizer.variables]
    assert len(set(map(id, optimizer.variables))) == len(names)
    assert sum("ema_momentum" in name for name in names) == 1


def test_float16_scales_the_loss() -> None:
    """Keras puts its LossScaleOptimizer around ours: small gradients would be 0 in float16."""
    with built_with("mixed_float16"):
        model = _model()
    model.compile(Averaging(UPDATES, RATE, 0.2), "categorical_crossentropy", jit_compile=False)

    model.fit(PHOTOS, TARGETS, batch_size=16, epochs=2, verbose=0)

    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(model.optimizer.dynamic_scale) > 1
    averaging_part(model.optimizer).put_averages(model.trainable_variables)
    assert np.isfinite(model.get_weights()[0]).all()
