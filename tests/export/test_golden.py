"""The golden inputs."""

import numpy as np
import pytest

from edge.bundle.bundle import MIN_GOLDEN
from export.golden import golden_inputs


@pytest.mark.parametrize("size", [32, 96, 224])
def test_there_are_enough_of_the_right_form(size: int) -> None:
    """At least as many as a bundle must have, in the form of a model's input."""
    inputs = golden_inputs(size, seed=0)

    count, *shape = inputs.shape

    assert count >= MIN_GOLDEN
    assert shape == [size, size, 3]
    assert inputs.dtype == np.uint8


def test_one_seed_one_set() -> None:
    """They come from the seed alone: the same seed repeats every pixel, another one none of the pictures."""
    first, again, other = (golden_inputs(64, seed) for seed in (3, 3, 4))

    same = [np.array_equal(a, b) for a, b in zip(first, other, strict=True)]

    assert np.array_equal(first, again)
    assert not any(same)


def test_no_picture_is_flat_or_repeated() -> None:
    """Every one shows something, and something else: a self-test on plain grey would prove little."""
    inputs = golden_inputs(64, seed=0)

    distinct = np.unique(inputs.reshape(len(inputs), -1), axis=0)

    assert len(distinct) == len(inputs)
    assert inputs.reshape(len(inputs), -1).std(axis=1).min() > 2
