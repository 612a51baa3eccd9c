from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.belt.odometer import Odometer
from edge.config import Config
from edge.config_file import load_config
from edge.decision.timing import LEAST_LEAD_MS, Timetable

S = 1_000_000_000


@pytest.fixture
def config(tmp_path: Path, line_file: Any) -> Config:
    """A belt at 800 mm/s whose gates are 3000 mm behind the line; one is slow, and the reject bin has none."""
    path = line_file(tmp_path / "a.bundle", "x")
    text = path.read_text().replace("[gates.reject]\ndistance_mm = 3000\n", "")
    path.write_text(text.replace("[gates.other]\n", "[gates.other]\ndead_ms = 30\nreach_mm = 80\n"))
    return load_config(path)


def test_a_gate_acts_when_the_belt_has_brought_the_item(config: Config) -> None:
    """Its mark plus the gate's distance, on odometer and clock; valid for its reach."""
    odometer = Odometer(800.0, 0)

    at = Timetable(config, odometer).appointment("kitchen", mark_mm=800, now_ns=1 * S)

    assert at.act_mm == 3800
    assert at.act_ms == pytest.approx(3800 / 800 * 1000)
    assert at.until_ms - at.act_ms == pytest.approx(40 / 800 * 1000)
    assert at.lead_ms(1000) == pytest.approx(at.act_ms - 1000 - LEAST_LEAD_MS)


def test_a_slow_gate_is_commanded_earlier(config: Config) -> None:
    """By its dead time; the place on the belt stays the same."""
    timetable = Timetable(config, Odometer(800.0, 0))

    quick, slow = timetable.appointment("kitchen", 0, 0), timetable.appointment("other", 0, 0)

    assert slow.act_mm == quick.act_mm
    assert slow.act_ms == pytest.approx(quick.act_ms - 30)
    assert slow.until_ms - slow.act_ms == pytest.approx(80 / 800 * 1000)


def test_a_reject_bin_without_a_gate_is_the_belts_end(config: Config) -> None:
    """Behind the last gate."""
    at = Timetable(config, Odometer(800.0, 0)).appointment("reject", 0, 0)

    assert at.act_mm == 3000


@settings(max_examples=100, deadline=None, derandomize=True)
@given(speed_mm_s=st.floats(-500, 0))
def test_a_belt_that_stands_or_runs_back_stretches_the_deadline(speed_mm_s: float) -> None:
    """As long as it does not run, the same time is left; it is guessed from the usual speed."""
    odometer = Odometer(800.0, 0)
    odometer.read_speed(1 * S, speed_mm_s)
    timetable = Timetable(made_config(), odometer)

    early, later = (timetable.appointment("a", 800, now_ns) for now_ns in (1 * S, 9 * S))

    assert later.lead_ms(9000) >= early.lead_ms(1000) - 1e-3
    assert early.act_ms == pytest.approx(1000 + 1000 / 800 * 1000, rel=0.2)


def test_a_slower_belt_is_awaited_longer(config: Config) -> None:
    """The newest speed counts."""
    odometer = Odometer(800.0, 0)
    timetable = Timetable(config, odometer)
    before = timetable.appointment("kitchen", 800, 1 * S)

    odometer.read_speed(1 * S, 400.0)

    after = timetable.appointment("kitchen", 800, 1 * S)
    assert after.act_ms - 1000 == pytest.approx(2 * (before.act_ms - 1000))


def made_config() -> Config:
    """One gate 1000 mm behind the line of a belt at 800 mm/s."""
    from edge.config import BeltConfig, CameraConfig, GateConfig, LedgerConfig

    return Config(
        line="l1",
        bundle="x",
        camera=CameraConfig(source="x"),
        belt=BeltConfig(direction="right", speed_mm_s=800, mm_per_px=1, line_mm=300),
        gates={"a": GateConfig(distance_mm=1000)},
        ledger=LedgerConfig(path="x"),
    )
