"""The operator's end of a command: ask a line over MQTT, and wait for what it says."""

import queue
import time
from secrets import token_hex

import msgspec

from edge.config import MqttConfig
from edge.errors import BrokerError, Refused, Unavailable
from edge.wire.messages import Command, Response, decode, topic
from edge.wire.mqtt import Connection
from edge.wire.mqtt_properties import Exchange
from edge.wire.mqtt_session import Arrival

JPEG = b"\xff\xd8"
LOOK_S = 0.05


def ask(config: MqttConfig, line: str, name: str, *, why: str = "", timeout_s: float = 10.0) -> str | bytes:
    """Send the command and wait: what was done, in words, or a snapshot's JPEG.

    Raises Refused with the line's own words, BrokerError when the broker refuses, Unavailable when nobody answers.
    """
    heard: queue.Queue[Arrival] = queue.Queue()
    own = token_hex(4)
    answers_at = topic(line, "command", name, "response", own)
    with Connection(config, f"sortline-ask-{own}", topics=(answers_at,), on_message=heard.put) as connection:
        connection.connect()
        exchange = Exchange(answers_at, own.encode())
        payload = msgspec.json.encode(Command(why=why))
        connection.publish(topic(line, "command", name), payload, expiry_s=round(timeout_s) or 1, exchange=exchange)
        arrival = _wait(connection, heard, config, f"line {line}: {name}", timeout_s)
        connection.close()
    return arrival.payload if arrival.payload.startswith(JPEG) else _words(arrival.payload)


def _wait(
    connection: Connection, heard: "queue.Queue[Arrival]", config: MqttConfig, what: str, timeout_s: float
) -> Arrival:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if connection.problems:
            raise BrokerError(f"broker {config.host}:{config.port}: {', '.join(connection.problems)}; check its ACL")
        try:
            return heard.get(timeout=LOOK_S)
        except queue.Empty:
            continue
    raise Unavailable(f"{what}: expected a response within {timeout_s:g} s, found none; is the line's daemon running?")


def _words(payload: bytes) -> str:
    try:
        response = decode(payload, Response)
    except msgspec.DecodeError as error:
        raise Refused(f"expected a response of the line, found {error}") from error
    if not response.ok:
        raise Refused(f"line {response.line}: {response.command}: {response.detail}")
    return response.detail
