"""Puts the daemon's messages on the wire: now or never."""

import logging
import math
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from paho.mqtt.client import topic_matches_sub

from edge.config import MqttConfig
from edge.wire.messages import Ask, BinDecision, Heartbeat, Stats, Status, decode, encode, topic
from edge.wire.mqtt import Connection, monotonic_ms
from edge.wire.mqtt_session import Arrival, Will

log = logging.getLogger(__name__)

T = TypeVar("T")
ASK_EXPIRY_S = 5

Receive = Callable[[Arrival], None]
"""Runs on the connection's thread and must not block. A msgspec.DecodeError out of it marks the message malformed."""


class Publisher:
    """The daemon's side of the wire format.

    A decision is written to the socket in the caller's thread or not at all: the ledger is the memory, there is no
    queue. What others say is handed to `on`: topic levels below the line ("answer", "gate/+") to what takes it.
    """

    def __init__(
        self,
        config: MqttConfig,
        line: str,
        boot: str,
        *,
        on: Mapping[str, Receive],
        now_ms: Callable[[], float] = monotonic_ms,
    ) -> None:
        """Connects on `connect`; `now_ms` is the clock of the messages' `t_ms`. Raises ConfigError."""
        self._line = line
        self._on = {topic(line, levels): receive for levels, receive in on.items()}
        self._now_ms = now_ms
        self._status: Status | None = None
        self._status_sent = False
        self._status_lock = threading.Lock()
        self._malformed_seen: set[str] = set()
        offline = Status(line=line, boot=boot, state="offline")
        self._connection = Connection(
            config,
            f"sortline-{line}",
            topics=tuple(self._on),
            on_message=self._receive,
            on_return=self._repeat_status,
            will=Will(topic(line, "status"), encode(offline)),
        )

    def connect(self) -> None:
        """Wait for the broker to let us in. Raises BrokerError; later it is reconnected to for ever."""
        self._connection.connect()

    def publish_decision(self, decision: BinDecision) -> bool:
        """True: written to the socket. False: broker away or validity past, and it is never sent."""
        if self._now_ms() >= decision.t_ms + decision.valid_ms:
            return False
        where = topic(self._line, "decision", decision.bin)
        return self._connection.publish(where, encode(decision), expiry_s=max(1, math.ceil(decision.valid_ms / 1000)))

    def publish_ask(self, ask: Ask) -> bool:
        """QoS 0, and soon stale: what stays unanswered is asked again."""
        return self._connection.publish(topic(self._line, "ask", ask.bin), encode(ask), qos=0, expiry_s=ASK_EXPIRY_S)

    def publish_status(self, status: Status) -> bool:
        """Retained, and sent again after a reconnect, when the will or a broker's loss of memory has replaced it."""
        with self._status_lock:
            self._status = status
            return self._send_status()

    def publish_heartbeat(self, heartbeat: Heartbeat) -> bool:
        """QoS 0: the next one replaces it. Brings along a status that found no room when it was published."""
        if not self._status_sent:
            self._repeat_status()
        return self._connection.publish(topic(self._line, "heartbeat"), encode(heartbeat), qos=0, expiry_s=1)

    def publish_stats(self, stats: Stats) -> bool:
        """Retained."""
        return self._connection.publish(topic(self._line, "stats"), encode(stats), retain=True)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connection.connected

    @property
    def problems(self) -> tuple[str, ...]:
        """Why decisions do not get through, in stable words: "broker-away", "publish-refused: not authorized"."""
        return self._connection.problems

    def close(self, final: Status) -> None:
        """Publish `final`, wait at most 1 s for its acknowledgement and disconnect without a will."""
        self.publish_status(final)
        self._connection.close()

    def __enter__(self) -> Self:
        """Not connected yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Without a `close` before, this is a crash, and the broker publishes the will."""
        self._connection.abandon()

    def _repeat_status(self) -> None:
        with self._status_lock:
            if self._status is not None:
                self._send_status()

    def _send_status(self) -> bool:
        if self._status is not None:
            self._status_sent = self._connection.publish(topic(self._line, "status"), encode(self._status), retain=True)
        return self._status_sent

    def _receive(self, arrival: Arrival) -> None:
        for pattern, receive in self._on.items():
            if topic_matches_sub(pattern, arrival.topic):
                try:
                    receive(arrival)
                except msgspec.DecodeError as error:
                    self._drop_malformed(pattern, arrival, error)

    def _drop_malformed(self, pattern: str, arrival: Arrival, error: msgspec.DecodeError) -> None:
        """Said once a subscription: whoever sends rubbish sends it at every item."""
        if pattern not in self._malformed_seen:
            self._malformed_seen.add(pattern)
            log.warning("malformed message dropped on %s: %s; further ones are not logged", arrival.topic, error)


def decoded(kind: type[T], use: Callable[[T], None]) -> Receive:
    """For `on`: decode the payload as a `kind` and hand it to `use`."""
    return lambda arrival: use(decode(arrival.payload, kind))
