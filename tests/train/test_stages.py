"""Stages: every epoch is somebody's, and the deeper a stage reaches, the slower it learns."""

import pytest

from train.settings import Settings
from train.stages import stages_of


@pytest.mark.parametrize(
    ("stages", "epochs", "expected"),
    [
        (("all",), 15, [("all", 15, 0, 1.0)]),
        (("conv5", "all"), 15, [("conv5", 3, 0, 2.0), ("all", 12, 3, 1.0)]),
        (("conv5", "conv4", "all"), 10, [("conv5", 2, 0, 4.0), ("conv4", 2, 2, 2.0), ("all", 6, 4, 1.0)]),
        (("conv5", "all"), 1, [("all", 1, 0, 1.0)]),
        (("conv5", "all"), 0, []),
    ],
)
def test_epochs_and_rates(stages: tuple[str, ...], epochs: int, expected: list[tuple[str, int, int, float]]) -> None:
    """The last stage has what the others leave; where there are too few epochs the first stages fall away."""
    settings = Settings(weights="imagenet", stages=stages, epochs=epochs, lr=1.0)

    plan = stages_of(settings)

    assert [(stage.first, stage.epochs, stage.before, stage.rate) for stage in plan] == expected
    assert [stage.number for stage in plan] == list(range(len(plan)))
