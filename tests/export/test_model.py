"""Which runs are opened, and how their networks are loaded."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge.errors import RunError
from export.golden import golden_inputs
from export.model import KerasClassifier, load_network, open_run

SIZE = 32
MakeRun = Callable[..., Path]


def test_a_model_that_is_not_the_record_s_is_refused(tmp_path: Path, make_run: MakeRun, network: Any) -> None:
    """A model file that changed after training is named with both hashes."""
    run = make_run(tmp_path / "run", network)
    with (run / "model.keras").open("ab") as file:
        file.write(b"more")

    with pytest.raises(RunError, match=r"sha256 is \w{12}…, run.json says \w{12}…") as caught:
        open_run(run)

    assert "model.keras" in str(caught.value)


def test_a_model_without_a_record_is_refused(tmp_path: Path) -> None:
    """A model.keras alone is no training run."""
    (tmp_path / "model.keras").write_bytes(b"PK")

    with pytest.raises(RunError, match="expected the record of a training run") as caught:
        open_run(tmp_path)

    assert "run.json" in str(caught.value)


def test_the_loaded_network_answers_as_the_saved_one(run_folder: Path, network: Any) -> None:
    """Loading changes no answer."""
    inputs = golden_inputs(SIZE, 0)

    loaded = KerasClassifier(load_network(open_run(run_folder)), SIZE)

    assert np.abs(loaded(inputs) - KerasClassifier(network, SIZE)(inputs)).max() < 1e-6


def test_mixed_precision_is_loaded_as_float32(tmp_path: Path, make_run: MakeRun) -> None:
    """A network saved under mixed precision computes in float32, in its inner models too, with the same weights."""
    with _half_precision():
        run = make_run(tmp_path / "run", _nested_network())

    loaded = load_network(open_run(run))

    inner = next(layer for layer in loaded.layers if hasattr(layer, "layers")).layers
    assert {layer.compute_dtype for layer in [*loaded.layers, *inner]} == {"float32"}
    saved = keras.saving.load_model(run / "model.keras", compile=False).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(saved, loaded.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"size": 64}, r"expected one input \(None, 64, 64, 3\) uint8, found \[\(\(None, 32, 32, 3\), 'uint8'\)\]"),
        ({"labels": ("a", "b")}, r"expected one output for each of \['a', 'b'\], found shapes \[\(None, 3\)\]"),
    ],
)
def test_a_record_that_does_not_fit_the_model_is_refused(
    tmp_path: Path, make_run: MakeRun, network: Any, change: dict[str, Any], line: str
) -> None:
    """Size and labels are the model's own, whatever the record says."""
    run = make_run(tmp_path / "run", network, **change)

    with pytest.raises(RunError, match=line) as caught:
        load_network(open_run(run))

    assert "\n" not in str(caught.value)


def test_logits_are_not_probabilities(tmp_path: Path, make_run: MakeRun, network: Any) -> None:
    """A model without its softmax would make every threshold of the line meaningless."""
    run = make_run(tmp_path / "run", keras.Model(network.input, network.layers[-2].output))

    with pytest.raises(RunError, match="expected probabilities") as caught:
        load_network(open_run(run))

    assert "softmax inside the model" in str(caught.value)


def test_a_model_with_code_of_its_own_is_refused(tmp_path: Path, make_run: MakeRun, network: Any) -> None:
    """A Lambda would run what the file says: it is never loaded."""
    answer = keras.layers.Lambda(lambda x: x * 1.0)(network.output)
    run = make_run(tmp_path / "run", keras.Model(network.input, answer))

    with pytest.raises(RunError, match="expected a Keras model of standard layers, found: ") as caught:
        load_network(open_run(run))

    assert "\n" not in str(caught.value)


@contextlib.contextmanager
def _half_precision() -> Iterator[None]:
    """Layers built meanwhile compute in bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _nested_network() -> Any:
    inner_in = keras.Input((SIZE, SIZE, 3))
    inner = keras.Model(inner_in, keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(inner_in)), name="inner")
    photo = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    features = keras.layers.GlobalAveragePooling2D()(inner(keras.layers.Rescaling(1 / 255)(photo)))
    return keras.Model(photo, keras.layers.Softmax(dtype="float32")(keras.layers.Dense(3)(features)))
