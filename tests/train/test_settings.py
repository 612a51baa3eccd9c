"""Settings: a number outside its range is refused before any work."""

import pytest

from edge.errors import UsageError
from train.settings import Settings


@pytest.mark.parametrize(
    "wrong", [{"lr": 0.0}, {"size": 16}, {"batch": 0}, {"average": 1.5}, {"augment": -1.0}, {"extra_share": 1.0}]
)
def test_a_number_outside_its_range_is_refused_by_its_flag(wrong: dict[str, float]) -> None:
    """The message names flag, range and value."""
    flag = "--" + next(iter(wrong)).replace("_", "-")

    with pytest.raises(UsageError, match=f"{flag}: expected .* found"):
        Settings(weights="imagenet", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"stages": ("all", "conv5")}, "--stages: expected some of conv5, conv4, conv3, conv2, all in this order"),
        ({"stages": ("conv9",)}, "--stages: .* found 'conv9'"),
        ({"stages": ()}, "--stages"),
        ({"freeze": "head"}, "--freeze: expected one of none, conv1"),
        ({"batch": 0}, "--batch: expected auto or 1 to 4096, found 0"),
    ],
)
def test_parts_and_batches_are_known_ones(wrong: dict[str, object], expected: str) -> None:
    """The message names the flag and the choice."""
    with pytest.raises(UsageError, match=expected):
        Settings(weights="imagenet", **wrong)  # type: ignore[arg-type]


def test_an_automatic_batch_suits_the_photos() -> None:
    """64, or what is left of it where there are fewer photos."""
    settings = Settings(weights="imagenet")

    assert [settings.update_batch(photos) for photos in (4000, 64, 63, 8, 5)] == [64, 64, 32, 8, 5]


def test_pretrained_weights_keep_a_share() -> None:
    """Of what they know of other photographers; random ones know nothing."""
    assert Settings(weights="imagenet").flat()["average"] == 0.75
    assert Settings(weights="none").flat()["average"] == 1.0


def test_random_weights_are_not_averaged_with() -> None:
    """Half of nothing would spoil the other half."""
    with pytest.raises(UsageError, match="random weights know nothing"):
        Settings(weights="none", average=0.5)
