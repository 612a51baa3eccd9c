"""The reference gate: what a gate's controller must do with the messages of its line, to be read as pseudo-code.

Pure: no clock, no socket. `edge.gate` puts it on the wire.
"""

from collections import deque
from dataclasses import dataclass

from edge.messages import SCHEMA, Answer, BinDecision, Heartbeat, Outcome, Status

MAJOR = SCHEMA.partition(".")[0]
HEARTBEAT_MS = 250.0
MISSED = 3
"""So many heartbeats missing: nobody is sorting."""
SILENCE_MS = HEARTBEAT_MS * MISSED
OFFSET_BEATS = 120
"""Heartbeats that the clock offset is estimated from: 30 s, in which two quartzes drift apart by less than 6 ms."""
OLD_BOOTS = 16


@dataclass(frozen=True)
class Actuation:
    """A planned movement. Times are on the gate's own clock."""

    decision: BinDecision
    at_ms: float
    until_ms: float
    """From here on it must not happen any more."""


class Gate:
    """One gate. All `now_ms` are on its own monotonic clock and never go back.

    - A seq counts once: only numbers above the highest one seen in this boot are taken.
    - Only the current boot commands. A boot that was replaced never comes back. A decision before any heartbeat or
      status is rejected: nobody vouches that its sender lives, and the reject bin is the safe place.
    - Nothing moves at or after `t_ms` + `valid_ms`, on the daemon's clock as far as the offset is known.
    - Without heartbeats for `SILENCE_MS`, or after the last will, what was planned is dropped.
    """

    def __init__(self, line: str, bin_name: str, name: str) -> None:
        """A gate `name` that moves items of `line` into `bin_name`."""
        self.line = line
        self.bin = bin_name
        self.name = name
        self.boot: str | None = None
        self.planned: list[Actuation] = []
        """Next one first."""
        self._old_boots: deque[str] = deque(maxlen=OLD_BOOTS)
        self._offsets_ms: deque[float] = deque(maxlen=OFFSET_BEATS)
        self._heard_ms: float | None = None
        """Last sign of life of the current boot; None: it is known to be gone."""
        self._last_seq = -1

    @property
    def offset_ms(self) -> float | None:
        """Own clock minus the daemon's, too large by the shortest delay seen; None while unknown."""
        return min(self._offsets_ms, default=None)

    def heartbeat(self, beat: Heartbeat, now_ms: float) -> list[Answer]:
        """The daemon lives, and it was `beat.t_ms` on its clock a little while ago."""
        if beat.line != self.line or beat.boot in self._old_boots:
            return []
        dropped = self._follow(beat.boot)
        self._heard_ms = now_ms
        self._offsets_ms.append(now_ms - beat.t_ms)
        return dropped

    def status(self, status: Status, now_ms: float) -> list[Answer]:
        """The daemon says how it is, or the broker that it is gone. The will of another boot means nothing here."""
        if status.line != self.line or status.boot in self._old_boots:
            return []
        if status.state in ("online", "degraded") and status.boot != self.boot:
            dropped = self._follow(status.boot)
            self._heard_ms = now_ms
            return dropped
        if status.state == "offline" and status.boot == self.boot:
            self._heard_ms = None
            return self._drop("the daemon is offline")
        return []

    def decide(self, decision: BinDecision, now_ms: float, *, retained: bool = False) -> Actuation | Answer:
        """What becomes of a decision that arrived now: a planned movement, or the answer why not."""
        if why := self._refusal(decision, now_ms, retained=retained):
            return self._answer(decision, "rejected", why)
        if decision.seq <= self._last_seq:
            return self._answer(decision, "duplicate", f"seq {self._last_seq} was already here")
        self._last_seq = decision.seq
        plan = self._plan(decision, now_ms)
        if now_ms >= plan.until_ms:
            return self._answer(decision, "expired", f"arrived {now_ms - plan.until_ms:.0f} ms after its validity")
        self.planned = sorted([*self.planned, plan], key=lambda other: other.at_ms)
        return plan

    def due(self, now_ms: float) -> tuple[list[Actuation], list[Answer]]:
        """What must move now, and what may not move any more. Ask at least every few ms and at `planned[0].at_ms`."""
        if self._silent(now_ms):
            return [], self._drop("no heartbeat")
        ready = [plan for plan in self.planned if plan.at_ms <= now_ms]
        self.planned = [plan for plan in self.planned if plan.at_ms > now_ms]
        return (
            [plan for plan in ready if now_ms < plan.until_ms],
            [self.too_late(plan) for plan in ready if now_ms >= plan.until_ms],
        )

    def fired(self, plan: Actuation, now_ms: float) -> Answer:
        """The answer after the movement that began at `now_ms`."""
        return self._answer(plan.decision, "fired", "", now_ms - plan.at_ms)

    def too_late(self, plan: Actuation) -> Answer:
        """The answer when the movement must not happen any more."""
        return self._answer(plan.decision, "expired", "validity ended before the movement")

    def _refusal(self, decision: BinDecision, now_ms: float, *, retained: bool) -> str:
        """The first rule that the decision breaks, in words; empty when it breaks none."""
        rules = {
            f"expected schema {MAJOR}.x, found {decision.schema}": decision.schema.partition(".")[0] == MAJOR,
            "found it retained, which nothing that commands a gate may be": not retained,
            f"expected line {self.line}, found {decision.line}": decision.line == self.line,
            f"expected bin {self.bin}, found {decision.bin}": decision.bin == self.bin,
            "no heartbeat or status yet": self.boot is not None,
            f"expected boot {self.boot}, found {decision.boot}": decision.boot == self.boot,
            "no heartbeat": not self._silent(now_ms),
        }
        return next((why for why, kept in rules.items() if not kept), "")

    def _plan(self, decision: BinDecision, now_ms: float) -> Actuation:
        if self.offset_ms is None:
            return Actuation(decision, at_ms=now_ms + decision.act_in_ms, until_ms=now_ms + decision.valid_ms)
        sent_ms = decision.t_ms + self.offset_ms
        return Actuation(decision, at_ms=decision.act_t_ms + self.offset_ms, until_ms=sent_ms + decision.valid_ms)

    def _follow(self, boot: str) -> list[Answer]:
        if boot == self.boot:
            return []
        if self.boot is not None:
            self._old_boots.append(self.boot)
        dropped = self._drop(f"boot {boot} has begun")
        self.boot = boot
        self._offsets_ms.clear()
        self._last_seq = -1
        return dropped

    def _silent(self, now_ms: float) -> bool:
        return self._heard_ms is None or now_ms - self._heard_ms > SILENCE_MS

    def _drop(self, why: str) -> list[Answer]:
        dropped, self.planned = self.planned, []
        return [self._answer(plan.decision, "expired", why) for plan in dropped]

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
