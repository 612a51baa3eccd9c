"""What a gate under test answers and says of itself, and when; and whether somebody else plays the daemon."""

import queue
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from edge.wire.messages import Answer, GateReport, Heartbeat, decode
from edge.wire.mqtt import monotonic_ms
from edge.wire.mqtt_session import Arrival


class Answered(NamedTuple):
    """One answer of the gate."""

    answer: Answer
    at_ms: float
    """When it was here, on this machine's monotonic clock."""


class Hearing:
    """Keeps all that came; `listen` takes it in, on the caller's thread."""

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self.reports: list[GateReport] = []
        self.beats: list[Heartbeat] = []
        """Our own come back too."""
        self.malformed: list[str] = []
        """Answers and reports that are none, in words."""
        self._inbox: queue.Queue[tuple[Arrival, float]] = queue.Queue()

    def receive(self, arrival: Arrival) -> None:
        """On the connection's thread."""
        self._inbox.put((arrival, monotonic_ms()))

    def listen(self, timeout_s: float) -> None:
        """Wait for something to come, and take in all that has."""
        for arrival, at_ms in self._arrivals(timeout_s):
            try:
                self._keep(arrival, at_ms)
            except msgspec.DecodeError as error:
                self.malformed.append(f"{arrival.topic}: {error}: {arrival.payload[:80]!r}")

    def answers_to(self, seq: int) -> list[Answered]:
        """In the order in which they came."""
        return [answered for answered in self.answered if answered.answer.seq == seq]

    def _arrivals(self, timeout_s: float) -> Iterator[tuple[Arrival, float]]:
        try:
            yield self._inbox.get(timeout=timeout_s)
            while True:
                yield self._inbox.get_nowait()
        except queue.Empty:
            return

    def _keep(self, arrival: Arrival, at_ms: float) -> None:
        kind = arrival.topic.split("/")[2]
        if kind == "answer":
            self.answered.append(Answered(decode(arrival.payload, Answer), at_ms))
        elif kind == "gate":
            self.reports.append(decode(arrival.payload, GateReport))
        else:
            self.beats.append(decode(arrival.payload, Heartbeat))
