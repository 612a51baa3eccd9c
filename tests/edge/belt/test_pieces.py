import numpy as np
import pytest

from edge.belt.pieces import GAP_MM, NEAR_MM, Hull, hull_of, in_line, longest_of, parts_of

PX_MM, LONGEST_MM = 2.0, 250.0


def bar(left: float, top: float, length: float, width: float, degrees: float = 0.0) -> Hull:
    """A rectangle in millimetres, turned about the origin, as the corners of working pixels."""
    corners = [(left + x, top + y) for x, y in ((0, 0), (length, 0), (length, width), (0, width))]
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (np.array(corners) @ turn / PX_MM).astype(np.float32)


def joined(one: Hull, other: Hull) -> bool:
    """Whether both are one thing; the order does not count."""
    there, back = in_line(one, other, PX_MM, LONGEST_MM), in_line(other, one, PX_MM, LONGEST_MM)
    assert there == back
    return there


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 137])
def test_both_ends_of_a_slender_thing_are_one(degrees: float) -> None:
    """A toothbrush whose dark handle does not show, however it lies."""
    head, tail = bar(0, 0, 60, 16, degrees), bar(85, 2, 50, 14, degrees)

    assert joined(head, tail)


def test_the_neck_of_a_bottle_belongs_to_it() -> None:
    """Stout as it is, for the gap is shorter than things that lie apart have between them."""
    body = bar(0, 0, 110, 50)

    assert joined(body, bar(110 + NEAR_MM - 6, 18, 40, 14))
    assert not joined(body, bar(110 + NEAR_MM + 6, 18, 40, 14))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (bar(60 + GAP_MM + 8, 0, 60, 16), "too far"),
        (bar(85, 30, 50, 16), "not in line"),
        (bar(85, 0, 200, 16), "longer than any item"),
        (bar(72, 8, 16, 60), "across"),
        (bar(0, 24, 60, 16), "side by side"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_lies_otherwise_is_two_things(other: Hull, why: str) -> None:
    """Neighbours of a slender thing keep their own decision."""
    assert not joined(bar(0, 0, 60, 16), other), why


def test_two_stout_things_in_line_are_two() -> None:
    """Tins, one 20 mm behind the other."""
    assert not joined(bar(0, 0, 90, 70), bar(112, 0, 90, 70))


def test_a_hull_holds_all_parts_where_they_lie_in_the_frame() -> None:
    """Two bars of pixels in a window of the frame; the longest is known."""
    window = np.zeros((20, 30), np.uint8)
    window[2:5, 3:12] = 255
    window[15:17, 20:24] = 255

    parts = parts_of(window)

    assert longest_of(parts) == 9
    hull = hull_of(parts, 100, 50)
    assert hull.min(axis=0).tolist() == [103, 52]
    assert hull.max(axis=0).tolist() == [123, 66]
    assert longest_of(parts_of(np.zeros((4, 4), np.uint8))) == 0
