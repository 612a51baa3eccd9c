import json
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.errors import Unavailable
from edge.sim.broker import embedded_broker
from edge.wire.messages import Answer, Status, encode
from edge.wire.publisher import Publisher, decoded

A_DAEMON = """
import sys, time
from edge.config import MqttConfig
from edge.wire.messages import Status
from edge.wire.publisher import Publisher
publisher = Publisher(MqttConfig(port=int(sys.argv[1])), "l1", "b1", on={})
publisher.connect()
publisher.publish_status(Status(line="l1", boot="b1", state="online"))
print("online", flush=True)
time.sleep(60)
"""
A_PARENT = """
from edge.sim.broker import embedded_broker
with embedded_broker() as broker:
    print(broker.port, flush=True)
    time.sleep(60)
"""


def test_speaks_mqtt_5_as_the_demo_needs_it(listen: Any, eventually: Any, a_decision: Any) -> None:
    """Decisions with expiry, answers and a retained status go through the embedded broker."""
    answers: list[Answer] = []
    answer = Answer(line="l1", boot="b1", seq=1, item=1, bin="a", gate="g", outcome="fired")
    with embedded_broker() as broker, listen(broker.host, broker.port) as ears:
        config = MqttConfig(host=broker.host, port=broker.port)
        with Publisher(config, "l1", "b1", on={"answer": decoded(Answer, answers.append)}) as publisher:
            publisher.connect()

            publisher.publish_status(Status(line="l1", boot="b1", state="online"))
            assert publisher.publish_decision(a_decision())
            ears.say("sortline/l1/answer", encode(answer))

            heard = ears.wait_for(lambda message: "decision" in message.topic)
            assert (heard.qos, heard.retained) == (1, False)
            eventually(lambda: answers == [answer])
            assert publisher.problems == ()
            with listen(broker.host, broker.port, "sortline/l1/status") as late:
                assert late.wait_for(lambda message: message.retained).topic == "sortline/l1/status"


def test_publishes_the_last_will(listen: Any) -> None:
    """A killed client's will is published, and kept."""
    with embedded_broker() as broker, listen(broker.host, broker.port) as ears:
        command = [sys.executable, "-c", A_DAEMON, str(broker.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            ears.wait_for(lambda message: json.loads(message.payload)["state"] == "online")

            daemon.kill()

            ears.wait_for(lambda message: json.loads(message.payload)["state"] == "offline")


def test_ends_with_the_block() -> None:
    """Nobody listens any more after the block, and two brokers do not get in each other's way."""
    with embedded_broker() as one, embedded_broker() as two:
        assert one.port != two.port

    for broker in (one, two):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((broker.host, broker.port), timeout=1)


def test_ends_with_its_parent(eventually: Any) -> None:
    """A parent that is killed takes its broker along."""

    def is_gone() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False

    with subprocess.Popen([sys.executable, "-c", A_PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert not is_gone()

        parent.send_signal(signal.SIGKILL)

        eventually(is_gone)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without iotcore the error says which extra brings it."""
    monkeypatch.setitem(sys.modules, "iotcore", None)

    with pytest.raises(Unavailable, match=r"sortline\[demo\]"), embedded_broker():
        pass
