"""A gate's rules, drive and journal on a clock of the tests' own."""

from dataclasses import dataclass, field
from pathlib import Path

from edge.gate.driver import DriveError, Inputs
from edge.gate.journal import Journal
from edge.gate.movements import Movements
from edge.gate.rules import Actuation, Gate
from edge.wire.messages import Answer, Ask, Asked, BinDecision, Heartbeat

OFFSET_MS = 5_000.0
"""The gate's clock minus the daemon's."""


def beat(own_ms: float, boot: str = "boot-1", **belt: float) -> Heartbeat:
    """A heartbeat that left when the gate's clock said `own_ms`."""
    return Heartbeat(line="l1", boot=boot, t_ms=own_ms - OFFSET_MS, state="online", **belt)


def ask(*seqs: int, boot: str = "boot-1") -> Ask:
    """The daemon has no answer to these."""
    return Ask(line="l1", boot=boot, bin="recyclable", decisions=tuple(Asked(seq=seq, item=1) for seq in seqs))


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

    def begin(self) -> None:
        """Start, or start again after a crash."""
        self.rules = Gate("l1", "recyclable", "g1")
        self.journal = Journal(self.path)
        self.movements = Movements(self.rules, self.plunger, self.journal, 200, lambda: self.now_ms, lambda _: None)
        self.rules.heartbeat(beat(self.now_ms), self.now_ms)

    def asked(self, *seqs: int) -> list[Answer]:
        """What it says when it is asked for these."""
        return self.movements.recall(ask(*seqs))

    def crash(self) -> None:
        """End without a word and start again."""
        self.journal.__exit__(None, None, None)
        self.plunger.cut = ""
        self.begin()

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
