"""What the plant tells the line over MQTT: how the belt moves, what photo-eyes see, which bins are closed."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from edge.config import Config
from edge.wire.messages import BeltReading, GateReport, Trigger, decode
from edge.wire.mqtt_session import Arrival

KEPT = 1000
"""Messages that may wait for the frame's thread; older ones are dropped."""
CLOSED = {"full", "jammed", "latched"}
"""States of a gate that cannot take items. `safe` is none of them: it says that the gate does not hear us, and ends
when it does."""

T = TypeVar("T", BeltReading, Trigger)


class Inbox(Generic[T]):
    """Messages of one kind with their time of arrival, from the connection's thread to the frame's."""

    def __init__(self, kind: type[T], now_ns: Callable[[], int]) -> None:
        self._kind: type[T] = kind
        self._now_ns = now_ns
        self._waiting: deque[tuple[int, T]] = deque(maxlen=KEPT)

    def receive(self, arrival: Arrival) -> None:
        """Any thread. A retained message tells of a time that nobody knows: ignored. Raises msgspec.DecodeError."""
        if not arrival.retained:
            self.put(decode(arrival.payload or b"{}", self._kind))

    def put(self, message: T) -> None:
        """Any thread: it arrived now."""
        self._waiting.append((self._now_ns(), message))

    def take(self) -> Iterator[tuple[int, T]]:
        """The frame's thread: what has arrived since the last call, with its arrival on the monotonic clock, ns."""
        while self._waiting:
            yield self._waiting.popleft()


class Inputs:
    """One line's inboxes, and what its gates report of themselves."""

    def __init__(self, config: Config, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.readings = Inbox(BeltReading, now_ns)
        self.triggers = Inbox(Trigger, now_ns)
        self._closed: dict[str, GateReport] = {}
        self._subscribed = {"gate/+": self._hear_gate}
        if config.belt.speed_from == "mqtt":
            self._subscribed["belt"] = self.readings.receive
        if config.items == "trigger":
            self._subscribed["trigger"] = self.triggers.receive

    @property
    def subscriptions(self) -> Mapping[str, Callable[[Arrival], None]]:
        """Topic levels below the line -> what takes the message; only what the line's file makes use of."""
        return self._subscribed

    @property
    def closed(self) -> frozenset[str]:
        """Bins that cannot take items now."""
        return frozenset(self._closed)

    @property
    def problems(self) -> tuple[str, ...]:
        """Which bins are closed and why, in stable words."""
        reports = sorted(self._closed.copy().values(), key=lambda report: report.bin)
        return tuple(f"bin-closed: {report.bin} is {report.state}" for report in reports)

    def _hear_gate(self, arrival: Arrival) -> None:
        """Retained ones count: they say how the gate is."""
        report = decode(arrival.payload, GateReport)
        if report.state in CLOSED:
            self._closed = {**self._closed, report.bin: report}
        else:
            self._closed = {name: other for name, other in self._closed.items() if name != report.bin}
