import pytest

from edge.camera.pace import Pace

SECOND_NS = 1_000_000_000


def problems_at(fps: float, seconds: float = 5.0, pace: Pace | None = None) -> tuple[str, ...]:
    """What is said of a camera that was asked for 30 fps and delivers `fps`."""
    pace = pace or Pace(30)
    pace.restart()
    for number in range(int(fps * seconds)):
        pace.note(number + 1, round(number / fps * SECOND_NS))
    return pace.problems


@pytest.mark.parametrize(
    ("fps", "said"), [(12, "camera-slow: asked 30 fps, got 12"), (3, "camera-slow: asked 30 fps, got 3")]
)
def test_a_camera_that_delivers_fewer_pictures_is_named_with_both_rates(fps: float, said: str) -> None:
    """Asked 30, got 12."""
    assert problems_at(fps) == (said,)


@pytest.mark.parametrize("fps", [25, 29.97, 30, 60])
def test_a_camera_near_its_rate_is_no_problem(fps: float) -> None:
    """A camera of 25 pictures does for 30."""
    assert problems_at(fps) == ()


def test_the_words_do_not_flutter_and_end_with_the_problem() -> None:
    """From 12 to 13 nothing changes, at 30 it is over."""
    pace = Pace(30)

    assert problems_at(12, pace=pace) == problems_at(13, pace=pace) == ("camera-slow: asked 30 fps, got 12",)
    assert problems_at(30, pace=pace) == ()


def test_pictures_that_the_reader_missed_count() -> None:
    """The camera numbers them: a slow daemon makes no slow camera."""
    pace = Pace(30)

    for number in range(0, 150, 5):
        pace.note(number + 1, round(number / 30 * SECOND_NS))

    assert pace.problems == ()
