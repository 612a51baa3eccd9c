"""What MQTT 5 says beside a message: how long it lives, where its response goes, how large it may be."""

from functools import cache
from typing import NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MAX_PACKET = 65_536
"""Larger ones the broker keeps from us: nothing of ours comes near, and a frame of a gigabyte would end us."""


class Exchange(NamedTuple):
    """MQTT 5's request and response: a request says where its response goes and which one it is."""

    response_topic: str = ""
    correlation: bytes = b""


@cache
def connect_properties() -> Properties:
    """Of a CONNECT: what the broker may send us."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = MAX_PACKET
    return properties


def publish_properties(expiry_s: int | None, exchange: Exchange) -> Properties | None:
    """Of a PUBLISH: the broker forgets it after `expiry_s`."""
    return _expiry(expiry_s) if exchange == Exchange() else _new_properties(expiry_s, exchange)


@cache
def _expiry(seconds: int | None) -> Properties | None:
    """Shared by all publishes: paho only reads them."""
    return None if seconds is None else _new_properties(seconds, Exchange())


def _new_properties(expiry_s: int | None, exchange: Exchange) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    if exchange.response_topic:
        properties.ResponseTopic = exchange.response_topic
    if exchange.correlation:
        properties.CorrelationData = exchange.correlation
    return properties
