"""The network: Keras' ResNet50 with its preprocessing inside."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edge.errors import RunError
from train.model import build, feature_model, load_backbone, unfreeze

SIZE = 32


def test_features_are_those_of_keras_with_its_own_preprocessing(weights: Path) -> None:
    """Subtracting the mean in RGB with conv1's channels swapped computes what preprocess_input and BGR compute."""
    photos = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)
    reference = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg")
    reference.load_weights(weights)
    wanted = reference.predict(keras.applications.resnet50.preprocess_input(photos.astype(np.float32)), verbose=0)
    model = build(4, SIZE)

    load_backbone(model, str(weights))

    features = feature_model(model).predict(photos, verbose=0)
    assert np.abs(features - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_weights_under_a_name_that_keras_reads_otherwise_are_refused_with_the_name_to_give(
    tmp_path: Path, weights: Path
) -> None:
    """Keras would look for the layers of an older version's file, and find none."""
    renamed = tmp_path / "weights.h5"
    renamed.write_bytes(weights.read_bytes())

    with pytest.raises(RunError, match=r"a name that ends in \.weights\.h5"):
        load_backbone(build(classes=3, size=SIZE), str(renamed))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """The message names the file and what was expected."""
    stranger = tmp_path / "stranger.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(stranger)

    with pytest.raises(RunError, match="expected weights of keras") as refusal:
        load_backbone(build(4, SIZE), str(stranger))

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("first", "frozen", "learning"),
    [
        ("all", "none", {"conv1", "conv2", "conv3", "conv4", "conv5"}),
        ("conv5", "none", {"conv5"}),
        ("all", "conv3", {"conv4", "conv5"}),
        ("conv2", "conv4", {"conv5"}),
        ("all", "conv5", set()),
    ],
)
def test_parts_learn_as_asked(first: str, frozen: str, learning: set[str]) -> None:
    """And the head always; BatchNorm never where it is frozen."""
    model = build(4, SIZE, freeze_norm=True)

    unfreeze(model, first, frozen)

    names = {variable.path.split("/")[-2] for variable in model.trainable_variables}
    assert {name.split("_")[0] for name in names} == learning | {"logits"}
    assert not any(name.endswith("_bn") for name in names)
