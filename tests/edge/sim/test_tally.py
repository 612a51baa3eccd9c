from dataclasses import replace

import pytest

from edge.sim.layout import SceneItem
from edge.sim.motion import Motion, Ramp
from edge.sim.scoring import Verdict, account
from edge.sim.tally import Ground, Tally, figures_of, tally

GROUND = Ground(
    300.0, {"paper": 500.0, "metal": 700.0, "reject": 900.0}, {"paper": "paper", "metal": "metal"}, "reject"
)
MOTION = Motion(500.0, [Ramp(4.0, 250.0, 1.0)])
ITEMS = tuple(
    SceneItem(number, label, "x", 1000.0 + 300 * number, 100.0, 80.0, 250.0, 64)
    for number, label in enumerate(("paper", "metal", "paper", "metal"))
)


def verdict(number: int, bin_name: str, late_ms: float | None = 0.0, **fields: bool) -> Verdict:
    """A decision about the item at its true place, whose gate moves so late; None: not at all."""
    line_at_mm = ITEMS[number].enters_mm + GROUND.line_mm
    true_s = MOTION.when_s(line_at_mm + GROUND.gates_mm[bin_name])
    assert true_s is not None
    fired_s = None if late_ms is None else true_s + late_ms / 1000
    return Verdict(line_at_mm + 2.0, 250.0, bin_name, "classified", fired_s=fired_s, planned_s=true_s, **fields)


def test_bins_are_judged_by_where_items_really_ended() -> None:
    """One right, one in the wrong bin, one whose gate did not move and so was rejected, one missed."""
    verdicts = [verdict(0, "paper"), verdict(1, "paper"), verdict(2, "paper", late_ms=None)]

    figures = figures_of(counted(verdicts), GROUND, routed=True)

    assert figures["routing_accuracy"] == 0.25
    assert figures["per_bin"]["paper"] == {"purity": 0.5, "recovery": 0.5, "items": 2}
    assert figures["per_bin"]["metal"] == {"purity": None, "recovery": 0.0, "items": 0}
    assert figures["per_bin"]["reject"] == {"purity": 0.0, "recovery": None, "items": 1}
    assert (figures["items"], figures["seen"], figures["missed"], figures["unfired"]) == (4, 3, 1, 1)
    assert figures["reasons"] == {"classified": 3}


def test_timing_errors_are_held_against_the_true_moment_in_ms_and_in_mm_of_the_belt_at_that_speed() -> None:
    """Four milliseconds at 500 mm/s are 2 mm, at 250 mm/s 1 mm; early counts like late, the mean keeps the sign."""
    figures = figures_of(counted([verdict(0, "paper", 4.0), verdict(3, "metal", -4.0)]), GROUND, routed=True)

    assert figures["timing_error_ms"] == {"p50": 4.0, "p99": 4.0, "max": 4.0, "mean": 0.0}
    assert figures["timing_error_mm"]["max"] == pytest.approx(2.0)
    assert figures["timing_error_mm"]["p50"] == pytest.approx(1.5)
    assert figures["mark_error_mm"]["max"] == 2.0


def test_flags_are_counted_where_they_belong() -> None:
    """Items that touch, those of them that were flagged, and lone items that were flagged for nothing."""
    items = (replace(ITEMS[0], partner=1), replace(ITEMS[1], partner=0, enters_mm=1095.0), *ITEMS[2:])
    verdicts = [replace(verdict(0, "paper"), touching=True), replace(verdict(2, "paper"), touching=True)]

    count = tally(items, account(items, GROUND.line_mm, verdicts), verdicts, MOTION, GROUND)

    assert (count.touching, count.touching_flagged, count.flagged_alone) == (2, 2, 1)
    assert (count.merged, count.merged_unflagged) == (1, 0)


def test_parts_of_a_run_add_up() -> None:
    """Counts and errors of both, as of one run."""
    one, other = counted([verdict(0, "paper", 1.0)]), counted([verdict(1, "metal", 3.0)])

    both = one + other

    assert (both.items, both.seen, both.missed) == (8, 2, 6)
    assert both.ended["paper", "paper"] == both.ended["metal", "metal"] == 1
    assert sorted(both.timing_ms) == pytest.approx([1.0, 3.0])


def test_without_a_model_routing_is_not_judged() -> None:
    """Null, not zero; and no errors where no gate moved."""
    figures = figures_of(counted([]), GROUND, routed=False)

    assert figures["routing_accuracy"] is figures["per_bin"] is None
    assert figures["timing_error_ms"] == {"p50": None, "p99": None, "max": None, "mean": None}


def counted(verdicts: list[Verdict]) -> Tally:
    """The four items with these decisions."""
    return tally(ITEMS, account(ITEMS, GROUND.line_mm, verdicts), verdicts, MOTION, GROUND)
