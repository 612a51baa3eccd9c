"""One connection to the broker from CONNECT to its end: paho without its queue, its threads and its reconnecting.

Measured with paho 2.2: it queues what is published while offline and sends it again after a reconnect, whatever its
expiry. So a session is never reconnected, and takes nothing that cannot be written at once.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.errors import BrokerError
from edge.wire.mqtt_access import ONE_SIDED_TLS, REFUSED_TLS, Access, explain
from edge.wire.mqtt_properties import Exchange, connect_properties, publish_properties

IN_FLIGHT = 20
"""Unacknowledged publishes at most: the default of brokers, and the bound on what a stalled one still delivers."""
UNSPECIFIED = 0x80
FAREWELL_S = 1.0
"""How long a normal end waits for the broker to close the connection from its side."""


@dataclass(frozen=True)
class Will:
    """What the broker publishes, retained, when it loses us."""

    topic: str
    payload: bytes


class Arrival(NamedTuple):
    """One message for us."""

    topic: str
    payload: bytes
    retained: bool
    """The broker kept it from before we subscribed."""
    exchange: Exchange = Exchange()
    expiry_s: int | None = None
    """What was left of its message expiry when the broker sent it; None: it keeps."""


class Session:
    """Publishes and subscriptions over one TCP connection.

    One lock around every call into paho: two threads that meet a full socket inside paho would mix their packets. Under
    it, and without paho's own thread, `publish` writes to the socket in the caller's thread.
    """

    def __init__(self, access: Access, client_id: str, will: Will | None) -> None:
        """Nothing is sent before `open`."""
        self.refusals: dict[str, str] = {}
        """Topic -> what the broker said to our last publish or subscribe there, if that was a refusal."""
        self.ended = ""
        """Why this session is over; empty while it lasts."""
        self._access = access
        self._lock = threading.Lock()
        self._inbox: list[Arrival] = []
        self._in_flight: dict[int, str] = {}
        self._window = IN_FLIGHT
        self._greeting: ReasonCode | None = None
        self._subscribed = False
        self._leaving = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._topics: tuple[str, ...] = ()
        self._client = self._new_client(client_id, will)

    def open(self, topics: tuple[str, ...]) -> None:
        """Connect and subscribe, within the access's time-out for each of TCP, TLS and MQTT. Raises BrokerError."""
        access = self._access
        try:
            self._client.connect(
                access.host, access.port, access.keepalive_s, clean_start=True, properties=connect_properties()
            )
        except OSError as error:
            raise self._error(explain(error)) from error
        deadline = time.monotonic() + access.timeout_s
        self._await(lambda: self._greeting is not None, deadline)
        if self._greeting is not None and self._greeting.is_failure:
            raise self._error(f"found '{self._greeting}'; check mqtt.username and mqtt.password_file")
        if topics:
            self._topics = topics
            with self._lock:
                self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
            self._await(lambda: self._subscribed, deadline)

    def publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool, expiry_s: int | None, exchange: Exchange
    ) -> bool:
        """Write one PUBLISH to the socket; False when it cannot be written now, and then it never is."""
        with self._lock:
            if self.ended or self._client.want_write() or (qos and len(self._in_flight) >= self._window):
                return False
            sent = self._client.publish(topic, payload, qos, retain, publish_properties(expiry_s, exchange))
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if qos:
                self._in_flight[sent.mid] = topic
            cut_short = self._client.want_write()
        if cut_short:
            self.wake()
        return True

    def pump(self, timeout_s: float) -> list[Arrival]:
        """Wait for the socket, read, write and keep alive; what arrived."""
        self._wait_for_socket(timeout_s)
        with self._lock:
            self._client.loop_read()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
            if self._client.socket() is None and not self.ended:
                self.ended = "connection lost"
            arrived, self._inbox = self._inbox, []
        return arrived

    def wake(self) -> None:
        """End the wait of `pump` in another thread."""
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"\0")

    @property
    def settled(self) -> bool:
        """Every publish is acknowledged."""
        return not self._in_flight

    def settle(self, timeout_s: float) -> None:
        """Wait until every publish is acknowledged, while another thread pumps."""
        deadline = time.monotonic() + timeout_s
        while not self.settled and not self.ended and time.monotonic() < deadline:
            time.sleep(0.002)

    def leave(self) -> None:
        """DISCONNECT normally: no will."""
        with self._lock:
            self._leaving = True
            self._client.disconnect()
            self.ended = self.ended or "left"
        self.wake()

    def drop(self) -> None:
        """Cut the connection without a word; the broker publishes the will."""
        with self._lock:
            self.ended = self.ended or "dropped"
            if (sock := self._client.socket()) is not None:
                self._on_socket_close(None, None, sock)
                sock.close()
        self.wake()

    def release(self) -> None:
        """Free what it holds; only when no thread pumps it any more."""
        self._wake_reader.close()
        self._wake_writer.close()

    def _new_client(self, client_id: str, will: Will | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = self._access.timeout_s
        if self._access.username is not None:
            client.username_pw_set(self._access.username, self._access.password)
        if self._access.tls is not None:
            client.tls_set_context(self._access.tls)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _await(self, reached: Callable[[], bool], deadline: float) -> None:
        while not reached():
            if self.ended:
                raise self._error(f"found '{self.ended}' {ONE_SIDED_TLS if self._access.tls is None else REFUSED_TLS}")
            if (left_s := deadline - time.monotonic()) <= 0:
                raise self._error(f"found no answer within {self._access.timeout_s:g} s")
            self._inbox = [*self.pump(left_s), *self._inbox]

    def _wait_for_socket(self, timeout_s: float) -> None:
        sock = self._client.socket()
        if sock is None or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            return
        wants = [sock] if self._client.want_write() else []
        # A publish in another thread may find the connection broken and close it under us.
        with contextlib.suppress(OSError, ValueError):
            select.select([sock, self._wake_reader], wants, [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)

    def _error(self, found: str) -> BrokerError:
        return BrokerError(f"broker {self._access.host}:{self._access.port}: expected to be let in, {found}")

    def _on_socket_open(self, _client: Any, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_socket_close(self, _client: Any, _data: Any, sock: Any) -> None:
        """On a normal end, let the broker close first; on any other, throw away what the kernel has not sent yet.

        It would arrive when the network heals, and be stale.
        """
        with contextlib.suppress(OSError):
            if self._leaving:
                read_to_end(sock, FAREWELL_S)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, granted: Properties | None
    ) -> None:
        self._greeting = reason
        self._window = min(IN_FLIGHT, getattr(granted, "ReceiveMaximum", IN_FLIGHT))

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[ReasonCode], _granted: Any) -> None:
        self._subscribed = True
        for topic, reason in zip(self._topics, reasons, strict=True):
            if reason.is_failure:
                self.refusals[topic] = f"subscribe-refused: {str(reason).lower()}"

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        topic = self._in_flight.pop(mid, None)
        if topic is None:
            return
        if reason.is_failure:
            self.refusals[topic] = f"publish-refused: {str(reason).lower()}"
        else:
            self.refusals.pop(topic, None)

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        properties = message.properties
        exchange = Exchange(getattr(properties, "ResponseTopic", ""), getattr(properties, "CorrelationData", b""))
        expiry_s = getattr(properties, "MessageExpiryInterval", None)
        self._inbox.append(Arrival(message.topic, bytes(message.payload), message.retain, exchange, expiry_s))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        # paho says "unspecified error" when the connection just broke.
        lost = reason == UNSPECIFIED
        self.ended = self.ended or ("connection lost" if lost else str(reason).lower())


def read_to_end(sock: socket.socket, timeout_s: float) -> None:
    """Send nothing more, and throw away what still comes until the peer closes. Raises OSError.

    A socket that is closed with unread input resets the connection, and a busy broker that sees the reset before it has
    read our DISCONNECT publishes the will.
    """
    deadline = time.monotonic() + timeout_s
    sock.shutdown(socket.SHUT_WR)
    while (left_s := deadline - time.monotonic()) > 0:
        sock.settimeout(left_s)
        if not sock.recv(65536):
            return
