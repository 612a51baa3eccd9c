import json
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.wire.messages import Answer, BinDecision, Heartbeat, encode
from edge.wire.mqtt import full_jitter_s
from edge.wire.publisher import Publisher, decoded
from tests.edge.wire.publishers import BEAT, connected

Make = Callable[..., BinDecision]


def test_back_off_is_spread_over_all_of_its_bound() -> None:
    """Full jitter: from nothing up to a bound that doubles and is capped, so that a fleet does not knock at once."""
    waits = {attempt: [full_jitter_s(attempt) for _ in range(2_000)] for attempt in (0, 1, 3, 10, 10_000)}

    bounds = {0: 0.2, 1: 0.4, 3: 1.6, 10: 5.0, 10_000: 5.0}
    for attempt, bound_s in bounds.items():
        assert 0 <= min(waits[attempt]) < 0.1 * bound_s
        assert 0.9 * bound_s < max(waits[attempt]) <= bound_s


def test_hung_broker_is_noticed(mosquitto: Any, eventually: Any) -> None:
    """A broker that keeps the connection but is silent is away after twice the keep-alive time, and not before."""
    with connected(mosquitto, keepalive_s=2) as publisher:
        time.sleep(0.5)
        mosquitto.pause()
        hung_s = time.monotonic()

        eventually(lambda: not publisher.connected, timeout_s=30)

        assert time.monotonic() - hung_s > 2
        mosquitto.resume()
        eventually(lambda: publisher.connected)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_full_socket_refuses_at_once(
    mosquitto_with: Any, certificate: Path, eventually: Any, a_decision: Make, tls: bool
) -> None:
    """When a stopped broker's socket is full, every publish says no instead of waiting, and all works afterwards."""
    own = f"certfile {certificate}\nkeyfile {certificate.with_name('key.pem')}" if tls else ""
    broker = mosquitto_with(f"allow_anonymous true\n{own}")
    large = Heartbeat(line="l1", boot="x" * 50_000, t_ms=1.0, state="online")
    with connected(broker, keepalive_s=60, **({"ca_file": str(certificate)} if tls else {})) as publisher:
        broker.pause()

        while publisher.publish_heartbeat(large):
            pass

        assert not publisher.publish_heartbeat(BEAT)
        assert not publisher.publish_decision(a_decision())
        assert publisher.connected
        broker.resume()
        eventually(lambda: publisher.publish_decision(a_decision()))
        assert publisher.problems == ()


def test_two_threads_do_not_mix_their_packets(mosquitto: Any, listener: Any) -> None:
    """Publishes of several threads at once, too large for the socket to take in one go, all arrive whole."""
    with connected(mosquitto) as publisher:

        def beat(thread: int) -> None:
            for number in range(40):
                sent = Heartbeat(line="l1", boot=f"{thread}-{'x' * 200_000}", t_ms=float(number), state="online")
                while not publisher.publish_heartbeat(sent):
                    time.sleep(0.001)

        threads = [threading.Thread(target=beat, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

        beats = [json.loads(heard.payload) for heard in listener.all_within(0.3)]
        for thread in range(3):
            assert [beat["t_ms"] for beat in beats if beat["boot"][0] == str(thread)] == list(range(40))


def test_oversize_message_is_kept_away(mosquitto: Any, listener: Any) -> None:
    """What is larger than anything of ours stays at the broker, and what follows arrives."""
    answers: queue.Queue[Answer] = queue.Queue()
    answer = Answer(line="l1", boot="boot-1", seq=3, item=2, bin="a", gate="g", outcome="fired")
    on = {"answer": decoded(Answer, answers.put)}
    with Publisher(MqttConfig(port=mosquitto.port), "l1", "boot-1", on=on) as publisher:
        publisher.connect()

        listener.say("sortline/l1/answer", b'{"x": "' + b"9" * 1_000_000 + b'"}')
        listener.say("sortline/l1/answer", encode(answer))

        assert answers.get(timeout=2) == answer
        assert publisher.connected


def test_every_subscription_has_its_own_receiver(mosquitto: Any, listener: Any) -> None:
    """Topic levels with a wildcard take what matches them, and nobody gets what is another's."""
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    on = {
        "gate/+": lambda arrival: heard.put(("gate", arrival.topic)),
        "belt": lambda arrival: heard.put(("belt", arrival.topic)),
    }
    with Publisher(MqttConfig(port=mosquitto.port), "l1", "boot-1", on=on) as publisher:
        publisher.connect()

        for levels in ("answer", "gate/a", "gate", "gate/a/b", "belt"):
            listener.say(f"sortline/l1/{levels}", b"{}")

        assert heard.get(timeout=2) == ("gate", "sortline/l1/gate/a")
        assert heard.get(timeout=2) == ("belt", "sortline/l1/belt")
        assert heard.empty()
