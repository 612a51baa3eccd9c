import numpy as np
import pytest

from edge.sim.stamp import middle_px


@pytest.mark.parametrize("trace", [0, 30, 90, 120])
def test_a_trace_of_the_item_does_not_move_its_middle(trace: int) -> None:
    """The sprite goes on to the last column that shows any of it: there it covers less than half a pixel."""
    sprite = np.full((9, 20, 4), 255, np.uint8)
    sprite[:, 0, 3] = trace

    assert middle_px(sprite) == pytest.approx(10.5 - trace / 255 / 2, abs=0.1)


def test_clear_matter_ends_where_opaque_matter_would() -> None:
    """Its rim is as far out, however little it shows."""
    opaque, clear = np.full((9, 20, 4), 255, np.uint8), np.full((9, 20, 4), 255, np.uint8)
    clear[:, :12, 3] = 60

    assert middle_px(clear) == pytest.approx(middle_px(opaque), abs=0.1)
