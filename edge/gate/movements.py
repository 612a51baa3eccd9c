"""From a plan to a movement: its intent on the disk first, then the drive, then the answer on the disk."""

import math
import sqlite3
from collections.abc import Callable

from edge.gate.driver import DriveError, Driver, Inputs
from edge.gate.journal import Journal
from edge.gate.rules import SEQ_LIMIT, Actuation, Gate
from edge.wire.messages import Answer, Ask

INTENT_LEAD_MS = 30.0
"""So long before a movement its intent is written: an fsync may take so long."""
LOOK_MS = 100.0
"""How often the sensors are read, but not within `LOOK_GUARD_MS` before a movement: reading may take a while."""
LOOK_GUARD_MS = 50.0
RETRY_MS = 200.0
"""Until a gate that did not close is told again to."""


class Movements:
    """Owns drive and journal. `now_ms` is the gate's monotonic clock, passed in."""

    def __init__(
        self,
        rules: Gate,
        driver: Driver,
        journal: Journal,
        hold_ms: float,
        now_ms: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        """What the journal knows from before a restart never moves again."""
        self._rules, self._driver, self._journal = rules, driver, journal
        self._hold_ms, self._now_ms, self._say = hold_ms, now_ms, say
        self._close_at_ms = math.inf
        self._look_at_ms = 0.0
        self._intended: set[tuple[str, int]] = set()
        self._inputs = Inputs()
        self._trouble = ""
        for boot, seq in journal.known():
            rules.remember(boot, seq)

    @property
    def wake_ms(self) -> float:
        """When `step` is to be called at the latest."""
        times = [plan.at_ms - (0 if _key(plan) in self._intended else INTENT_LEAD_MS) for plan in self._rules.planned]
        return min([self._close_at_ms, self._look_at_ms, self._rules.silent_at_ms, *times])

    def plan(self, plan: Actuation) -> list[Answer]:
        """It was accepted. Should the gate end before it moves, it has expired."""
        if self._note([self._rules.dropped(plan, "expired", "the gate was restarted before")], durably=False):
            return []
        return [self._rules.cancel(plan, f"journal: {self._trouble}")]

    def step(self) -> list[Answer]:
        """Everything that is due now; the answers to what was done and what was not."""
        answers = self._look()
        soon_ms = self._now_ms() + INTENT_LEAD_MS
        answers += self._intend([plan for plan in self._rules.planned if plan.at_ms <= soon_ms])
        ready, late = self._rules.due(self._now_ms())
        refused = self._intend(ready)
        answers += [*late, *refused, *(self._move(plan) for plan in ready if _key(plan) in self._intended)]
        if self._now_ms() >= self._close_at_ms or (self._open and self._rules.report.state != "ready"):
            self._close()
        return self.settle(answers)

    def settle(self, answers: list[Answer]) -> list[Answer]:
        """These answers are final: a restart finds them. Only a power cut may forget some, and `unknown` stands again.

        No fsync of its own, which would hold up the next movement: that one's intent brings it along.
        """
        known = [answer for answer in answers if answer.outcome != "duplicate" and 0 <= answer.seq < SEQ_LIMIT]
        if known:
            self._note(known, durably=False)
            self._intended -= {(answer.boot, answer.seq) for answer in known}
        return answers

    def recall(self, ask: Ask) -> list[Answer]:
        """What became of those that the daemon asks for. That one has never come is noted: it must not move later."""
        answers = self._rules.asked(ask, self._journal.recall, self._journal.reaches)
        self.settle([answer for answer in answers if answer.outcome == "expired"])
        return answers

    def stop(self) -> list[Answer]:
        """The safe position; nothing that is planned happens any more."""
        self._close()
        return self.settle(self._rules.drop("expired", "the gate was stopped"))

    @property
    def _open(self) -> bool:
        return math.isfinite(self._close_at_ms)

    def _look(self) -> list[Answer]:
        now_ms = self._now_ms()
        if now_ms < self._look_at_ms:
            return []
        if soon := [plan.at_ms for plan in self._rules.planned if plan.at_ms - now_ms < LOOK_GUARD_MS]:
            self._look_at_ms = max(soon)
            return []
        self._look_at_ms = now_ms + LOOK_MS
        before, self._inputs = self._inputs, self._read()
        if self._inputs.reset and not before.reset:
            self._rules.reset()
            self._say("reset")
        jammed = self._inputs.jammed or bool(self._trouble)
        return self._rules.inputs(full=self._inputs.full, jammed=jammed, detail=self._trouble)

    def _read(self) -> Inputs:
        try:
            inputs = self._driver.inputs()
        except DriveError as error:
            self._fail(error)
            return self._inputs
        if not self._open:
            self._trouble = ""
        return inputs

    def _intend(self, plans: list[Actuation]) -> list[Answer]:
        """Write the intents that are not written yet, with one fsync; what cannot be written does not move."""
        plans = [plan for plan in plans if _key(plan) not in self._intended]
        if not plans:
            return []
        if self._note([self._rules.dropped(plan, "unknown", "the gate was restarted") for plan in plans], durably=True):
            self._intended |= {_key(plan) for plan in plans}
            return []
        return [self._rules.cancel(plan, f"journal: {self._trouble}") for plan in plans]

    def _move(self, plan: Actuation) -> Answer:
        """Only with its intent on the disk."""
        now_ms = self._now_ms()
        if now_ms >= plan.until_ms:
            return self._rules.too_late(plan)
        self._close_at_ms = now_ms + self._hold_ms
        try:
            self._driver.open()
        except DriveError as error:
            self._fail(error)
            self._close_at_ms = now_ms
            return self._rules.dropped(plan, "unknown", str(error))
        return self._rules.fired(plan, now_ms)

    def _close(self) -> None:
        try:
            self._driver.close()
        except DriveError as error:
            self._fail(error)
            self._close_at_ms = self._now_ms() + RETRY_MS
        else:
            self._close_at_ms = math.inf

    def _note(self, answers: list[Answer], *, durably: bool) -> bool:
        try:
            self._journal.note(answers, durably=durably)
        except sqlite3.Error as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: Exception) -> None:
        """Said once; until the drive answers again the gate reports a jam."""
        if self._trouble != str(error):
            self._trouble = str(error)
            self._say(f"trouble {error}")


def _key(plan: Actuation) -> tuple[str, int]:
    return plan.decision.boot, plan.decision.seq
