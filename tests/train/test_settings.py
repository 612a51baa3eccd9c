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


def test_random_weights_are_not_averaged_with() -> None:
    """Half of nothing would spoil the other half."""
    with pytest.raises(UsageError, match="random weights know nothing"):
        Settings(weights="none", average=0.5)
