import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.config import MqttConfig
from edge.wire.messages import Answer, BinDecision, encode
from edge.wire.mqtt import LEAVE_S
from edge.wire.mqtt_session import FAREWELL_S, IN_FLIGHT, Arrival
from edge.wire.publisher import Publisher, decoded
from tests.edge.wire.publishers import BEAT, ONLINE, STOPPED, connected

Make = Callable[..., BinDecision]

RUBBISH = (b"", b"\xff\xfe", b"{", b'{"seq": "x"}', b'{"nested": ' + b"[" * 20_000 + b"]" * 20_000 + b"}")

A_DAEMON = """
import sys, time
from edge.config import MqttConfig
from edge.wire.messages import Status
from edge.wire.publisher import Publisher
publisher = Publisher(MqttConfig(port=int(sys.argv[1])), "l1", sys.argv[2], on={})
publisher.connect()
publisher.publish_status(Status(line="l1", boot=sys.argv[2], state="online"))
print("online", flush=True)
time.sleep(60)
"""


@contextmanager
def a_daemon(broker: Any, boot: str) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own that has published `online`."""
    command = [sys.executable, "-c", A_DAEMON, str(broker.port), boot]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "online\n"
            yield process
        finally:
            process.kill()


def state_of(heard: Any) -> tuple[str, str]:
    """The (boot, state) of a status message."""
    status = json.loads(heard.payload)
    return status["boot"], status["state"]


def test_decision_arrives_with_expiry(mosquitto: Any, listener: Any, a_decision: Make) -> None:
    """A decision goes to its bin's topic, QoS 1, not retained, and the broker forgets it with its validity."""
    with connected(mosquitto) as publisher:
        decision = a_decision(valid_ms=2_500.0)

        written = publisher.publish_decision(decision)

        heard = listener.wait_for(lambda message: message.topic == "sortline/l1/decision/recyclable")
        assert written
        assert (heard.payload, heard.qos, heard.retained, heard.expiry_s) == (encode(decision), 1, False, 3)


def test_late_decision_is_not_sent(mosquitto: Any, listener: Any, a_decision: Make) -> None:
    """A decision whose validity is past is refused, and never reaches a gate."""
    with connected(mosquitto) as publisher:
        late = a_decision(t_ms=time.monotonic() * 1000 - 200, valid_ms=150.0)

        written = publisher.publish_decision(late)

        assert not written
        assert listener.all_within(0.1) == []


def test_outage_leaves_nothing_behind(mosquitto: Any, listen: Any, eventually: Any, a_decision: Make) -> None:
    """While the broker is away decisions are refused; afterwards status is said again and nothing old is sent."""
    with connected(mosquitto) as publisher:
        publisher.publish_status(ONLINE)
        mosquitto.kill()
        eventually(lambda: not publisher.connected)

        refused = [publisher.publish_decision(a_decision(seq=seq, valid_ms=60_000.0)) for seq in range(50)]

        assert not any(refused)
        assert publisher.problems == ("broker-away",)
        mosquitto.start()
        with listen(mosquitto.host, mosquitto.port) as ears:
            eventually(lambda: publisher.connected, timeout_s=10)
            assert state_of(ears.wait_for(lambda message: message.topic.endswith("/status"))) == ("boot-1", "online")
            assert publisher.problems == ()
            assert publisher.publish_decision(a_decision(seq=51))
            after = [json.loads(heard.payload)["seq"] for heard in ears.all_within(0.3) if "decision" in heard.topic]
            assert after == [51]


def test_stalled_broker_gets_no_backlog(mosquitto: Any, listener: Any, eventually: Any, a_decision: Make) -> None:
    """A broker that stops answering is owed a bounded number of decisions, however long it stalls."""
    with connected(mosquitto) as publisher:
        mosquitto.pause()

        written = [publisher.publish_decision(a_decision(seq=seq, valid_ms=60_000.0)) for seq in range(200)]

        mosquitto.resume()
        assert written == [True] * IN_FLIGHT + [False] * (200 - IN_FLIGHT)
        seqs = [json.loads(heard.payload)["seq"] for heard in listener.all_within(0.3)]
        assert seqs == list(range(IN_FLIGHT))
        eventually(lambda: publisher.publish_decision(a_decision(seq=201)))


def test_status_that_found_no_room_follows(mosquitto: Any, listener: Any, eventually: Any, a_decision: Make) -> None:
    """A status that could not be written at once goes out with a later heartbeat."""
    with connected(mosquitto) as publisher:
        mosquitto.pause()
        while publisher.publish_decision(a_decision(valid_ms=60_000.0)):
            pass
        assert not publisher.publish_status(ONLINE)
        mosquitto.resume()

        eventually(lambda: publisher.publish_heartbeat(BEAT) and publisher._status_sent)

        listener.wait_for(lambda message: message.topic.endswith("/status"))


def test_will_after_sigkill(mosquitto: Any, listener: Any) -> None:
    """A killed daemon is `offline` at once, retained and paired with its boot."""
    with a_daemon(mosquitto, "boot-7") as process:
        listener.wait_for(lambda message: state_of(message) == ("boot-7", "online"))

        process.kill()

        listener.wait_for(lambda message: state_of(message) == ("boot-7", "offline"))


def test_crash_in_process_leaves_a_will(mosquitto: Any, listener: Any) -> None:
    """A publisher that was left without `close` counts as crashed."""
    with connected(mosquitto) as publisher:
        publisher.publish_status(ONLINE)

    listener.wait_for(lambda message: state_of(message) == ("boot-1", "offline"))


def test_clean_close(mosquitto: Any, listen: Any) -> None:
    """After `close` the retained status is `stopped`, and no will follows."""
    with connected(mosquitto) as publisher:
        publisher.publish_status(ONLINE)

        publisher.close(STOPPED)

    time.sleep(0.1)
    with listen(mosquitto.host, mosquitto.port, "sortline/l1/status") as ears:
        assert [state_of(heard) for heard in ears.all_within(0.2)] == [("boot-1", "stopped")]


def test_unread_answers_do_not_turn_a_clean_close_into_a_crash(mosquitto: Any, listener: Any, eventually: Any) -> None:
    """A broker that is too busy to read our DISCONNECT at once finds it all the same: no will follows `stopped`."""
    held, arrived = threading.Event(), threading.Event()

    def hold(_: Arrival) -> None:
        arrived.set()
        held.wait(10)

    with Publisher(MqttConfig(port=mosquitto.port), "l1", "boot-1", on={"answer": hold}) as publisher:
        publisher.connect()
        publisher.publish_status(ONLINE)
        listener.say("sortline/l1/answer", b"keeps the receiver busy")
        eventually(arrived.is_set)
        listener.say("sortline/l1/answer", b"stays unread" * 1000)
        mosquitto.pause()
        threading.Timer(LEAVE_S + FAREWELL_S / 2, mosquitto.resume).start()

        publisher.close(STOPPED)
        held.set()

    statuses = [heard for heard in listener.all_within(1.0) if heard.topic == "sortline/l1/status"]
    assert [state_of(heard) for heard in statuses] == [("boot-1", "online"), ("boot-1", "stopped")]


def test_frozen_predecessor_cannot_take_the_status_back(mosquitto: Any, listen: Any) -> None:
    """When a hung daemon dies long after its successor has begun, its will does not replace the new status."""
    with a_daemon(mosquitto, "old") as old:
        old.send_signal(signal.SIGSTOP)

        with a_daemon(mosquitto, "new"):
            old.kill()

            time.sleep(0.1)
            with listen(mosquitto.host, mosquitto.port, "sortline/l1/status") as ears:
                assert [state_of(heard) for heard in ears.all_within(0.2)] == [("new", "online")]


def test_answers_arrive_and_malformed_ones_do_not_stop_them(mosquitto: Any, listener: Any) -> None:
    """An answer is handed over decoded; rubbish on its topic is dropped."""
    answers: queue.Queue[Answer] = queue.Queue()
    answer = Answer(line="l1", boot="boot-1", seq=3, item=2, bin="a", gate="g", outcome="fired", error_ms=0.4)
    on = {"answer": decoded(Answer, answers.put)}
    with Publisher(MqttConfig(port=mosquitto.port), "l1", "boot-1", on=on) as publisher:
        publisher.connect()

        for payload in (*RUBBISH, encode(answer)):
            listener.say("sortline/l1/answer", payload)

        assert answers.get(timeout=2) == answer
        assert answers.empty()


def test_refused_topic_shows_up(mosquitto_with: Any, tmp_path: Path, eventually: Any, a_decision: Make) -> None:
    """A broker that takes the connection but not the decisions makes a problem, and only as long as it refuses."""
    allowed = tmp_path / "acl"
    allowed.write_text("topic write sortline/l1/decision/other\ntopic write sortline/l1/status\n")
    broker = mosquitto_with(f"allow_anonymous true\nacl_file {allowed}")
    with connected(broker) as publisher:
        publisher.publish_decision(a_decision(bin="other"))
        assert publisher.problems == ()

        publisher.publish_decision(a_decision())

        eventually(lambda: publisher.problems == ("publish-refused: not authorized",))
        allowed.write_text("topic write sortline/#\n")
        broker.reload()
        eventually(lambda: publisher.publish_decision(a_decision()) and publisher.problems == ())
