from collections.abc import Callable
from typing import Any

import pytest

from edge.sim.clock import START_NS, Clock, scene_s
from edge.sim.wire import Wire
from edge.wire.messages import Answer, BinDecision, Heartbeat


def test_things_happen_in_their_order_and_time_stands_still_between() -> None:
    """The clock reads each plan's moment; equal moments keep the order of planning; what is beyond the end waits."""
    clock, seen = Clock(), []

    def note(name: str) -> Callable[[], None]:
        return lambda: seen.append((name, clock.now_s))

    for name, at_s in (("late", 2.0), ("early", 1.0), ("also", 1.0), ("beyond", 9.0)):
        clock.at_s(at_s, note(name))

    clock.run(3.0)

    assert seen == [("early", 1.0), ("also", 1.0), ("late", 2.0)]
    assert clock.now_s == 3.0


def test_work_takes_time_of_the_one_who_works() -> None:
    """It is later for the line after its work; what others had planned meanwhile still happens at its moment."""
    clock, seen = Clock(), []

    def work() -> None:
        clock.work_ms(40)
        seen.append(clock.now_s)

    clock.at_s(1.0, work)
    clock.at_s(1.02, lambda: seen.append(clock.now_s))
    clock.run(2.0)

    assert seen == pytest.approx([1.04, 1.02])


def test_a_gate_with_another_clock_moves_at_the_right_moment(a_decision: Callable[..., BinDecision]) -> None:
    """Whatever its own clock reads: within the network's delay of the wanted moment, once, and it answers."""
    plant = Plant(network_ms=2.0)
    act_ms = START_NS / 1e6 + 1500.0
    sent = decided(a_decision, act_ms, t_ms=START_NS / 1e6 + 1000.0)

    plant.clock.at_s(1.0, lambda: plant.wire.publish_decision(sent))
    plant.clock.run(4.0)

    ((moved_s, decision),) = plant.moved
    assert decision == sent
    assert moved_s == pytest.approx(1.5, abs=0.004)
    assert [answer.outcome for answer in plant.answers] == ["fired"]


def test_a_decision_that_is_too_long_on_its_way_moves_nothing(a_decision: Callable[..., BinDecision]) -> None:
    """The gate's rules say so, and the answer."""
    plant = Plant(network_ms=2.0)
    now_ms = START_NS / 1e6 + 1000.0
    sent = decided(a_decision, act_ms=now_ms - 500, t_ms=now_ms - 900)

    plant.clock.at_s(1.0, lambda: plant.wire.publish_decision(sent))
    plant.clock.run(4.0)

    assert plant.moved == []
    assert [answer.outcome for answer in plant.answers] == ["expired"]


class Plant:
    """A wire with two gates and a heartbeat."""

    def __init__(self, network_ms: float) -> None:
        self.clock = Clock()
        self.answers: list[Answer] = []
        self.moved: list[tuple[float, BinDecision]] = []
        self.wire = Wire(
            "l1",
            ("metal", "recyclable"),
            self.clock,
            network_ms,
            3,
            self.answers.append,
            lambda decision: self.moved.append((self.clock.now_s, decision)),
        )
        for n in range(16):
            self.clock.at_s(n * 0.25, self._beat)

    def _beat(self) -> None:
        now_ns = self.clock.now_ns()
        fields: dict[str, Any] = {"belt_mm": 400 * scene_s(now_ns), "speed_mm_s": 400.0}
        self.wire.publish_heartbeat(Heartbeat(line="l1", boot="b1", t_ms=now_ns / 1e6, state="online", **fields))


def decided(a_decision: Callable[..., BinDecision], act_ms: float, t_ms: float) -> BinDecision:
    """For the gate of `recyclable`, on a belt at 400 mm/s."""
    return a_decision(
        line="l1",
        boot="b1",
        seq=1,
        bin="recyclable",
        t_ms=t_ms,
        act_t_ms=act_ms,
        act_in_ms=act_ms - t_ms,
        valid_ms=act_ms - t_ms + 100,
        act_mm=0.4 * (act_ms - START_NS / 1e6),
        reach_mm=40.0,
    )
