"""A publisher of line l1 that tests speak through, and what it has to say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge.config import MqttConfig
from edge.wire.messages import Heartbeat, Status
from edge.wire.publisher import Publisher

ONLINE = Status(line="l1", boot="boot-1", state="online")
STOPPED = Status(line="l1", boot="boot-1", state="stopped")
BEAT = Heartbeat(line="l1", boot="boot-1", t_ms=1.0, state="online")


@contextmanager
def connected(broker: Any, **access: Any) -> Iterator[Publisher]:
    """A publisher of line l1, boot-1, that the broker has let in."""
    config = MqttConfig(host=broker.host, port=broker.port, **access)
    with Publisher(config, "l1", "boot-1", on={}) as publisher:
        publisher.connect()
        yield publisher
