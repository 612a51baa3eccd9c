"""What a rule is, and how what a gate answered is held against it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge.gate.conformance.daemon import PlayedDaemon
from edge.wire.messages import BinDecision, encode

EARLY_MS = 30.0
"""A gate that knows the clock only from delayed heartbeats is late, never early; this much is measurement."""
PATIENCE_S = 0.3
"""Longest way of an answer."""

Play = Callable[[PlayedDaemon, float], str]
"""Play the rule; second comes the tolerance in ms. Returns what was found; raises Broken when that breaks the rule."""


class Broken(Exception):
    """The gate did what the rule forbids, or not what it demands; the text is what was found."""


class Untested(Exception):
    """The rule could not be played; the text says why, and what to do."""


@dataclass(frozen=True)
class Rule:
    """One thing that every gate must do."""

    name: str
    demands: str
    play: Play
    optional: bool = False
    """A gate without it is safe too."""


@dataclass(frozen=True)
class Verdict:
    """What came of one rule."""

    rule: str
    demands: str
    passed: bool
    found: str
    optional: bool


def in_order(verdicts: Sequence[Verdict]) -> bool:
    """Every rule is kept but for optional ones."""
    return all(verdict.passed or verdict.optional for verdict in verdicts)


def judge(rule: Rule, daemon: PlayedDaemon, tolerance_ms: float) -> Verdict:
    """Play one rule, from a new boot on."""
    daemon.reboot()
    try:
        found, passed = rule.play(daemon, tolerance_ms), True
    except Broken as broken:
        found, passed = str(broken), False
    except Untested as untested:
        found, passed = f"not tested: {untested}", False
    return Verdict(rule.name, rule.demands, passed, found, rule.optional)


def wait_out(daemon: PlayedDaemon, decision: BinDecision) -> None:
    """Be the daemon until everything that can come of the decision has been answered."""
    end_ms = max(decision.act_t_ms, decision.t_ms + decision.valid_ms)
    daemon.run(max(0.0, end_ms - daemon.now_ms()) / 1000 + daemon.answer_ms / 1000 + PATIENCE_S)


def require_fired(daemon: PlayedDaemon, decision: BinDecision, tolerance_ms: float) -> str:
    """Once, at its time, as far as the time of the answer tells; said within the decision's validity."""
    daemon.run(max(0.0, decision.act_t_ms - daemon.now_ms() + daemon.answer_ms) / 1000)
    for _ in range(round(tolerance_ms / 10)):
        if outcomes(daemon, decision):
            break
        daemon.run(0.01)
    daemon.run(0.1)  # a second one would come right behind
    if (found := outcomes(daemon, decision)) != ["fired"]:
        raise Broken(f"expected seq {decision.seq} to be answered fired once, found {in_words(found)}")
    late_ms = fired_late_ms(daemon, decision)
    if not -EARLY_MS <= late_ms <= tolerance_ms:
        raise Broken(f"expected it from {-EARLY_MS:g} to {tolerance_ms:g} ms after its time, found {late_ms:+.0f} ms")
    return f"fired, answered {late_ms:+.1f} ms from its time"


def require_not_fired(daemon: PlayedDaemon, decision: BinDecision, *, answer: str = "") -> str:
    """Never; with `answer`, something must have been answered, and that first."""
    wait_out(daemon, decision)
    found = outcomes(daemon, decision)
    if "fired" in found:
        raise Broken(f"expected seq {decision.seq} not to be fired, found {in_words(found)}")
    if answer and found[:1] != [answer]:
        raise Broken(f"expected seq {decision.seq} to be answered {answer}, found {in_words(found)}")
    return in_words(found)


def outcomes(daemon: PlayedDaemon, decision: BinDecision) -> list[str]:
    """What the gate answered to a decision, in order."""
    return [answered.answer.outcome for answered in daemon.heard.answers_to(decision.seq)]


def fired_late_ms(daemon: PlayedDaemon, decision: BinDecision) -> float:
    """From the time to move to the answer that says so, less what this gate's answers always take."""
    at_ms = next(one.at_ms for one in daemon.heard.answers_to(decision.seq) if one.answer.outcome == "fired")
    return at_ms - daemon.own_ms(decision.act_t_ms) - daemon.answer_ms


def in_words(found: list[str]) -> str:
    """What the gate answered, for people."""
    return ", ".join(found) or "no answer"


def with_fields(decision: BinDecision, **fields: Any) -> bytes:
    """A decision's JSON with other fields, or with more."""
    return json.dumps({**json.loads(encode(decision)), **fields}).encode()
