import os
import threading

import pytest

from edge.engine.tuning import Tuning, inference_cores, pin, tunings


@pytest.mark.parametrize(
    ("asked", "cores", "counts"),
    [("auto", 1, [1]), ("auto", 3, [1, 2, 3]), ("auto", 4, [1, 2, 4]), ("auto", 7, [1, 2, 4, 7]), (5, 2, [5])],
)
def test_the_ways_to_measure_begin_with_the_most_modest(asked: int | str, cores: int, counts: list[int]) -> None:
    """Powers of two and all cores; a number that was asked for is not questioned."""
    ways = tunings(asked, cores)

    assert [way.threads for way in ways] == counts
    assert not any(way.spinning for way in ways)


def test_camera_and_tracking_keep_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inference gets all cores but one of those that the process may use, or all that it was given for its own."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2, 3})

    assert inference_cores(()) == 3
    assert inference_cores((2, 3)) == 2
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0})
    assert inference_cores(()) == 1


def test_a_process_keeps_to_the_processors_that_it_is_given() -> None:
    """All of its threads, whichever of them asks: the engine opens in one of its own."""
    before = os.sched_getaffinity(0)
    one, done = min(before), threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()

    try:
        pin((one,))
        pinned = [os.sched_getaffinity(thread) for thread in (0, other.native_id or -1)]
    finally:
        pin(tuple(before))
        done.set()
        other.join()

    assert pinned == [{one}, {one}]


def test_it_is_told_in_words() -> None:
    """As status shows it."""
    assert [str(way) for way in (Tuning(), Tuning(2), Tuning(2, spinning=True))] == [
        "1 thread",
        "2 threads",
        "2 threads, spinning",
    ]
