from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.gate.driver import Inputs
from edge.gate.journal import Journal
from edge.gate.movements import Movements
from edge.gate.rules import Actuation, Gate
from edge.wire.messages import Answer, BinDecision, Status
from tests.edge.gate.bench import OFFSET_MS, Plunger, PowerCutError, ask, beat


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
        """The gate comes up, for the first time or again."""
        self.rules = Gate("l1", "recyclable", "g", latch_after=0)
        self.journal = Journal(Path(self.folder.name) / "journal.db")
        self.movements = Movements(self.rules, self, self.journal, 200, lambda: self.now_ms, lambda _: None)

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
        self.deliver(self.make(in_ms, valid_ms, delay_ms, reach_mm), retained=False)

    def make(self, in_ms: float, valid_ms: float, delay_ms: float, reach_mm: int) -> BinDecision:
        """The next decision of the daemon that lives now."""
        t_ms = self.now_ms - delay_ms - OFFSET_MS
        made = {"t_ms": t_ms, "act_t_ms": t_ms + in_ms, "act_in_ms": in_ms, "valid_ms": valid_ms, "captured_t_ms": t_ms}
        belt = {"act_mm": (t_ms + in_ms + OFFSET_MS) / 10, "reach_mm": float(reach_mm)}
        names = {"line": "l1", "boot": self.boot, "bin": "recyclable", "reason": "classified", "model": "m"}
        rest = {"label": None, "confidence": None, "probabilities": None, "x_mm": 0.0, "frames": 1, "captured_at": ""}
        seq = {"seq": len(self.decisions), "item": 1}
        self.decisions.append(msgspec.convert({**made, **belt, **names, **rest, **seq}, BinDecision))
        return self.decisions[-1]

    @rule()
    def lose_one_on_the_way(self) -> None:
        """A decision that does not come, or comes much later as a copy."""
        self.make(50.0, 100.0, 0.0, 0)

    @precondition(lambda self: self.decisions)
    @rule(first=st.integers(0, 30), number=st.integers(1, 8))
    def ask_again(self, first: int, number: int) -> None:
        """The daemon has lost some answers, or never got them."""
        for decision in self.decisions[::-1][first : first + number]:
            self.send(self.movements.recall(ask(decision.seq, boot=decision.boot)))

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
        """`fired` only for what moved, `expired` and `rejected` only for what did not, and never another word later."""
        for key, outcomes in self.answers.items():
            final = sorted({outcome for outcome in outcomes if outcome != "duplicate"})
            assert len(final) <= 1, (key, outcomes)
            assert key in self.moved or "fired" not in final
            assert key not in self.moved or final in ([], ["fired"], ["unknown"])

    def teardown(self) -> None:
        """In the end everything is answered, by itself or when the daemon asks for it."""
        self.cut_next = ""
        self.wait(2_000.0)
        self.restart()
        self.wait(2_000.0)
        for decision in self.decisions:
            self.send(self.movements.recall(ask(decision.seq, boot=decision.boot)))
            assert {o for o in self.answers[decision.boot, decision.seq] if o != "duplicate"}
        self.answers_are_true_and_one_each()
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

    doing: Actuation | None = None


GateLife.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestGateLife = GateLife.TestCase
