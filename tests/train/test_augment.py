"""Augmentation: another view of the same photo on every backend alike, and nothing of it in the saved model."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from train.augment import Augmentation, augmented
from train.backgrounds import find_items
from train.views import Draws, Variety, draw

SIZE, COUNT = 48, 16
EVERYTHING = Variety(strength=1.0, backgrounds=0.7, mixup=0.4, cutmix=1.0)
OTHERS = [
    backend for backend in ("tensorflow", "jax", "torch")
    if importlib.util.find_spec(backend) and backend != keras.config.backend()
]  # fmt: skip


@pytest.fixture(scope="module")
def photos() -> NDArray[np.uint8]:
    """Scenes, and every second one a disc on white."""
    rng = np.random.default_rng(0)
    scenes = np.stack([cv2.resize(rng.integers(0, 200, (8, 8, 3), np.uint8), (SIZE, SIZE)) for _ in range(COUNT)])
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    scenes[::2] = np.where((x**2 + y**2 < (SIZE / 3) ** 2)[..., None], scenes[::2], 255)
    return scenes


def varied(photos: NDArray[np.uint8], draws: Draws, variety: Variety) -> NDArray[np.uint8]:
    """Views on this backend."""
    items = (find_items(photos).of(np.arange(len(photos))),) if variety.backgrounds else ()
    return np.asarray(keras.ops.convert_to_numpy(Augmentation(SIZE, variety)(photos, draws, *items)))


def small_network() -> keras.Model:
    """Photos in, two numbers out."""
    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(means))


def test_draws_of_strength_zero_leave_every_pixel(photos: NDArray[np.uint8]) -> None:
    """The whole way through warp, colour, blur and noise changes nothing when nothing was drawn."""
    nothing = draw(np.random.default_rng(0), COUNT, SIZE, Variety(strength=0.0))

    views = varied(photos, nothing, EVERYTHING)

    assert views.dtype == np.uint8
    assert np.array_equal(views, photos)


def test_the_same_draws_give_the_same_views(photos: NDArray[np.uint8]) -> None:
    """Nothing is random on the device; other draws give other views of every photo."""
    draws, other = (draw(np.random.default_rng(seed), COUNT, SIZE, EVERYTHING) for seed in (1, 2))

    first, again, different = (varied(photos, drawn, EVERYTHING) for drawn in (draws, draws, other))

    assert np.array_equal(first, again)
    assert all((one != two).any() for one, two in zip(first, different, strict=True))
    assert all((one != two).any() for one, two in zip(first, photos, strict=True))


def test_only_a_product_shot_s_white_becomes_a_belt(photos: NDArray[np.uint8]) -> None:
    """Its item stays, to the grey level, and so does every scene."""
    variety = Variety(strength=0.0, backgrounds=1.0)

    views = varied(photos, draw(np.random.default_rng(6), COUNT, SIZE, variety), variety)

    centre = slice(SIZE // 2 - 8, SIZE // 2 + 8)
    assert np.array_equal(views[1::2], photos[1::2])
    assert np.array_equal(views[::2, centre, centre], photos[::2, centre, centre])
    assert np.mean([view[0, 0].min() < 200 for view in views[::2]]) > 0.5


def test_a_stronger_augmentation_changes_more(photos: NDArray[np.uint8]) -> None:
    """Strength scales every kind: the same draws at more strength lead further away from the photo."""

    def mean_change(strength: float) -> float:
        variety = Variety(strength)
        views = varied(photos[1::2], draw(np.random.default_rng(3), COUNT // 2, SIZE, variety), variety)
        flips = [photos[1::2, :: 1 - 2 * y, :: 1 - 2 * x] for y in (0, 1) for x in (0, 1)]  # a flip has no strength
        return float(np.min([np.abs(views.astype(float) - flip).mean((1, 2, 3)) for flip in flips], axis=0).mean())

    assert 0 < mean_change(0.02) < mean_change(0.3) < mean_change(1.0)


@pytest.mark.parametrize("backend", OTHERS or [pytest.param("", marks=pytest.mark.skip(reason="one backend here"))])
def test_every_backend_makes_the_same_views(backend: str, photos: NDArray[np.uint8], tmp_path: Path) -> None:
    """Within one grey level, for a rounding may fall either way."""
    draws = draw(np.random.default_rng(4), COUNT, SIZE, EVERYTHING)
    np.savez(tmp_path / "given.npz", photos=photos, draws=draws)
    program = (
        "import sys; import numpy as np; from tests.train.test_augment import EVERYTHING, varied;"
        "given = np.load(sys.argv[1]); np.save(sys.argv[2], varied(given['photos'], given['draws'], EVERYTHING))"
    )

    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "given.npz"), str(tmp_path / "views.npy")],
        env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=120,
    )

    difference = np.load(tmp_path / "views.npy").astype(int) - varied(photos, draws, EVERYTHING)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 1e-3


def test_a_step_compiles_as_a_whole(photos: NDArray[np.uint8]) -> None:
    """XLA takes the augmentation with the step, and the weights that move are those of the network that is saved."""
    network = small_network()
    trained = augmented(network, EVERYTHING)
    draws = draw(np.random.default_rng(5), COUNT, SIZE, EVERYTHING)
    inputs = {"photo": photos, "draws": draws, "item": find_items(photos).of(np.arange(COUNT))}
    before = network.get_weights()[0]

    trained.compile("sgd", "mse", jit_compile=keras.config.backend() != "torch")
    trained.train_on_batch(inputs, np.eye(2)[np.arange(COUNT) % 2])

    assert trained.jit_compile == (keras.config.backend() != "torch")
    assert (network.get_weights()[0] != before).any()


def test_without_variety_a_network_stays_as_it_is() -> None:
    """Nobody pays for views that would equal their photo."""
    network = small_network()

    assert augmented(network, Variety(strength=0.0)) is network


def test_a_saved_model_knows_nothing_of_it(saved: keras.Model) -> None:
    """model.keras takes photos alone and has no layer, weight or constant of the augmentation."""
    layers = list(saved._flatten_layers())

    assert saved.input_shape == (None, 32, 32, 3)
    assert not any("augment" in layer.name for layer in layers)
    assert not any(weight.name in {"noise", "belts"} for weight in saved.weights)
