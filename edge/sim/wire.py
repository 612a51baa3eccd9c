"""The wire between line and gates on a virtual clock: messages take their time, gates move when their rules say so."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from edge.gate.rules import Gate
from edge.sim.clock import START_NS, Clock
from edge.wire.messages import Answer, BinDecision, Heartbeat

_CLOCK_APART_MS = 7_654.321
"""The gates' own clocks run so far from the line's and from each other: rules must find the offset themselves."""
_GRAIN_NS = 1000
"""Floating-point milliseconds are no finer here: a gate that is woken so much later finds its movement due."""


class Wire:
    """Delivers decisions and heartbeats to one gate per bin; notes when each gate moved."""

    def __init__(
        self,
        line: str,
        bins: tuple[str, ...],
        clock: Clock,
        network_ms: float,
        seed: int,
        answered: Callable[[Answer], object],
        moved: Callable[[BinDecision], None],
    ) -> None:
        """`answered` gets every answer; `moved` every decision at the moment at which its gate moves."""
        self._clock, self._network_ms = clock, network_ms
        self._rng = np.random.default_rng([seed, 6])
        self._gates: Mapping[str, Gate] = {name: Gate(line, name, name) for name in bins}
        self._apart_ms = {name: _CLOCK_APART_MS * (n + 1) - START_NS / 1e6 for n, name in enumerate(bins)}
        self._delivered_ns = dict.fromkeys(bins, 0)
        self._wakes_ns = dict.fromkeys(bins, 0)
        self._answered, self._moved = answered, moved

    def publish_decision(self, decision: BinDecision) -> bool:
        """On its way to the bin's gate."""
        self._send(decision.bin, lambda gate, now_ms: _as_answers(gate.decide(decision, now_ms)))
        return True

    def publish_heartbeat(self, beat: Heartbeat) -> None:
        """On its way to every gate."""
        for name in self._gates:
            self._send(name, lambda gate, now_ms: gate.heartbeat(beat, now_ms))

    def _send(self, name: str, arrive: Callable[[Gate, float], list[Answer]]) -> None:
        """Messages to one gate arrive in their order, as TCP has it."""
        delay_ms = self._network_ms * (0.25 + 0.75 * self._rng.exponential())
        at_ns = max(self._clock.now_ns() + round(delay_ms * 1e6), self._delivered_ns[name])
        self._delivered_ns[name] = at_ns
        self._clock.at_ns(at_ns, partial(self._arrive, name, arrive))

    def _arrive(self, name: str, arrive: Callable[[Gate, float], list[Answer]]) -> None:
        for answer in arrive(self._gates[name], self._gate_ms(name)):
            self._answered(answer)
        self._plan(name)

    def _plan(self, name: str) -> None:
        """Wake the gate when its next movement is due."""
        planned = self._gates[name].planned
        if planned and math.isfinite(planned[0].at_ms):
            due_ns = math.ceil((planned[0].at_ms - self._apart_ms[name]) * 1e6) + _GRAIN_NS
            self._wakes_ns[name] = max(due_ns, self._clock.now_ns() + _GRAIN_NS)
            self._clock.at_ns(self._wakes_ns[name], partial(self._wake, name))

    def _wake(self, name: str) -> None:
        if self._clock.now_ns() != self._wakes_ns[name]:
            return  # it was planned anew since
        gate, now_ms = self._gates[name], self._gate_ms(name)
        ready, dropped = gate.due(now_ms)
        for plan in ready:
            self._moved(plan.decision)
            self._answered(gate.fired(plan, now_ms))
        for answer in dropped:
            self._answered(answer)
        self._plan(name)

    def _gate_ms(self, name: str) -> float:
        """The gate's own monotonic clock."""
        return self._clock.now_ns() / 1e6 + self._apart_ms[name]


def _as_answers(outcome: object) -> list[Answer]:
    return [outcome] if isinstance(outcome, Answer) else []
