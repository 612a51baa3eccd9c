from collections.abc import Callable
from typing import Any

import pytest

from edge.gate.rules import LATCH_AFTER, Actuation, Gate
from edge.gate.sender import SILENCE_MS
from edge.wire.messages import Answer, BinDecision, Status
from tests.edge.gate.bench import OFFSET_MS, beat

Make = Callable[..., BinDecision]


@pytest.fixture
def gate() -> Gate:
    """A gate that has heard boot-1 at 10,000 ms: the odometer reads 1,000 mm and grows by 400 mm/s."""
    gate = Gate("l1", "recyclable", "g1")
    gate.heartbeat(beat(10_000, belt_mm=1_000, speed_mm_s=400), 10_000)
    return gate


@pytest.fixture
def on_belt(a_decision: Make) -> Make:
    """A decision that left at 10,000 ms for an item that is at the gate at 1,400 mm and within its reach to 1,440."""

    def make(**fields: Any) -> BinDecision:
        t_ms = 10_000 - OFFSET_MS
        times = {"t_ms": t_ms, "act_t_ms": t_ms + 1_000, "act_in_ms": 1_000.0, "valid_ms": 1_100.0}
        return a_decision(**{**times, "act_mm": 1_400.0, "reach_mm": 40.0, **fields})

    return make


def test_movement_waits_for_the_belt(gate: Gate, on_belt: Make) -> None:
    """The plan follows the odometer: at half the speed the item comes later, and so does the end of its validity."""
    planned = gate.decide(on_belt(), 10_001)

    gate.heartbeat(beat(10_500, belt_mm=1_200, speed_mm_s=200), 10_500)

    assert isinstance(planned, Actuation)
    assert (planned.at_ms, planned.until_ms) == (11_000, 11_100)
    assert (gate.planned[0].at_ms, gate.planned[0].until_ms) == (11_500, 11_700)


def test_nothing_moves_or_expires_while_the_belt_stands(gate: Gate, on_belt: Make) -> None:
    """The item lies still: its gate waits as long as heartbeats say so, and fires when the belt brings the item."""
    gate.decide(on_belt(), 10_001)

    for step in range(40):
        gate.heartbeat(beat(10_100 + 250 * step, belt_mm=1_040, speed_mm_s=0), 10_100 + 250 * step)
        assert gate.due(10_101 + 250 * step) == ([], [])
    gate.heartbeat(beat(20_000, belt_mm=1_040, speed_mm_s=400), 20_000)

    assert gate.planned[0].at_ms == pytest.approx(20_900)
    assert [plan.decision.seq for plan in gate.due(20_700)[0]] == []
    gate.heartbeat(beat(20_700, belt_mm=1_320, speed_mm_s=400), 20_700)
    assert [plan.decision.seq for plan in gate.due(20_901)[0]] == [1]


def test_item_that_passed_before_the_belt_stopped_expires(gate: Gate, on_belt: Make) -> None:
    """A belt that stands beyond the gate's reach brings nothing back."""
    gate.decide(on_belt(), 10_001)

    gate.heartbeat(beat(10_300, belt_mm=1_500, speed_mm_s=0), 10_300)

    assert [answer.outcome for answer in gate.due(10_301)[1]] == ["expired"]


def test_without_a_belt_only_the_times_count(on_belt: Make) -> None:
    """A daemon that never tells of the belt is followed by the clock, also when its decisions carry millimetres."""
    gate = Gate("l1", "recyclable", "g1")
    gate.heartbeat(beat(10_000), 10_000)

    plan = gate.decide(on_belt(act_mm=9e9), 10_001)

    assert isinstance(plan, Actuation)
    assert (plan.at_ms, plan.until_ms) == (11_000, 11_100)


def test_overtaken_heartbeat_does_not_turn_the_belt_back(gate: Gate, on_belt: Make) -> None:
    """Of two heartbeats that arrive in the wrong order the later sent one counts."""
    gate.decide(on_belt(), 10_001)

    gate.heartbeat(beat(10_500, belt_mm=1_200, speed_mm_s=200), 10_500)
    gate.heartbeat(beat(10_250, belt_mm=1_100, speed_mm_s=400), 10_501)

    assert gate.planned[0].at_ms == pytest.approx(11_500)


def test_heartbeats_that_were_long_on_their_way_are_no_sign_of_life(gate: Gate) -> None:
    """What a network held back for seconds does not keep a gate going whose daemon may be dead."""
    for late_ms in range(250, 5_000, 250):
        gate.heartbeat(beat(10_000 + late_ms), 14_990)

    gate.due(15_740)
    gate.due(15_751)

    assert not gate.alive


def test_clean_stop_is_no_trip(gate: Gate) -> None:
    """A daemon that is stopped ten times a minute latches nothing."""
    for number in range(2 * LATCH_AFTER):
        gate.heartbeat(beat(10_000 + number, boot=f"b{number}"), 10_000 + number)
        gate.status(Status(line="l1", boot=f"b{number}", state="stopped"), 10_000 + number)

    assert gate.report.state == "safe"
    assert gate.due(60_000) == ([], [])


def test_repeated_trips_latch_until_a_reset(gate: Gate, on_belt: Make) -> None:
    """A line that dies again and again is not followed any more before somebody has looked."""
    now_ms = 10_000.0
    for _trip in range(LATCH_AFTER):
        now_ms += 2 * SILENCE_MS
        gate.due(now_ms)
        gate.heartbeat(beat(now_ms), now_ms)

    latched = gate.report
    refused = gate.decide(on_belt(seq=7), now_ms)
    gate.reset()
    taken = gate.decide(on_belt(seq=8, valid_ms=1e6, reach_mm=0.0), now_ms)

    assert latched.state == "latched"
    assert isinstance(refused, Answer)
    assert "waits for a reset" in refused.detail
    assert isinstance(taken, Actuation)


def test_rare_trips_do_not_latch(gate: Gate) -> None:
    """Five losses in an hour are no pattern."""
    for trip in range(LATCH_AFTER):
        now_ms = 20_000 + 600_000.0 * trip
        gate.heartbeat(beat(now_ms), now_ms)
        gate.due(now_ms + 2 * SILENCE_MS)

    assert gate.report.state == "safe"


@pytest.mark.parametrize(("sensor", "state"), [("full", "full"), ("jammed", "jammed")])
def test_full_bin_takes_nothing(gate: Gate, on_belt: Make, sensor: str, state: str) -> None:
    """What is planned is given up with the reason, what comes is rejected, and the report says so until it is over."""
    gate.decide(on_belt(seq=1), 10_001)

    given_up = gate.inputs(**{"full": False, "jammed": False, sensor: True})
    refused = gate.decide(on_belt(seq=2), 10_002)
    told = gate.report
    gate.inputs(full=False, jammed=False)

    assert [(answer.seq, answer.outcome) for answer in given_up] == [(1, "rejected")]
    assert isinstance(refused, Answer)
    assert refused.outcome == "rejected"
    assert (told.state, gate.report.state) == (state, "ready")
    assert isinstance(gate.decide(on_belt(seq=3), 10_003), Actuation)


def test_memory_is_bounded_and_never_forgets_downwards(gate: Gate, on_belt: Make) -> None:
    """After thousands of decisions a copy of the very first is still a duplicate."""
    for seq in range(9_000):
        gate.decide(on_belt(seq=seq), 10_001)
        gate.drop("expired", "")

    copies = [gate.decide(on_belt(seq=seq), 10_002) for seq in (0, 4_000, 8_999)]

    assert [answer.outcome for answer in copies if isinstance(answer, Answer)] == ["duplicate"] * 3
    assert len(gate._answered._accepted) < 5_000


@pytest.mark.parametrize("seq", [-1, 2**53, 2**70])
def test_impossible_number_is_rejected(gate: Gate, on_belt: Make, seq: int) -> None:
    """A number that JSON cannot carry exactly is refused, not planned."""
    answer = gate.decide(on_belt(seq=seq), 10_001)

    assert isinstance(answer, Answer)
    assert answer.outcome == "rejected"
