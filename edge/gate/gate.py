"""The reference gate on the wire: rules and movements between a broker and something that moves."""

import contextlib
import queue
import threading
from collections.abc import Callable

import msgspec

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.gate.driver import Driver
from edge.gate.journal import Journal
from edge.gate.movements import Movements
from edge.gate.outbox import Outbox
from edge.gate.rules import Gate
from edge.wire.messages import Answer, Ask, BinDecision, GateReport, Heartbeat, Status, decode, encode, topic
from edge.wire.mqtt import Connection, monotonic_ms
from edge.wire.mqtt_session import Arrival, Will

INBOX = 1000
"""Messages that may wait; beyond it they are dropped, and their items go to the reject bin."""
TICK_MS = 50.0
"""How often the end of the service is looked for."""
ACK_MS = 5.0
"""While more answers wait than a broker takes at once: until it has acknowledged some."""

Say = Callable[[str], None]


def run_gate(
    config: MqttConfig,
    rules: Gate,
    *,
    driver: Driver,
    journal: Journal,
    hold_ms: float,
    stop: threading.Event,
    say: Say = print,
) -> None:
    """Serve until `stop`, one line to `say` per event. A movement opens the gate for `hold_ms`.

    Raises BrokerError when we are not let in at the start, DriveError when the gate cannot be brought to safety then.
    """
    driver.close()
    service = Service(rules, Movements(rules, driver, journal, hold_ms, monotonic_ms, say), say)
    where = topic(rules.line, "gate", rules.bin)
    heard = ("decision", rules.bin), ("ask", rules.bin), ("heartbeat",), ("status",)
    away = encode(msgspec.structs.replace(rules.report, state="safe", detail="the gate is away"))
    with Connection(
        config,
        f"sortline-{rules.line}-gate-{rules.name}",
        topics=tuple(topic(rules.line, *levels) for levels in heard),
        on_message=service.receive,
        on_return=service.tell_again,
        will=Will(where, away),
    ) as connection:
        connection.connect()
        if connection.problems:
            raise BrokerError(f"broker {config.host}:{config.port}: {', '.join(connection.problems)}; check its ACL")
        say(f"ready line={rules.line} bin={rules.bin} gate={rules.name} broker={config.host}:{config.port}")
        outbox = Outbox(connection, say)
        while not stop.is_set():
            service.step(outbox)
            # Before the answers: those of all that was dropped may fill what the broker takes unacknowledged.
            service.tell(lambda report: connection.publish(where, encode(report), retain=True))
            outbox.send()
            service.complain(connection.problems)
        service.stop(outbox)
        connection.publish(where, away, retain=True)
        connection.close()
    say("stopped")


class Service:
    """What arrives, one after the other, on one thread; only `receive` and `tell_again` run on the connection's."""

    def __init__(self, rules: Gate, movements: Movements, say: Say) -> None:
        self._rules, self._movements, self._say = rules, movements, say
        self._inbox: queue.Queue[tuple[Arrival, float]] = queue.Queue(INBOX)
        self._told: GateReport | None = None
        self._problems: tuple[str, ...] = ()

    def receive(self, arrival: Arrival) -> None:
        """From the connection's thread."""
        try:
            self._inbox.put_nowait((arrival, monotonic_ms()))
        except queue.Full:
            self._say(f"overrun {arrival.topic}")

    def tell_again(self) -> None:
        """From the connection's thread: the broker may have forgotten the report, or published the will."""
        self._told = None

    def tell(self, publish: Callable[[GateReport], bool]) -> None:
        """Publish how the gate is, when it is not what was told last."""
        report = self._rules.report
        if report != self._told and publish(report):
            self._told = report
            self._say(f"state {report.state}{f' ({report.detail})' if report.detail else ''}")

    def complain(self, problems: tuple[str, ...]) -> None:
        """Say what the broker refuses us, and that it is away, when that has changed."""
        if problems != self._problems:
            self._problems = problems
            self._say(f"trouble {', '.join(problems)}" if problems else "no trouble any more")

    def step(self, outbox: Outbox) -> None:
        """Wait for the next message or movement, and do it; the answers are put into `outbox`."""
        patience_ms = min(ACK_MS if outbox.moves else TICK_MS, self._movements.wake_ms - monotonic_ms())
        with contextlib.suppress(queue.Empty):
            outbox.put(self._movements.settle(self._take(outbox, *self._inbox.get(timeout=max(0, patience_ms) / 1000))))
        outbox.put(self._movements.step())

    def stop(self, outbox: Outbox) -> None:
        """To the safe position, and say what will not happen."""
        outbox.put(self._movements.stop())
        outbox.send()

    def _take(self, outbox: Outbox, arrival: Arrival, at_ms: float) -> list[Answer]:
        kind = arrival.topic.split("/")[2]
        try:
            if kind == "decision":
                return self._decide(decode(arrival.payload, BinDecision), arrival, at_ms)
            if kind == "heartbeat":
                return self._rules.heartbeat(decode(arrival.payload, Heartbeat), at_ms)
            if kind == "ask":
                self._tell_again(outbox, decode(arrival.payload, Ask), retained=arrival.retained)
                return []
            status = decode(arrival.payload, Status)
        except msgspec.DecodeError as error:
            self._say(f"malformed {arrival.topic}: {error}")
            return []
        self._say(f"status {status.state} boot={status.boot}")
        return self._rules.status(status, at_ms)

    def _decide(self, decision: BinDecision, arrival: Arrival, at_ms: float) -> list[Answer]:
        outcome = self._rules.decide(decision, at_ms, retained=arrival.retained)
        if isinstance(outcome, Answer):
            return [outcome]
        answers = self._movements.plan(outcome)
        in_ms = outcome.at_ms - at_ms
        self._say(f"planned seq={decision.seq} item={decision.item} bin={decision.bin} in={in_ms:.0f}ms")
        return answers

    def _tell_again(self, outbox: Outbox, ask: Ask, *, retained: bool) -> None:
        """Whatever a broker kept was asked long ago."""
        answers = [] if retained else self._movements.recall(ask)
        outbox.put_again(answers)
        self._say(f"asked boot={ask.boot} decisions={len(ask.decisions)} answers={len(answers)}")
