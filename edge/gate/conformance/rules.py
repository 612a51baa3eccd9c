"""The rules on when a gate moves: once, in time, by the daemon's clock, and not for rubbish."""

from edge.gate.conformance.daemon import PlayedDaemon
from edge.gate.conformance.verdicts import (
    Broken,
    Rule,
    in_words,
    outcomes,
    require_fired,
    require_not_fired,
    with_fields,
)

MALFORMED = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[]",
    b"null",
    b'{"seq": "seven"}',
    b"9" * 5_000,
    b"[" * 20_000,
    b'{"nested": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b"x" * 50_000,
)
WRONG = (
    ("seq", None),
    ("seq", 1.5),
    ("boot", None),
    ("act_t_ms", None),
    ("act_t_ms", [1]),
    ("valid_ms", None),
    ("valid_ms", "soon"),
)
"""Fields of an otherwise right decision."""


def fires(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """The plain case."""
    decision = daemon.send(daemon.decision())
    found = require_fired(daemon, decision, tolerance_ms)
    answer = daemon.heard.answers_to(decision.seq)[0].answer
    said = (answer.line, answer.boot, answer.item, answer.bin)
    if said != (decision.line, decision.boot, decision.item, decision.bin):
        raise Broken(f"expected line, boot, item and bin of the decision in its answer, found {said}")
    if not answer.gate:
        raise Broken("expected the gate's name in its answer, found none")
    return found


def delayed_decision(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """It was under way for 400 ms: the time to move is told by the clock, not by the arrival."""
    return require_fired(daemon, daemon.send(daemon.decision(sent_ms_ago=400, act_in_ms=200)), tolerance_ms)


def delayed_heartbeats(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """Some heartbeats come late: the fastest ones tell the clock."""
    for delayed_ms in (450, 500, 400):
        daemon.run(0.05)
        daemon.beat(delayed_ms=delayed_ms)
    return require_fired(daemon, daemon.send(daemon.decision(act_in_ms=250)), tolerance_ms)


def duplicate(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """The same packet again, before and after the movement."""
    decision = daemon.send(daemon.decision())
    daemon.send(decision)
    daemon.run((decision.act_in_ms + daemon.answer_ms + tolerance_ms) / 1000)
    daemon.send(decision)
    daemon.run(0.5)
    if (found := outcomes(daemon, decision)).count("fired") != 1:
        raise Broken(f"expected it to be fired once, found {in_words(found)}")
    return in_words(found)


def reordered(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """A lower seq after a higher one, and both of them again."""
    older, newer = daemon.decision(), daemon.decision()
    for decision in (newer, older, newer, older):
        daemon.send(decision)
    daemon.run((newer.act_in_ms + daemon.answer_ms + tolerance_ms) / 1000 + 0.1)
    found = [outcomes(daemon, decision) for decision in (older, newer)]
    if any(of_one.count("fired") > 1 for of_one in found):
        raise Broken(f"expected each to be fired at most once, found {in_words(found[0])} and {in_words(found[1])}")
    return f"{in_words(found[0])} and {in_words(found[1])}"


def late_arrival(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """Its validity ended while it was under way."""
    late = daemon.send(daemon.decision(sent_ms_ago=500, act_in_ms=100, valid_ms=300.0))
    return require_not_fired(daemon, late, answer="expired")


def late_movement(daemon: PlayedDaemon, _tolerance_ms: float) -> str:
    """Its validity ends before the time to move."""
    return require_not_fired(daemon, daemon.send(daemon.decision(act_in_ms=600, valid_ms=300.0)), answer="expired")


def malformed(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """Rubbish on its topic neither moves nor stops a gate."""
    broken = daemon.decision()
    for payload in (*MALFORMED, *(with_fields(broken, **{field: value}) for field, value in WRONG)):
        daemon.send_raw(payload)
    daemon.run(0.3)
    if "fired" in (found := outcomes(daemon, broken)):
        raise Broken(f"expected rubbish not to be fired, found {in_words(found)}")
    return f"after it: {require_fired(daemon, daemon.send(daemon.decision()), tolerance_ms)}"


ONCE_AND_IN_TIME = (
    Rule("fires", "a valid decision is fired once, at its time, and answered", fires),
    Rule("delayed-decision", "the time to move is told by the clock, not by the arrival", delayed_decision),
    Rule("delayed-heartbeats", "the clock is told by the fastest heartbeats", delayed_heartbeats),
    Rule("duplicate", "the same seq again is not fired again", duplicate),
    Rule("reordered", "out of order, each seq is fired at most once", reordered),
    Rule("late-arrival", "what arrives after its validity is not fired, and answered expired", late_arrival),
    Rule("late-movement", "what is due after its validity is not fired, and answered expired", late_movement),
    Rule("malformed", "rubbish is not fired, and what follows is", malformed),
)
