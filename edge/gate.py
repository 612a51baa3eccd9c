"""The reference gate on the wire: the rules of `gate_rules` between a broker and something that moves."""

import queue
import threading
from collections.abc import Callable

import msgspec

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.gate_rules import Actuation, Gate
from edge.messages import Answer, BinDecision, Heartbeat, Status, encode, topic
from edge.mqtt import Connection, monotonic_ms
from edge.mqtt_session import Arrival

INBOX = 1000
"""Messages that may wait; beyond it they are dropped, and their items go to the reject bin."""
TICK_S = 0.05
"""How often silence of the daemon and the end of the service are looked for."""

Actuate = Callable[[BinDecision], None]
Say = Callable[[str], None]
Inbox = queue.Queue[tuple[Arrival, float]]
"""With the time of arrival, in ms."""


def run_gate(config: MqttConfig, rules: Gate, *, actuate: Actuate, stop: threading.Event, say: Say = print) -> None:
    """Serve until `stop`, one line to `say` per event. Raises BrokerError when we are not let in at the start.

    `actuate` moves the gate and returns at once; it runs on this thread, never twice for a seq.
    """
    inbox: Inbox = queue.Queue(INBOX)
    with Connection(
        config,
        f"sortline-{rules.line}-gate-{rules.name}",
        topics=tuple(topic(rules.line, *levels) for levels in (("decision", rules.bin), ("heartbeat",), ("status",))),
        on_message=lambda arrival: _put(inbox, arrival, say),
    ) as connection:
        connection.connect()
        if connection.problems:
            raise BrokerError(f"broker {config.host}:{config.port}: {', '.join(connection.problems)}; check its ACL")
        say(f"ready line={rules.line} bin={rules.bin} gate={rules.name} broker={config.host}:{config.port}")
        while not stop.is_set():
            for answer in _step(rules, inbox, actuate, say):
                _send(connection, answer, say)
        connection.close()
    say("stopped")


def _step(rules: Gate, inbox: Inbox, actuate: Actuate, say: Say) -> list[Answer]:
    """Wait for the next message or movement, and do it."""
    answers: list[Answer] = []
    try:
        arrival, at_ms = inbox.get(timeout=_patience_s(rules))
        answers += _take(rules, arrival, at_ms, say)
    except queue.Empty:
        pass
    ready, dropped = rules.due(monotonic_ms())
    return [*answers, *dropped, *(_fire(rules, plan, actuate) for plan in ready)]


def _patience_s(rules: Gate) -> float:
    if not rules.planned:
        return TICK_S
    return min(TICK_S, max(0.0, (rules.planned[0].at_ms - monotonic_ms()) / 1000))


def _take(rules: Gate, arrival: Arrival, at_ms: float, say: Say) -> list[Answer]:
    kind = arrival.topic.split("/")[2]
    try:
        if kind == "heartbeat":
            return rules.heartbeat(msgspec.json.decode(arrival.payload, type=Heartbeat), at_ms)
        if kind == "status":
            status = msgspec.json.decode(arrival.payload, type=Status)
            say(f"status {status.state} boot={status.boot}")
            return rules.status(status, at_ms)
        decision = msgspec.json.decode(arrival.payload, type=BinDecision)
    except msgspec.DecodeError as error:
        say(f"malformed {arrival.topic}: {error}")
        return []
    outcome = rules.decide(decision, at_ms, retained=arrival.retained)
    if isinstance(outcome, Answer):
        return [outcome]
    say(f"planned seq={decision.seq} item={decision.item} bin={decision.bin} in={outcome.at_ms - at_ms:.0f}ms")
    return []


def _fire(rules: Gate, plan: Actuation, actuate: Actuate) -> Answer:
    now_ms = monotonic_ms()
    if now_ms >= plan.until_ms:
        return rules.too_late(plan)
    actuate(plan.decision)
    return rules.fired(plan, now_ms)


def _send(connection: Connection, answer: Answer, say: Say) -> None:
    sent = connection.publish(topic(answer.line, "answer"), encode(answer))
    error = "" if answer.error_ms is None else f" error={answer.error_ms:+.1f}ms"
    detail = f" ({answer.detail})" if answer.detail else ""
    say(f"{answer.outcome} seq={answer.seq} item={answer.item}{error}{detail}{'' if sent else ' UNSENT: broker away'}")


def _put(inbox: Inbox, arrival: Arrival, say: Say) -> None:
    try:
        inbox.put_nowait((arrival, monotonic_ms()))
    except queue.Full:
        say(f"overrun {arrival.topic}")
