from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.errors import ConfigError
from edge.gate.drivers import DriveError, Inputs
from edge.gate.journal import Journal
from edge.gate.movements import Movements
from edge.gate.rules import LATCH_AFTER, SILENCE_MS, Actuation, Gate
from edge.wire.messages import Answer, BinDecision, Heartbeat, Status

Make = Callable[..., BinDecision]

OFFSET_MS = 5_000.0
"""The gate's clock minus the daemon's."""


def beat(own_ms: float, boot: str = "boot-1", **belt: float) -> Heartbeat:
    """A heartbeat that left when the gate's clock said `own_ms`."""
    return Heartbeat(line="l1", boot=boot, t_ms=own_ms - OFFSET_MS, state="online", **belt)


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


class PowerCutError(Exception):
    """Ends the gate in the middle of a movement."""


@dataclass
class Plunger:
    """A drive of this test that keeps a diary; it can be told to break, or to take the power away."""

    opened: int = 0
    is_open: bool = False
    broken: bool = False
    cut: str = ""
    sensors: Inputs = field(default_factory=Inputs)

    def open(self) -> None:
        """One more movement."""
        if self.cut == "before":
            raise PowerCutError
        if self.broken:
            raise DriveError("no air")
        self.opened += 1
        self.is_open = True
        if self.cut == "after":
            raise PowerCutError

    def close(self) -> None:
        """Back."""
        self.is_open = False

    def inputs(self) -> Inputs:
        """As set."""
        return self.sensors

    def release(self) -> None:
        """Nothing to leave."""


class Bench:
    """A gate with drive and journal on a clock of this test's own; boot-1 lives and nothing is due yet."""

    def __init__(self, journal: Path) -> None:
        self.path, self.plunger, self.now_ms = journal, Plunger(), 10_000.0
        self.begin()

    def begin(self) -> list[Answer]:
        """Start, or start again after a crash; what the journal then has to say."""
        self.rules = Gate("l1", "recyclable", "g1")
        self.journal = Journal(self.path)
        self.movements = Movements(self.rules, self.plunger, self.journal, 200, lambda: self.now_ms, lambda _: None)
        self.rules.heartbeat(beat(self.now_ms), self.now_ms)
        return self.journal.unsent()

    def crash(self) -> list[Answer]:
        """End without a word and start again."""
        self.journal.__exit__(None, None, None)
        self.plunger.cut = ""
        return self.begin()

    def plan(self, decision: BinDecision) -> Actuation | Answer:
        """It arrives now."""
        plan = self.rules.decide(decision, self.now_ms)
        if isinstance(plan, Actuation):
            self.movements.plan(plan)
        return plan

    def at(self, now_ms: float) -> list[Answer]:
        """What happens then."""
        self.now_ms = now_ms
        return self.movements.step()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Drive, journal and rules."""
    bench = Bench(tmp_path / "journal.db")
    yield bench
    bench.journal.__exit__(None, None, None)


@pytest.fixture
def due_at(a_decision: Make) -> Make:
    """A decision that left at 10,000 ms and is due at `ms`, valid 100 longer."""

    def make(ms: float, **fields: Any) -> BinDecision:
        t_ms = 10_000 - OFFSET_MS
        return a_decision(
            **{"t_ms": t_ms, "act_t_ms": ms - OFFSET_MS, "valid_ms": ms - 10_000 + 100.0, "reach_mm": 0.0, **fields}
        )

    return make


def test_gate_opens_and_closes_again(bench: Bench, due_at: Make) -> None:
    """A movement holds the gate open for its time."""
    bench.plan(due_at(10_100))

    answers = bench.at(10_100)
    opened = bench.plunger.is_open
    bench.at(10_100 + 200)

    assert [answer.outcome for answer in answers] == ["fired"]
    assert (opened, bench.plunger.is_open, bench.plunger.opened) == (True, False, 1)


def test_intent_wakes_the_gate_before_the_movement(bench: Bench, due_at: Make) -> None:
    """The disk has its time before the item is there: the intent is written 30 ms ahead, the movement is in time."""
    bench.plan(due_at(10_100))
    bench.at(10_010)

    first = bench.movements.wake_ms
    bench.at(first)

    assert first == pytest.approx(10_070)
    assert bench.journal.unsent()[0].outcome == "unknown"
    assert bench.movements.wake_ms == pytest.approx(10_100)


def test_gate_that_must_not_look_now_sleeps(bench: Bench, due_at: Make) -> None:
    """Sensors that are due just before a movement wait for its end, and the gate is not awake for them meanwhile."""
    bench.plan(due_at(10_150))

    waits_ms = []
    for now_ms in (10_010, 10_111, 10_121):
        bench.at(now_ms)
        waits_ms.append(bench.movements.wake_ms - now_ms)

    assert waits_ms == pytest.approx([100, 9, 29])


def test_silence_wakes_the_gate(bench: Bench) -> None:
    """It is safe when the third heartbeat is missing, not at the next look at something else."""
    bench.at(10_700)

    wakes_ms = bench.movements.wake_ms
    bench.at(wakes_ms + 0.1)

    assert wakes_ms == 10_000 + SILENCE_MS
    assert bench.rules.report.state == "safe"


@pytest.mark.parametrize(("when", "moved"), [("before", 0), ("after", 1)])
def test_crash_in_the_movement_is_answered_unknown(bench: Bench, due_at: Make, when: str, moved: int) -> None:
    """Nobody knows whether it moved: it is never called fired, and a copy does not move it again."""
    decision = due_at(10_100)
    bench.plan(decision)
    bench.plunger.cut = when
    with pytest.raises(PowerCutError):
        bench.at(10_100)

    (answer,) = bench.crash()
    copy = bench.plan(decision)
    bench.at(10_110)

    assert (answer.seq, answer.outcome) == (decision.seq, "unknown")
    assert isinstance(copy, Answer)
    assert copy.outcome == "duplicate"
    assert bench.plunger.opened == moved


def test_crash_before_the_answer_is_sent_keeps_it(bench: Bench, due_at: Make) -> None:
    """What has surely moved is answered `fired` after the restart, and only once."""
    bench.plan(due_at(10_100))
    (fired,) = bench.at(10_100)

    (after,) = bench.crash()
    bench.journal.mark_sent(after)

    assert after == fired
    assert bench.crash() == []


def test_crash_before_the_movement_expires_what_was_planned(bench: Bench, due_at: Make) -> None:
    """Nothing moved for sure: `expired`, and it stays that way."""
    decision = due_at(11_000)
    bench.plan(decision)

    (answer,) = bench.crash()

    assert answer.outcome == "expired"
    assert isinstance(bench.plan(decision), Answer)


def test_sent_duplicate_does_not_count_as_the_answer(bench: Bench, due_at: Make) -> None:
    """A copy is answered at once; after a crash the decision itself still is."""
    decision = due_at(11_000)
    bench.plan(decision)
    for copy in (decision, due_at(11_000, seq=2**70)):
        answer = bench.plan(copy)
        assert isinstance(answer, Answer)
        bench.journal.mark_sent(answer)

    assert [(answer.seq, answer.outcome) for answer in bench.crash()] == [(decision.seq, "expired")]


def test_drive_that_fails_is_answered_unknown_and_reported(bench: Bench, due_at: Make) -> None:
    """Nobody knows how far it went; the gate goes to safety and reports a jam until the drive answers again."""
    bench.plan(due_at(10_100))
    bench.plunger.broken = True

    answers = bench.at(10_100)
    bench.movements._look_at_ms = 0
    bench.rules.inputs(full=False, jammed=True, detail="no air")

    assert [(answer.outcome, answer.detail) for answer in answers] == [("unknown", "no air")]
    assert bench.rules.report.state == "jammed"
    bench.at(10_400)
    assert bench.rules.report.state == "ready"


def test_trip_closes_an_open_gate(bench: Bench, due_at: Make) -> None:
    """The safe position is taken at once, not when the movement would have ended."""
    bench.plan(due_at(10_100))
    bench.at(10_100)
    opened = bench.plunger.is_open

    bench.rules.status(Status(line="l1", boot="boot-1", state="offline"), 10_110)
    bench.at(10_111)

    assert opened
    assert not bench.plunger.is_open


def test_reset_button_unlatches_once_per_press(bench: Bench) -> None:
    """A button that is held or stuck does not keep a gate from latching again."""
    bench.plunger.sensors = Inputs(reset=True)
    for press in range(2):
        for trip in range(LATCH_AFTER):
            now_ms = bench.now_ms + 1_000 * (trip + 1) + 20_000 * press
            bench.rules.heartbeat(beat(now_ms, boot=f"b{press}{trip}"), now_ms)
            bench.rules.status(Status(line="l1", boot=f"b{press}{trip}", state="offline"), now_ms)
        latched = bench.rules.report.state
        bench.at(now_ms + 100)
        assert (latched, bench.rules.report.state) == ("latched", "safe" if press == 0 else "latched")


def test_journal_of_another_gate_that_runs_is_refused(bench: Bench) -> None:
    """Two gates on one journal would each forget what the other did."""
    with pytest.raises(ConfigError, match="--journal: expected a file of this gate's own"):
        Journal(bench.path)


class GateLife(RuleBasedStateMachine):
    """A gate with its journal under anything that a network, a daemon, a drive and a power supply can do."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.now_ms = 10_000.0
        self.boots = 1
        self.decisions: list[BinDecision] = []
        self.moved: list[tuple[str, int]] = []
        self.answers: dict[tuple[str, int], list[str]] = {}
        self.plunger = Plunger()
        self.cut_next: str = ""

    @initialize()
    def start(self) -> None:
        """The gate comes up, for the first time or again; what it then finds in its journal is sent."""
        self.rules = Gate("l1", "recyclable", "g", latch_after=0)
        self.journal = Journal(Path(self.folder.name) / "journal.db")
        self.movements = Movements(self.rules, self, self.journal, 200, lambda: self.now_ms, lambda _: None)
        self.send(self.journal.unsent())

    @property
    def boot(self) -> str:
        """Of the daemon that lives now."""
        return f"boot-{self.boots}"

    # The gate's drive is this test: it knows which decision is being done.
    def open(self) -> None:
        """A movement begins; the power may fail just before or after it."""
        if self.cut_next == "before":
            raise PowerCutError
        self.plunger.open()
        assert self.doing is not None
        self.moved.append((self.doing.decision.boot, self.doing.decision.seq))
        assert self.now_ms < self.doing.until_ms
        if self.cut_next == "after":
            raise PowerCutError

    def close(self) -> None:
        """The safe position."""
        self.plunger.close()

    def inputs(self) -> Inputs:
        """Nothing to see."""
        return self.plunger.sensors

    @rule(speed=st.sampled_from([0.0, 100.0, 400.0, -100.0]), delay_ms=st.sampled_from([0.0, 5.0, 400.0, 2_000.0]))
    def hear_heartbeat(self, speed: float, delay_ms: float) -> None:
        """In time or late."""
        sent_ms = self.now_ms - delay_ms
        self.send(
            self.movements.settle(
                self.rules.heartbeat(
                    beat(sent_ms, self.boot, belt_mm=max(0.0, sent_ms / 10), speed_mm_s=speed), self.now_ms
                )
            )
        )

    @rule(state=st.sampled_from(["online", "offline", "stopped"]), age=st.integers(0, 2))
    def hear_status(self, state: Any, age: int) -> None:
        """Of this boot or an older one, also a will."""
        boot = f"boot-{max(1, self.boots - age)}"
        self.send(self.movements.settle(self.rules.status(Status(line="l1", boot=boot, state=state), self.now_ms)))

    @rule()
    def begin_another_boot(self) -> None:
        """The daemon was restarted."""
        self.boots += 1

    @rule(
        in_ms=st.floats(-50, 900),
        valid_ms=st.floats(0, 900),
        delay_ms=st.floats(0, 500),
        reach_mm=st.sampled_from([0, 40]),
    )
    def decide(self, in_ms: float, valid_ms: float, delay_ms: float, reach_mm: float) -> None:
        """A new decision arrives, after some delay."""
        t_ms = self.now_ms - delay_ms - OFFSET_MS
        made = {"t_ms": t_ms, "act_t_ms": t_ms + in_ms, "act_in_ms": in_ms, "valid_ms": valid_ms, "captured_t_ms": t_ms}
        belt = {"act_mm": (t_ms + in_ms + OFFSET_MS) / 10, "reach_mm": float(reach_mm)}
        names = {"line": "l1", "boot": self.boot, "bin": "recyclable", "reason": "classified", "model": "m"}
        rest = {"label": None, "confidence": None, "probabilities": None, "x_mm": 0.0, "frames": 1, "captured_at": ""}
        seq = {"seq": len(self.decisions), "item": 1}
        self.decisions.append(msgspec.convert({**made, **belt, **names, **rest, **seq}, BinDecision))
        self.deliver(self.decisions[-1], retained=False)

    @rule(in_ms=st.sampled_from([0.0, 40.0, 100.0]))
    def sort_one(self, in_ms: float) -> None:
        """What happens all day: a heartbeat, a decision, a movement."""
        self.hear_heartbeat(400.0, 0.0)
        self.decide(in_ms, in_ms + 50, 0.0, 0)
        self.wait(50.0)

    @precondition(lambda self: self.decisions)
    @rule(which=st.integers(0, 30), retained=st.booleans())
    def deliver_again(self, which: int, retained: bool) -> None:
        """A copy of an old one: repeated, overtaken, or kept by a broker."""
        self.deliver(self.decisions[-1 - which % len(self.decisions)], retained=retained)

    @rule(ms=st.sampled_from([1.0, 10.0, 50.0, 200.0, 800.0]))
    def wait(self, ms: float) -> None:
        """Time passes; the gate wakes when it asked to."""
        end_ms = self.now_ms + ms
        while (wake_ms := max(self.now_ms + 0.01, self.movements.wake_ms)) < end_ms:
            self.now_ms = wake_ms
            self.step()
        self.now_ms = end_ms
        self.step()

    @rule(when=st.sampled_from(["before", "after"]))
    def cut_the_power_at_the_next_movement(self, when: str) -> None:
        """Between intent and movement, or between movement and its record."""
        self.cut_next = when

    @rule()
    def restart(self) -> None:
        """Killed in between and started again."""
        self.journal.__exit__(None, None, None)
        self.start()

    @rule(broken=st.booleans())
    def break_the_drive(self, broken: bool) -> None:
        """It fails, or somebody repaired it."""
        self.plunger.broken = broken

    @invariant()
    def nothing_moves_twice(self) -> None:
        """Whatever happened."""
        assert len(self.moved) == len(set(self.moved))

    @invariant()
    def answers_are_true_and_one_each(self) -> None:
        """`fired` only for what moved, `expired` and `rejected` only for what did not, and never two of them."""
        for key, outcomes in self.answers.items():
            final = [outcome for outcome in outcomes if outcome != "duplicate"]
            assert len(final) <= 1, (key, outcomes)
            assert key in self.moved or "fired" not in final
            assert key not in self.moved or final in ([], ["fired"], ["unknown"])

    def teardown(self) -> None:
        """In the end the daemon is gone: everything that came was answered."""
        self.cut_next = ""
        self.wait(2_000.0)
        self.restart()
        self.wait(2_000.0)
        for decision in self.decisions:
            final = [o for o in self.answers[decision.boot, decision.seq] if o != "duplicate"]
            assert len(final) == 1
        self.journal.__exit__(None, None, None)
        self.folder.cleanup()

    def deliver(self, decision: BinDecision, *, retained: bool) -> None:
        """As the service does."""
        outcome = self.rules.decide(decision, self.now_ms, retained=retained)
        answers = [outcome] if isinstance(outcome, Answer) else self.movements.plan(outcome)
        self.send(self.movements.settle(answers))

    def step(self) -> None:
        """As the service does; a power cut starts it again."""
        move = self.movements._move

        def watched(plan: Actuation) -> Answer:
            self.doing = plan
            return move(plan)

        self.movements._move = watched  # type: ignore[method-assign]
        try:
            self.send(self.movements.step())
        except PowerCutError:
            self.cut_next = ""
            self.journal.__exit__(None, None, None)
            self.start()
        else:
            self.movements._move = move  # type: ignore[method-assign]

    def send(self, answers: list[Answer]) -> None:
        """The broker is there and takes them."""
        for answer in answers:
            self.answers.setdefault((answer.boot, answer.seq), []).append(answer.outcome)
            self.journal.mark_sent(answer)

    doing: Actuation | None = None


GateLife.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestGateLife = GateLife.TestCase
