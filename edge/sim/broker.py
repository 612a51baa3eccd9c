"""An MQTT 5 broker of our own on a free loopback port, for demos: a child process that dies with us."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge.errors import Unavailable

if TYPE_CHECKING:
    import iotcore

START_S = 10.0
ATTEMPTS = 3
"""Another process may take the free port between our finding it and the broker's opening it."""

# rumqttd speaks MQTT 5 only on listeners that its own file names; iotcore's options give MQTT 3.1.1.
SETTINGS = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 65536
max_inflight_count = 100
dynamic_filters = true
"""


class Broker(NamedTuple):
    """Where it listens."""

    host: str
    port: int


@contextlib.contextmanager
def embedded_broker() -> Iterator[Broker]:
    """Run the broker while the block runs; it accepts connections on entry. Raises Unavailable."""
    with tempfile.TemporaryDirectory(prefix="sortline-broker-") as folder:
        server, port = _start(Path(folder) / "rumqttd.toml")
        try:
            yield Broker("127.0.0.1", port)
        finally:
            server.stop()


def _start(settings: Path) -> "tuple[iotcore.Broker, int]":
    try:
        import iotcore
    except ImportError as error:
        raise Unavailable("embedded broker: expected iotcore, found none; pip install 'sortline[demo]'") from error
    for _attempt in range(ATTEMPTS):
        port = _free_port()
        settings.write_text(SETTINGS.format(port=port), encoding="utf-8")
        # iotcore starts it as a child that ends when the pipe to its standard input closes, so also with our SIGKILL.
        server = iotcore.Broker(config_path=str(settings))
        with contextlib.suppress(OSError, RuntimeError):
            return server.start(timeout=START_S), port
    raise Unavailable(f"embedded broker: expected it to listen on 127.0.0.1 within {START_S:g} s, found nothing there")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
