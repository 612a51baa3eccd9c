from pathlib import Path
from typing import Any

import pytest

from edge.belt.odometer import Odometer
from edge.belt.speed import BeltSpeed
from edge.config import BeltConfig
from edge.wire.messages import BeltReading

S = 1_000_000_000


def measured(**changes: Any) -> tuple[BeltSpeed, Odometer]:
    """A belt whose speed is told over MQTT, usually 400 mm/s."""
    odometer = Odometer(400.0, 0)
    settings = {"speed_from": "mqtt", "mm_per_pulse": 0.5, **changes}
    belt = BeltConfig(direction="right", speed_mm_s=400, mm_per_px=1, line_mm=300, **settings)
    return BeltSpeed(belt, odometer), odometer


def test_a_configured_speed_is_always_known() -> None:
    """Nobody has to tell it."""
    speed, _ = measured(speed_from="config", mm_per_pulse=None)

    assert speed.problem(10_000 * S) == ""


def test_a_told_speed_is_known_as_long_as_it_is_told() -> None:
    """Not before the first reading, and not `stale_s` after the last; the belt is taken to run on meanwhile."""
    speed, odometer = measured(stale_s=1.5)
    assert speed.problem(0) == "belt-speed-unknown: no reading for 1.5 s"

    speed.hear(1 * S, BeltReading(speed_mm_s=300.0))

    assert speed.problem(1 * S) == speed.problem(round(2.5 * S)) == ""
    assert speed.problem(round(2.6 * S)) == "belt-speed-unknown: no reading for 1.5 s"
    assert odometer.position_mm(3 * S) == pytest.approx(400 + 600)


def test_a_standing_belt_is_known_too() -> None:
    """0 is a speed."""
    speed, odometer = measured()

    speed.hear(1 * S, BeltReading(speed_mm_s=0.0))

    assert speed.problem(2 * S) == ""
    assert odometer.speed_mm_s == 0


def test_pulses_are_belt_travel() -> None:
    """200 pulses of 0.5 mm within 0.2 s are 500 mm/s."""
    speed, odometer = measured()

    for step in range(11):
        speed.hear(1 * S + step * S // 50, BeltReading(pulses=90_000 + 20 * step))

    assert odometer.speed_mm_s == pytest.approx(500)
    assert odometer.position_mm(1 * S + S // 5) == pytest.approx(400 + 100)


def test_an_encoder_that_starts_again_moves_nothing() -> None:
    """Its count falls to 0: no item jumps back by a metre."""
    speed, odometer = measured()
    for step in range(11):
        speed.hear(1 * S + step * S // 50, BeltReading(pulses=90_000 + 16 * step))
    before_mm = odometer.position_mm(1 * S + S // 5)

    for step in range(11):
        speed.hear(1 * S + (11 + step) * S // 50, BeltReading(pulses=16 * step))

    assert odometer.position_mm(1 * S + 21 * S // 50) - before_mm == pytest.approx(400 * 11 / 50, abs=1)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (BeltReading(), "expected speed_mm_s within 20000 mm/s or pulses, found speed_mm_s = None"),
        (BeltReading(speed_mm_s=1e9), "expected speed_mm_s within 20000 mm/s or pulses, found speed_mm_s = 1000000000"),
        (BeltReading(pulses=3), "pulses need belt.mm_per_pulse"),
    ],
)
def test_a_reading_that_means_nothing_makes_the_speed_unknown(reading: BeltReading, said: str) -> None:
    """It moves no belt, and the status says what was wrong with it until a right one comes."""
    speed, odometer = measured(mm_per_pulse=None)

    speed.hear(1 * S, reading)

    assert said in speed.problem(1 * S)
    assert odometer.speed_mm_s == 400
    speed.hear(2 * S, BeltReading(speed_mm_s=300.0))
    assert speed.problem(2 * S) == ""


def test_readings_come_in_from_the_wire(tmp_path: Path, line_file: Any) -> None:
    """On their own topic, when the line's file asks for them; a retained one is as old as nobody knows, and no news."""
    from edge.config_file import load_config
    from edge.wire.inputs import Inputs
    from edge.wire.mqtt_session import Arrival

    path = line_file(tmp_path / "a.bundle", "x")
    assert set(Inputs(load_config(path)).subscriptions) == {"gate/+"}
    path.write_text(path.read_text().replace("[belt]", '[belt]\nspeed_from = "mqtt"'))
    inputs = Inputs(load_config(path), lambda: 7)

    take = inputs.subscriptions["belt"]
    take(Arrival("sortline/l1/belt", b'{"speed_mm_s": 200, "from": "plc"}', retained=False))
    take(Arrival("sortline/l1/belt", b'{"speed_mm_s": 900}', retained=True))

    assert list(inputs.readings.take()) == [(7, BeltReading(speed_mm_s=200.0))]
    assert list(inputs.readings.take()) == []
