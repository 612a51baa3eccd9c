"""A gate of somebody else: README's rules written down anew on plain paho, each of which can be left out."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

UNKNOWN_MS = float("inf")
DRIFT = 0.0005
"""Two clocks come apart by 500 ppm at most: an offset that grows faster is a network that has become slow."""
LOOP_S = 0.002
AWAY_S = 0.2


class PlcGate(threading.Thread):
    """Serves bin `recyclable` of `line`, and leaves out what is named in `without`."""

    def __init__(self, port: int, line: str, without: str = "") -> None:
        super().__init__(name=f"gate-{line}")
        self.over = threading.Event()
        self.without = without
        self.line = line
        self.boot: str | None = None
        self.old_boots: set[str] = set()
        self.offset_ms = UNKNOWN_MS
        self.learnt_ms = self.heard_ms = 0.0
        self.seen: set[int] = set()
        self.planned: list[tuple[float, float, dict[str, Any]]] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2, f"sortline-{line}-gate-plc", protocol=MQTTProtocolVersion.MQTTv5
        )
        self.client.on_message = self.hear
        self.client.on_connect = lambda *_: self.client.subscribe(
            [(f"sortline/{line}/{levels}", 1) for levels in ("decision/recyclable", "heartbeat", "status")]
        )
        self.client.connect("127.0.0.1", port)

    def run(self) -> None:
        """The cycle of a controller: the bus, then the movements that are due."""
        while not self.over.is_set():
            if self.client.loop(LOOP_S):
                time.sleep(AWAY_S)
                with suppress(OSError):
                    self.client.reconnect()
            self.move()
        self.client.disconnect()
        self.client._reset_sockets()

    def hear(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        """One message of the bus."""
        kind = message.topic.split("/")[2]
        if self.without == "parsing":
            said = json.loads(message.payload)
        else:
            try:
                said = json.loads(message.payload)
                assert isinstance(said, dict)
                float(said.get("act_t_ms", 0)) + float(said.get("valid_ms", 0)) + 0 * int(said.get("seq", 0))
            except (ValueError, TypeError, AssertionError, RecursionError):
                return
        if kind == "heartbeat":
            self.follow(said["boot"])
            if said["boot"] == self.boot:
                self.learn_clock(now_ms() - said["t_ms"])
        elif kind == "status":
            if said["state"] == "online":
                self.follow(said["boot"])
            elif said["boot"] == self.boot and self.without != "will":
                self.drop()
        else:
            self.decide(said, retained=message.retain)

    def learn_clock(self, offset_ms: float) -> None:
        """It falls at once, for a message that took less time tells it better, and grows as slowly as clocks do."""
        grown_ms = self.offset_ms + (now_ms() - self.learnt_ms) * DRIFT
        self.offset_ms = offset_ms if self.without == "fastest" else min(offset_ms, grown_ms)
        self.learnt_ms = now_ms()

    def follow(self, boot: str) -> None:
        """A sign of life: of this boot, of a new one, or of an old one, which means nothing."""
        if boot in self.old_boots and self.without != "boot":
            return
        if boot != self.boot:
            self.old_boots |= {self.boot or ""}
            self.boot, self.offset_ms = boot, UNKNOWN_MS
            if self.without != "boot":
                self.drop()
        self.heard_ms = now_ms()

    def decide(self, decision: dict[str, Any], *, retained: bool) -> None:
        """Plan it, or say why not."""
        if self.without == "everything":
            return self.answer(decision, "fired")
        ours = [decision[key] for key in ("line", "bin", "schema")] == [self.line, "recyclable", decision["schema"]]
        ours = (ours and decision["schema"].startswith("1.")) or self.without == "address"
        known = decision["boot"] == self.boot or self.without == "boot"
        if not (ours and known) or (retained and self.without != "retained"):
            return self.answer(decision, "rejected")
        if decision["seq"] in self.seen and self.without != "once":
            return self.answer(decision, "duplicate")
        self.seen.add(decision["seq"])
        if self.without != "fastest":
            self.learn_clock(now_ms() - decision["t_ms"])
        sent_ms = now_ms() if self.without == "clock" else decision["t_ms"] + self.offset_ms
        until_ms = sent_ms + decision["valid_ms"]
        if now_ms() >= until_ms and self.without != "expiry":
            return self.answer(decision, "expired")
        self.planned.append((sent_ms + decision["act_in_ms"], until_ms, decision))
        return None

    def move(self) -> None:
        """What is due is done, what is too late is not."""
        if now_ms() - self.heard_ms > 750 and self.without != "silence":
            self.drop()
        for plan in list(self.planned):
            at_ms, until_ms, decision = plan
            late = now_ms() >= until_ms and self.without != "expiry"
            if late or now_ms() >= at_ms:
                self.planned.remove(plan)
                self.answer(decision, "expired" if late else "fired")

    def drop(self) -> None:
        """Nobody commands any more."""
        for _, _, decision in self.planned:
            self.answer(decision, "expired")
        self.planned = []

    def answer(self, decision: dict[str, Any], outcome: str) -> None:
        """Say what was done."""
        own = {key: decision[key] for key in ("schema", "line", "boot", "seq", "item", "bin")}
        payload = json.dumps({**own, "gate": "plc", "outcome": outcome})
        self.client.publish(f"sortline/{self.line}/answer", payload, qos=1)


def now_ms() -> float:
    """On a clock that has nothing to do with the daemon's."""
    return time.monotonic() * 1000 + 77_000.0


@contextmanager
def serving(gate: PlcGate) -> Iterator[None]:
    """Run while the block runs."""
    gate.start()
    try:
        yield
    finally:
        gate.over.set()
        gate.join(5)
