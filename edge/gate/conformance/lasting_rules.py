"""The rules that take longer or more than one client: retained messages, load, and a belt that changes its speed."""

import random
import time

from edge.errors import BrokerError
from edge.gate.conformance.daemon import PlayedDaemon
from edge.gate.conformance.verdicts import (
    Broken,
    Rule,
    Untested,
    fired_late_ms,
    in_words,
    outcomes,
    require_fired,
)
from edge.wire.messages import BinDecision, encode, topic
from edge.wire.mqtt_access import read_access
from edge.wire.mqtt_properties import Exchange
from edge.wire.mqtt_session import Session

RETURN_S = 20.0
"""Longest that a gate may take to come back to the broker."""
TRIES = 5
LOAD = 60
LOAD_S = 0.05
SPEED_MM_S = 400.0


def retained(client_id: str | None) -> Rule:
    """The rule for a gate with this client id; None: that of the reference gate."""

    def play(daemon: PlayedDaemon, tolerance_ms: float) -> str:
        """A decision waits at the broker, the gate loses its connection, and hears it on its return."""
        name = client_id or _usual_client_id(daemon)
        try:
            waiting = _leave_one_waiting(daemon, name)
            daemon.run(max(0.0, waiting.act_t_ms - daemon.now_ms() + daemon.answer_ms) / 1000 + 0.5)
            if "fired" in (answers := outcomes(daemon, waiting)):
                raise Broken(f"expected seq {waiting.seq} not to be fired, found {in_words(answers)}")
        finally:
            daemon.send_raw(b"", retain=True)
        return f"{in_words(answers)}; then {require_fired(daemon, daemon.send(daemon.decision()), tolerance_ms)}"

    return Rule("retained", "after a reconnect a retained decision is not fired, and what follows is", play)


def load(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """Twenty a second, a tenth of them twice, a tenth reordered, a tenth too late."""
    dice = random.Random(0)
    good, late = [], []
    for _ in range(LOAD):
        decision = daemon.decision(act_in_ms=dice.uniform(250, 400))
        if dice.random() < 0.1:
            decision = daemon.decision(sent_ms_ago=500, act_in_ms=100, valid_ms=300.0)
            late.append(daemon.send(decision))
        else:
            good.append(daemon.send(decision))
            if dice.random() < 0.1:
                daemon.send(decision)
            if good[:-1] and dice.random() < 0.1:
                daemon.send(dice.choice(good[:-1]))
        daemon.run(LOAD_S)
    daemon.run(1.5)
    return _sum_up(daemon, good, late, tolerance_ms)


def slower_belt(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """Half the speed on the way to the gate: it moves when the item is there, not when it would have been."""
    decision = _on_the_belt(daemon, 400.0)
    daemon.run(0.5)
    daemon.drive(SPEED_MM_S / 2)
    daemon.run(0.5 + tolerance_ms / 1000)
    if found := outcomes(daemon, decision):
        raise Broken(f"expected nothing before the item is there, found {in_words(found)}")
    arrives_ms = daemon.own_ms(daemon.now_ms()) + (decision.act_mm - daemon.belt_mm) / (SPEED_MM_S / 2) * 1000
    daemon.run((arrives_ms - daemon.own_ms(daemon.now_ms()) + daemon.answer_ms + tolerance_ms) / 1000 + 0.1)
    return _fired_at(daemon, decision, arrives_ms, tolerance_ms)


def standing_belt(daemon: PlayedDaemon, tolerance_ms: float) -> str:
    """The belt stops for longer than the decision would be valid, and goes on: so does the item."""
    decision = _on_the_belt(daemon, 400.0)
    daemon.run(0.5)
    daemon.drive(0.0)
    daemon.run(1.2)
    if "fired" in (found := outcomes(daemon, decision)):
        raise Broken(f"expected nothing while the belt stands, found {in_words(found)}")
    daemon.drive(SPEED_MM_S)
    arrives_ms = daemon.own_ms(daemon.now_ms()) + (decision.act_mm - daemon.belt_mm) / SPEED_MM_S * 1000
    daemon.run((arrives_ms - daemon.own_ms(daemon.now_ms()) + daemon.answer_ms + tolerance_ms) / 1000 + 0.1)
    return _fired_at(daemon, decision, arrives_ms, tolerance_ms)


LASTING = (
    Rule("load", "of twenty a second each is fired at most once, none late, all answered", load),
    Rule("slower-belt", "it re-plans when the belt changes its speed", slower_belt, optional=True),
    Rule("standing-belt", "it waits while the belt stands", standing_belt, optional=True),
)


def _usual_client_id(daemon: PlayedDaemon) -> str:
    names = [answered.answer.gate for answered in daemon.heard.answered]
    if not names:
        raise Untested("no answer has said the gate's name yet; give its client id (--client-id)")
    return f"sortline-{daemon.line}-gate-{names[-1]}"


def _leave_one_waiting(daemon: PlayedDaemon, client_id: str) -> BinDecision:
    """Publish a retained decision while the gate is away; returns when it is back.

    The one who took the gate's place says it, on the same connection: no gate is back sooner than that. It is known to
    have been away when that was acknowledged first.
    """
    where = topic(daemon.line, "decision", daemon.bin)
    for _ in range(TRIES):
        thief = _steal(daemon, client_id)
        waiting = daemon.decision(act_in_ms=1_500, valid_ms=1000 * RETURN_S)
        thief.publish(where, encode(waiting), qos=1, retain=True, expiry_s=None, exchange=Exchange())
        _wait_for_return(daemon, thief, client_id)
        if thief.settled:
            return waiting
        daemon.send_raw(b"", retain=True)
        daemon.run(3.0)
    raise Untested("the gate came back too fast each time: it never heard a retained message")


def _steal(daemon: PlayedDaemon, client_id: str) -> Session:
    """Connect under the gate's client id: the broker ends the gate's connection."""
    session = Session(read_access(daemon.config), client_id, will=None)
    try:
        session.open(())
    except BrokerError as error:
        session.release()
        raise Untested(f"the broker did not let us in as {client_id!r}: {error}") from error
    return session


def _wait_for_return(daemon: PlayedDaemon, thief: Session, client_id: str) -> None:
    """Until the gate has taken its client id back."""
    until_s = time.monotonic() + RETURN_S
    try:
        while not thief.ended and time.monotonic() < until_s:
            thief.pump(0.01)
            daemon.run(0.01)
        if not thief.ended:
            raise Untested(f"no gate came back as client {client_id!r} in {RETURN_S:g} s; give its id (--client-id)")
    finally:
        thief.drop()
        thief.release()


def _on_the_belt(daemon: PlayedDaemon, distance_mm: float) -> BinDecision:
    """A decision for an item that is so far from the gate, on a belt that has been running for a while."""
    daemon.drive(SPEED_MM_S)
    daemon.run(0.6)
    act_in_ms = distance_mm / SPEED_MM_S * 1000
    decision = daemon.decision(
        act_in_ms=act_in_ms, valid_ms=act_in_ms + 200, act_mm=daemon.belt_mm + distance_mm, reach_mm=80.0
    )
    return daemon.send(decision)


def _fired_at(daemon: PlayedDaemon, decision: BinDecision, arrives_ms: float, tolerance_ms: float) -> str:
    if (found := outcomes(daemon, decision)) != ["fired"]:
        raise Broken(f"expected it to be fired once, found {in_words(found)}")
    late_ms = daemon.heard.answers_to(decision.seq)[0].at_ms - arrives_ms - daemon.answer_ms
    if abs(late_ms) > tolerance_ms:
        raise Broken(f"expected it within {tolerance_ms:g} ms of the item's arrival, found {late_ms:+.0f} ms")
    return f"fired, answered {late_ms:+.1f} ms from the item's arrival"


def _sum_up(daemon: PlayedDaemon, good: list[BinDecision], late: list[BinDecision], tolerance_ms: float) -> str:
    fired = {one.seq: outcomes(daemon, one).count("fired") for one in (*good, *late)}
    delays = [fired_late_ms(daemon, one) for one in good if fired[one.seq]]
    faults = {
        "fired twice": sum(times > 1 for times in fired.values()),
        "fired after their validity": sum(bool(fired[one.seq]) for one in late),
        "not answered": sum(not outcomes(daemon, one) for one in (*good, *late)),
        "valid and not fired": sum(not fired[one.seq] for one in good),
        f"fired more than {tolerance_ms:g} ms from their time": sum(abs(ms) > tolerance_ms for ms in delays),
    }
    if any(faults.values()):
        raise Broken(f"of {len(fired)}: " + ", ".join(f"{count} {what}" for what, count in faults.items() if count))
    return f"{len(good)} fired, {len(late)} expired, worst answer {max(delays):+.1f} ms from its time"
