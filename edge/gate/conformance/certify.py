"""`sortline-edge gate-test`: every rule played against one gate, and what came of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edge.config import MqttConfig
from edge.errors import Unavailable, UsageError
from edge.gate.conformance.daemon import PlayedDaemon
from edge.gate.conformance.lasting_rules import LASTING, retained
from edge.gate.conformance.rules import ONCE_AND_IN_TIME
from edge.gate.conformance.sender_rules import ONE_SENDER
from edge.gate.conformance.telling_rules import TELLING
from edge.gate.conformance.verdicts import Rule, Verdict, fired_late_ms, judge, outcomes
from edge.wire.messages import BinDecision

MEASURED = 2
WAIT_S = 10.0
"""Longest that the gate may take to fire its first decision."""


def all_rules(client_id: str | None) -> tuple[Rule, ...]:
    """Those that are quick first."""
    return (*ONCE_AND_IN_TIME, *ONE_SENDER, retained(client_id), *TELLING, *LASTING)


def choose(rules: Sequence[Rule], names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules with these names; all when there are none. Raises UsageError."""
    known = [rule.name for rule in rules]
    if strange := sorted(set(names) - set(known)):
        raise UsageError(f"--rule: expected some of {', '.join(known)}, found {', '.join(strange)}")
    return tuple(rule for rule in rules if not names or rule.name in names)


@contextmanager
def played_daemon(config: MqttConfig, line: str, bin_name: str) -> Iterator[PlayedDaemon]:
    """A daemon whose gate works. Raises BrokerError, or Unavailable when none fires."""
    daemon = PlayedDaemon(config, line, bin_name)
    try:
        daemon.connect()
        _wait_for_gate(daemon)
        yield daemon
    finally:
        daemon.close()


def certify(
    daemon: PlayedDaemon, rules: Sequence[Rule], tolerance_ms: float, tell: Callable[[Verdict], None]
) -> list[Verdict]:
    """Play the rules one after the other; `tell` hears of each as it ends."""
    verdicts = []
    for rule in rules:
        verdicts.append(judge(rule, daemon, tolerance_ms))
        daemon.require_broker()
        tell(verdicts[-1])
    return verdicts


def _wait_for_gate(daemon: PlayedDaemon) -> None:
    daemon.reboot()
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        decision = daemon.send(daemon.decision())
        daemon.run(0.6)
        if "fired" in outcomes(daemon, decision):
            daemon.answer_ms = max(0.0, min(fired_late_ms(daemon, one) for one in (decision, *_further(daemon))))
            return
    said = [f"{one.answer.outcome} ({one.answer.detail})" for one in daemon.heard.answered[-1:]]
    said += daemon.heard.malformed[-1:]
    where = f"line {daemon.line}, bin {daemon.bin}"
    raise Unavailable(f"{where}: expected a gate to fire within {WAIT_S:g} s, found {', '.join(said) or 'no answer'}")


def _further(daemon: PlayedDaemon) -> list[BinDecision]:
    """More decisions that were fired, to measure how long this gate's answers take."""
    sent = []
    for _ in range(MEASURED):
        sent.append(daemon.send(daemon.decision()))
        daemon.run(0.6)
    return [decision for decision in sent if "fired" in outcomes(daemon, decision)]
