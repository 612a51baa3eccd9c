"""The reference gate: what a gate's controller must do with the messages of its line, to be read as pseudo-code.

Pure: no clock, no socket, no file. `edge.gate.gate` puts it on the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.gate.memory import TRIP_WINDOW_MS, Answered, Trips
from edge.gate.sender import Sender
from edge.wire.messages import (
    SCHEMA,
    Answer,
    Ask,
    Asked,
    BinDecision,
    GateReport,
    GateState,
    Heartbeat,
    Outcome,
    Status,
)

MAJOR = SCHEMA.partition(".")[0]
LATCH_AFTER = 5
"""So many trips within `TRIP_WINDOW_MS`: somebody should look before this gate moves again."""
PLANNED = 1000
"""Movements that may wait, which only a belt that stands can reach."""
SEQ_LIMIT = 2**53


@dataclass(frozen=True)
class Actuation:
    """A planned movement. Times are on the gate's own clock."""

    decision: BinDecision
    at_ms: float
    until_ms: float
    """From here on it must not happen any more."""


class Gate:
    """One gate. All `now_ms` are on its own monotonic clock and never go back.

    - A seq is answered once, and what was answered is never done later; a further copy of it is a `duplicate`.
    - Only the current boot commands. A boot that was replaced never comes back. A decision before any heartbeat or
      status is rejected: nobody vouches that its sender lives, and the reject bin is the safe place.
    - Where the heartbeats tell how the belt moves, a movement waits for the belt: it begins `dead_ms` before the
      odometer reads `act_mm` and never from `reach_mm` later on. Else it begins at `act_t_ms`, and never from `t_ms` +
      `valid_ms` on.
    - Without heartbeats for `SILENCE_MS`, three times their period, or after the last will, what was planned is
      dropped: a trip. `latch_after` trips within a minute latch the gate: it rejects everything until `reset`.
    - While its bin is full or something is jammed it rejects everything.
    - The daemon asks for answers that it never got: each is told again, word for word. What waits here is answered when
      it is done; what never came has `expired`, and is a `duplicate` should it still come; what is too long ago is
      `unknown`.
    """

    def __init__(self, line: str, bin_name: str, name: str, *, latch_after: int = LATCH_AFTER) -> None:
        """A gate `name` that moves items of `line` into `bin_name`. `latch_after` 0: never."""
        self.line = line
        self.bin = bin_name
        self.name = name
        self.planned: list[Actuation] = []
        """Next one first."""
        self._latch_after = latch_after
        self._trips = Trips(latch_after)
        self._blocked: tuple[GateState, str] | None = None
        self._sender = Sender()
        self._answered = Answered()

    @property
    def offset_ms(self) -> float | None:
        """Own clock minus the daemon's, too large by the shortest delay seen; None while unknown."""
        return self._sender.clock.offset_ms

    @property
    def boot(self) -> str | None:
        """Whose decisions count; None: nobody has been heard."""
        return self._sender.boot

    @property
    def alive(self) -> bool:
        """Whether a daemon sorts."""
        return self._sender.alive

    @property
    def silent_at_ms(self) -> float:
        """When a daemon that says nothing more is taken to be gone; infinite when none sorts."""
        return self._sender.silent_at_ms

    @property
    def report(self) -> GateReport:
        """How this gate is."""
        state, detail = self._state
        return GateReport(line=self.line, bin=self.bin, gate=self.name, state=state, detail=detail)

    def heartbeat(self, beat: Heartbeat, now_ms: float) -> list[Answer]:
        """The daemon lives, and it was `beat.t_ms` on its clock a little while ago."""
        if beat.line != self.line or self._sender.was(beat.boot):
            return []
        dropped = self._follow(beat.boot)
        self._sender.hear(beat, now_ms)
        self._plan_again()
        return dropped

    def status(self, status: Status, now_ms: float) -> list[Answer]:
        """The daemon says how it is, or the broker that it is gone. The will of another boot means nothing here."""
        if status.line != self.line or self._sender.was(status.boot):
            return []
        if status.state in ("online", "degraded") and status.boot != self.boot:
            dropped = self._follow(status.boot)
            self._sender.live(now_ms)
            return dropped
        if status.boot != self.boot or not self.alive:
            return []
        if status.state == "offline":
            return self._trip("the daemon is offline", now_ms)
        if status.state == "stopped":
            self._sender.lose()
            return self.drop("expired", "the daemon has stopped")
        return []

    def inputs(self, *, full: bool, jammed: bool, detail: str = "") -> list[Answer]:
        """What the gate's own sensors say now; what was planned for a bin that is full is not done later."""
        self._blocked = ("jammed", detail or "jam at the gate") if jammed else ("full", "bin full") if full else None
        return self.drop("rejected", self._blocked[1]) if self._blocked else []

    def reset(self) -> None:
        """An operator has looked."""
        self._trips.reset()

    def remember(self, boot: str, seq: int) -> None:
        """From before a restart: this was answered, or will be, and must not be done again."""
        self._answered.add(boot, seq, accepted=True)

    def decide(self, decision: BinDecision, now_ms: float, *, retained: bool = False) -> Actuation | Answer:
        """What becomes of a decision that arrived now: a planned movement, or the answer why not."""
        if (decision.boot, decision.seq) in self._answered:
            return self._answer(decision, "duplicate", "was already here")
        why = self._refusal(decision, now_ms, retained=retained)
        self._answered.add(decision.boot, decision.seq, accepted=not why)
        if why:
            return self._answer(decision, "rejected", why)
        self._sender.clock.learn(decision.t_ms, now_ms)
        plan = self._plan(decision)
        if now_ms >= plan.until_ms:
            return self._answer(decision, "expired", f"arrived {now_ms - plan.until_ms:.0f} ms after its validity")
        self.planned = sorted([*self.planned, plan], key=lambda other: other.at_ms)
        return plan

    def asked(
        self, ask: Ask, recall: Callable[[str, int], Answer | None], reaches: Callable[[int], bool]
    ) -> list[Answer]:
        """What became of decisions that the daemon has no answer to.

        `recall`: the answer to a boot and seq as it was noted. `reaches`: whether a seq would be noted, had it come.
        """
        waiting = {plan.decision.seq for plan in self.planned if plan.decision.boot == ask.boot}
        ours = (ask.line, ask.bin) == (self.line, self.bin)
        done = [one for one in ask.decisions if ours and one.seq not in waiting and 0 <= one.seq < SEQ_LIMIT]
        return [recall(ask.boot, one.seq) or self._never_came(ask, one, sure=reaches(one.seq)) for one in done]

    def due(self, now_ms: float) -> tuple[list[Actuation], list[Answer]]:
        """What must move now, and what may not move any more.

        Ask at least every few ms, at `planned[0].at_ms` and at `silent_at_ms`.
        """
        if self.alive and self._sender.silent(now_ms):
            return [], self._trip("no heartbeat", now_ms)
        ready = [plan for plan in self.planned if plan.at_ms <= now_ms < plan.until_ms]
        late = [plan for plan in self.planned if plan.until_ms <= now_ms]
        self.planned = [plan for plan in self.planned if now_ms < min(plan.at_ms, plan.until_ms)]
        return ready, [self.too_late(plan) for plan in late]

    def fired(self, plan: Actuation, now_ms: float) -> Answer:
        """The answer after the movement that began at `now_ms`."""
        return self._answer(plan.decision, "fired", "", round(now_ms - plan.at_ms, 3))

    def too_late(self, plan: Actuation) -> Answer:
        """The answer when the movement must not happen any more."""
        return self._answer(plan.decision, "expired", "validity ended before the movement")

    def cancel(self, plan: Actuation, why: str) -> Answer:
        """The gate itself cannot do it: nothing moves, and the answer says why."""
        self.planned = [other for other in self.planned if other.decision is not plan.decision]
        return self.dropped(plan, "rejected", why)

    def drop(self, outcome: Outcome, why: str) -> list[Answer]:
        """Nothing that is planned happens; the answers that say so."""
        dropped, self.planned = self.planned, []
        return [self.dropped(plan, outcome, why) for plan in dropped]

    def dropped(self, plan: Actuation, outcome: Outcome, why: str) -> Answer:
        """The answer to something that was planned and comes to another end."""
        return self._answer(plan.decision, outcome, why)

    @property
    def _state(self) -> tuple[GateState, str]:
        if self._trips.latched:
            return "latched", f"{self._latch_after} trips within {TRIP_WINDOW_MS / 1000:.0f} s; waits for a reset"
        if self._blocked:
            return self._blocked
        return ("ready", "") if self.alive else ("safe", "no daemon")

    def _refusal(self, decision: BinDecision, now_ms: float, *, retained: bool) -> str:
        """The first rule that the decision breaks, in words; empty when it breaks none."""
        rules = {
            f"expected schema {MAJOR}.x, found {decision.schema}": decision.schema.partition(".")[0] == MAJOR,
            "found it retained, which nothing that commands a gate may be": not retained,
            f"expected line {self.line}, found {decision.line}": decision.line == self.line,
            f"expected bin {self.bin}, found {decision.bin}": decision.bin == self.bin,
            f"expected a seq from 0 to 2**53, found {decision.seq}": 0 <= decision.seq < SEQ_LIMIT,
            "no heartbeat or status yet": self.boot is not None,
            f"expected boot {self.boot}, found {decision.boot}": decision.boot == self.boot,
            "no heartbeat": not self._sender.silent(now_ms),
            self._state[1]: self._state[0] in ("ready", "safe"),
            f"{PLANNED} movements wait already": len(self.planned) < PLANNED,
        }
        return next((why for why, kept in rules.items() if not kept), "")

    def _never_came(self, ask: Ask, one: Asked, *, sure: bool) -> Answer:
        self._answered.add(ask.boot, one.seq, accepted=ask.boot == self.boot)
        outcome, why = ("expired", "never came") if sure else ("unknown", "not remembered")
        return Answer(
            line=self.line, boot=ask.boot, seq=one.seq, item=one.item, bin=self.bin, gate=self.name, outcome=outcome,
            detail=why,
        )  # fmt: skip

    def _plan(self, decision: BinDecision) -> Actuation:
        return Actuation(decision, *self._sender.clock.window(decision))

    def _plan_again(self) -> None:
        again = [self._plan(plan.decision) for plan in self.planned]
        self.planned = sorted(again, key=lambda plan: plan.at_ms)

    def _follow(self, boot: str) -> list[Answer]:
        if boot == self.boot:
            return []
        self._sender.follow(boot)
        return self.drop("expired", f"boot {boot} has begun")

    def _trip(self, why: str, now_ms: float) -> list[Answer]:
        self._sender.lose()
        self._trips.add(now_ms)
        return self.drop("expired", why)

    def _answer(self, decision: BinDecision, outcome: Outcome, why: str, error_ms: float | None = None) -> Answer:
        return Answer(
            line=self.line,
            boot=decision.boot,
            seq=decision.seq,
            item=decision.item,
            bin=decision.bin,
            gate=self.name,
            outcome=outcome,
            error_ms=error_ms,
            detail=why,
        )
