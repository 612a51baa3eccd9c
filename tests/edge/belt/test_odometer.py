import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.belt.odometer import KEPT_NS, Odometer

S = 1_000_000_000
MS = 1_000_000
GRAIN_MM = 0.5
FORWARD = st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 3000)), max_size=40)
"""Readings: milliseconds after the one before, and a speed that is not backwards."""
quick = settings(max_examples=150, deadline=None, derandomize=True)


def test_a_configured_speed_is_an_odometer_that_is_never_read() -> None:
    """Without any reading the belt runs at that speed, before and after the start."""
    odometer = Odometer(400.0, 5 * S)

    assert odometer.position_mm(5 * S) == 0
    assert odometer.position_mm(7 * S) == pytest.approx(800)
    assert odometer.position_mm(4 * S) == pytest.approx(-400)
    assert odometer.when_ns(800) == 7 * S
    assert odometer.when_ns(-400) == 4 * S


@quick
@given(readings=FORWARD, looks=st.lists(st.integers(0, 100_000), min_size=2, max_size=20))
def test_a_belt_that_runs_forward_never_reads_less_later(readings: list[tuple[int, float]], looks: list[int]) -> None:
    """Whatever speeds are told, the history is monotone."""
    odometer = run(readings)

    read = [odometer.position_mm(look * MS) for look in sorted(looks)]

    assert all(later >= earlier - 1e-6 for earlier, later in itertools.pairwise(read))


@quick
@given(readings=FORWARD, look=st.integers(0, 100_000))
def test_when_is_the_inverse_of_where(readings: list[tuple[int, float]], look: int) -> None:
    """At the moment that it names for a place, the belt is at that place."""
    odometer = run(readings)
    place = odometer.position_mm(look * MS)

    when = odometer.when_ns(place)

    assert when is not None
    assert odometer.position_mm(when) == pytest.approx(place, abs=0.01)


def test_a_stopped_belt_gets_nowhere_until_it_runs_again() -> None:
    """No time is named while it stands; the place is reached as much later as it stood."""
    odometer = Odometer(400.0, 0)
    odometer.read_speed(1 * S, 0.0)

    assert odometer.speed_mm_s == 0
    assert odometer.position_mm(9 * S) == pytest.approx(400)
    assert odometer.when_ns(800) is None
    odometer.read_speed(9 * S, 400.0)
    assert odometer.when_ns(800) == 10 * S


def test_a_reversing_belt_counts_back() -> None:
    """What has passed comes again, and is timed by its latest passage."""
    odometer = Odometer(400.0, 0)
    odometer.read_speed(1 * S, -100.0)

    assert odometer.position_mm(3 * S) == pytest.approx(200)
    assert odometer.when_ns(401) is None
    odometer.read_speed(3 * S, 400.0)
    assert odometer.when_ns(300) == pytest.approx(3.25 * S)


def test_a_ramp_that_is_sampled_is_integrated_without_error() -> None:
    """Speeds told every 50 ms while the belt slows from 400 to 320 mm/s within a second: 360 mm, not 362."""
    odometer = Odometer(400.0, 0)
    for step in range(1, 21):
        odometer.read_speed(step * 50 * MS, 400 - 4.0 * step)

    assert odometer.position_mm(1 * S) == pytest.approx(360, abs=1e-6)


def test_a_speed_after_a_silence_is_taken_from_then_on() -> None:
    """A control system that tells changes only: no change is smeared over the minute before."""
    odometer = Odometer(400.0, 0)

    odometer.read_speed(10 * S, 200.0)

    assert odometer.position_mm(10 * S) == pytest.approx(4000)
    assert odometer.position_mm(11 * S) == pytest.approx(4200)


def test_an_old_speed_is_no_news() -> None:
    """A reading that was overtaken changes nothing."""
    odometer = Odometer(400.0, 0)
    odometer.read_speed(2 * S, 200.0)

    odometer.read_speed(1 * S, 900.0)

    assert odometer.speed_mm_s == 200


def test_counted_travel_is_followed_to_the_pulse() -> None:
    """The counter may stand at any number at first; from then on its travel is the belt's, its slope the speed."""
    odometer = Odometer(400.0, 0)
    for step in range(1, 41):
        odometer.read_travel(step * 20 * MS, 7000 + round(0.3 * 20 * step), GRAIN_MM)

    assert odometer.position_mm(800 * MS) - odometer.position_mm(20 * MS) == pytest.approx(0.3 * 780, abs=1)
    assert odometer.speed_mm_s == pytest.approx(300, rel=0.02)


def test_a_fast_belt_that_slows_is_known_to_within_a_pulse_in_two_hundred() -> None:
    """From 2.8 m/s by a fifth within a second: nobody places an item by the speed of a fifth of a second before."""
    odometer = Odometer(2800.0, 0)
    for step in range(1, 51):
        t_s = step * 0.02
        counted_mm = (2800 * t_s - 280 * t_s**2) // GRAIN_MM * GRAIN_MM
        odometer.read_travel(step * 20 * MS, counted_mm, GRAIN_MM)

    assert odometer.speed_mm_s == pytest.approx(2240, rel=0.01)


def test_a_slow_belt_keeps_its_speed_from_one_pulse_to_the_next() -> None:
    """At 0.5 m/s a pulse is 2 % of what passes between two readings, and no two of them tell different speeds."""
    odometer, told = Odometer(500.0, 0), []
    for step in range(1, 101):
        odometer.read_travel(step * 21 * MS, 500 * step * 0.021 // GRAIN_MM * GRAIN_MM, GRAIN_MM)
        told.append(odometer.speed_mm_s)

    assert max(told[20:]) - min(told[20:]) <= 0.01 * 500


def test_a_counter_that_stands_still_is_a_belt_that_stands_still() -> None:
    """The same count for longer than the slope is measured over: speed 0."""
    odometer = Odometer(400.0, 0)
    for step in range(1, 15):
        odometer.read_travel(step * 20 * MS, 500.0, GRAIN_MM)

    assert odometer.speed_mm_s == 0


def test_a_counter_that_lost_its_count_moves_no_item() -> None:
    """An encoder that was switched off and on counts from 0 again; the belt's travel goes on."""
    odometer = Odometer(400.0, 0)
    odometer.read_travel(100 * MS, 90_000, GRAIN_MM)
    odometer.read_travel(200 * MS, 90_040, GRAIN_MM)

    odometer.restart_counter()
    odometer.read_travel(300 * MS, 0, GRAIN_MM)

    assert odometer.position_mm(300 * MS) == pytest.approx(120)


def test_the_history_is_bounded() -> None:
    """After an hour of readings only the newest minute is held, and what came before is told from its beginning."""
    odometer = Odometer(400.0, 0)
    for step in range(1, 3601):
        odometer.read_speed(step * S, 400.0)

    assert len(odometer._knots) <= KEPT_NS / S + 2
    assert odometer.position_mm(0) == pytest.approx(0, abs=1e-3)


def run(readings: list[tuple[int, float]]) -> Odometer:
    """An odometer that took these readings; the belt always runs on in the end."""
    odometer, now_ns = Odometer(400.0, 0), 0
    for after_ms, speed_mm_s in [*readings, (1, 100.0)]:
        now_ns += after_ms * MS
        odometer.read_speed(now_ns, speed_mm_s)
    return odometer
