import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.sim.motion import Motion, Ramp

STOP_AND_GO = (Ramp(2.0, 0.0, 0.5), Ramp(5.0, 400.0, 0.5), Ramp(8.0, 500.0, 1.0))


def test_travel_is_the_area_under_the_speed() -> None:
    """Steady, braking, standing, starting, faster: the known distances."""
    motion = Motion(400.0, STOP_AND_GO)

    travelled = [motion.travel_mm(t_s) for t_s in (0, 2.0, 2.5, 5.0, 5.5, 8.0, 9.0)]

    assert travelled == pytest.approx([0, 800, 900, 900, 1000, 2000, 2450])
    assert [motion.speed_mm_s(t_s) for t_s in (1, 2.25, 3, 8.5, 20)] == pytest.approx([400, 200, 0, 450, 500])


@given(st.floats(0, 4000), st.lists(st.floats(50, 900), max_size=4))
def test_a_place_is_reached_when_the_travel_says_so(travel_mm: float, speeds: list[float]) -> None:
    """Whatever the speeds: the belt has travelled so far at the moment that is given, and less before."""
    motion = Motion(400.0, [Ramp(1.0 + 2 * n, speed, 0.7) for n, speed in enumerate(speeds)])

    when_s = motion.when_s(travel_mm)

    assert when_s is not None
    assert motion.travel_mm(when_s) == pytest.approx(travel_mm, abs=1e-6)
    assert motion.travel_mm(when_s - 0.01) < travel_mm


def test_a_belt_that_stops_for_good_never_gets_there() -> None:
    """None, and what it passed before it stopped keeps its moment; so does what it passed before scene time 0."""
    motion = Motion(400.0, [Ramp(2.0, 0.0, 0.5)])

    assert motion.when_s(900.1) is None
    assert motion.when_s(800.0) == pytest.approx(2.0)
    assert motion.when_s(-200.0) == pytest.approx(-0.5)


def test_a_belt_that_runs_back_and_on_reaches_a_place_first_on_its_first_way() -> None:
    """Backwards over a place and forwards again: the first time counts; a place beyond waits for the second way."""
    motion = Motion(100.0, [Ramp(2.0, -100.0, 0.001), Ramp(3.0, 100.0, 0.001)])

    assert motion.when_s(150.0) == pytest.approx(1.5)
    assert motion.when_s(250.0) == pytest.approx(4.5, abs=0.01)


@pytest.mark.parametrize("ramps", [(Ramp(2, 100, 3), Ramp(4, 200, 1)), (Ramp(2, 100, 0),), (Ramp(-1, 100, 1),)])
def test_changes_that_overlap_or_take_no_time_are_refused(ramps: tuple[Ramp, ...]) -> None:
    """One clear line instead of a jump in the belt."""
    with pytest.raises(
        UsageError, match="expected it to last some time and to begin after the one before it has ended"
    ):
        Motion(400.0, ramps)
