import pytest

from edge.announcer import is_news


@pytest.mark.parametrize(
    ("speed_mm_s", "told_mm_s", "news"),
    [
        (2786, 2800, False),
        (2785, 2800, True),
        (402.5, 400, False),
        (394, 400, True),
        (0, 400, True),
        (-400, 400, True),
        (10, 0, True),
    ],
)
def test_gates_are_told_of_a_change_and_not_of_a_pulse(speed_mm_s: float, told_mm_s: float, news: bool) -> None:
    """Half a percent or 5 mm/s, whichever is more: what one pulse of an encoder changes is no news."""
    assert is_news(speed_mm_s, told_mm_s) is news
