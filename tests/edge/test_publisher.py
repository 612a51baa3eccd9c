import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.wire.messages import Answer, BinDecision, Heartbeat, Status, encode
from edge.wire.mqtt import full_jitter_s
from edge.wire.mqtt_session import IN_FLIGHT
from edge.wire.publisher import Publisher, decoded

Make = Callable[..., BinDecision]

ONLINE = Status(line="l1", boot="boot-1", state="online")
STOPPED = Status(line="l1", boot="boot-1", state="stopped")
BEAT = Heartbeat(line="l1", boot="boot-1", t_ms=1.0, state="online")

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
def connected(broker: Any, **access: Any) -> Iterator[Publisher]:
    """A publisher of line l1, boot-1, that the broker has let in."""
    config = MqttConfig(host=broker.host, port=broker.port, **access)
    with Publisher(config, "l1", "boot-1", on={}) as publisher:
        publisher.connect()
        yield publisher


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


def test_frozen_predecessor_cannot_take_the_status_back(mosquitto: Any, listen: Any) -> None:
    """When a hung daemon dies long after its successor has begun, its will does not replace the new status."""
    with a_daemon(mosquitto, "old") as old:
        old.send_signal(signal.SIGSTOP)

        with a_daemon(mosquitto, "new"):
            old.kill()

            time.sleep(0.1)
            with listen(mosquitto.host, mosquitto.port, "sortline/l1/status") as ears:
                assert [state_of(heard) for heard in ears.all_within(0.2)] == [("new", "online")]


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

        eventually(lambda: not publisher.connected, timeout_s=6)

        assert 2 < time.monotonic() - hung_s < 5.5
        mosquitto.resume()
        eventually(lambda: publisher.connected)


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


def test_wrong_password_is_named(mosquitto_with: Any, tmp_path: Path) -> None:
    """A broker that refuses the password is an error at the door that says where and why."""
    subprocess.run(["mosquitto_passwd", "-b", "-c", tmp_path / "users", "edge", "right"], check=True)
    broker = mosquitto_with(f"allow_anonymous false\npassword_file {tmp_path / 'users'}")
    wrong, right = tmp_path / "wrong", tmp_path / "right"
    wrong.write_text("guess\n")
    right.write_text("right\nsecond lines are comments\n")

    with (
        pytest.raises(BrokerError, match=rf"127.0.0.1:{broker.port}.*[Nn]ot authorized.*mqtt.password_file"),
        connected(broker, username="edge", password_file=str(wrong)),
    ):
        pass

    with connected(broker, username="edge", password_file=str(right)) as publisher:
        assert publisher.connected


def test_absent_broker_is_named(unused_port: int) -> None:
    """Nobody at the address is an error that names it."""
    publisher = Publisher(MqttConfig(port=unused_port), "l1", "b", on={})

    with pytest.raises(BrokerError, match=rf"127.0.0.1:{unused_port}.*Connection refused"):
        publisher.connect()


def test_silent_server_is_given_up() -> None:
    """Something that takes the connection and never answers is given up after connect_timeout_s."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = MqttConfig(port=server.getsockname()[1], connect_timeout_s=0.3)
        publisher = Publisher(config, "l1", "b", on={})

        with pytest.raises(BrokerError, match=r"no answer within 0.3 s"):
            publisher.connect()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subprocess.run(["openssl", "req", "-x509", *curve, "-nodes", *files, *name], check=True, capture_output=True)
    return folder / "certificate.pem"


def test_tls(mosquitto_with: Any, certificate: Path, a_decision: Make) -> None:
    """With ca_file the connection is encrypted and the broker's certificate is checked."""
    key = certificate.with_name("key.pem")
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")

    with connected(broker, ca_file=str(certificate)) as publisher:
        assert publisher.publish_decision(a_decision())
        publisher.close(STOPPED)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_tls_that_is_not_there_is_named(mosquitto: Any, certificate: Path) -> None:
    """ca_file against a plain broker is an error that says so."""
    with pytest.raises(BrokerError, match=r"only one side speak TLS"), connected(mosquitto, ca_file=str(certificate)):
        pass


def test_missing_tls_is_named(mosquitto_with: Any, certificate: Path) -> None:
    """No ca_file against a broker that wants TLS is an error that says so."""
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {certificate.with_name('key.pem')}")

    with pytest.raises(BrokerError, match=r"'connection lost' .* only one side speak TLS"), connected(broker):
        pass


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_untrusted_certificate_is_named(mosquitto_with: Any, certificate: Path) -> None:
    """A broker with a certificate of somebody else is refused, and the error names ca_file."""
    key = certificate.with_name("key.pem")
    broker = mosquitto_with(f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")
    stranger = certificate.with_name("stranger.pem")
    name = ["-subj", "/CN=stranger", "-keyout", certificate.with_name("other.pem"), "-out", stranger]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", *name], check=True, capture_output=True)

    with pytest.raises(BrokerError, match=r"mqtt.ca_file does not vouch"), connected(broker, ca_file=str(stranger)):
        pass


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_unreadable_secret_is_a_configuration_error(key: str, tmp_path: Path) -> None:
    """A file that the configuration names and that is not there is named with its key."""
    config = MqttConfig(**{key: str(tmp_path / "absent")})

    with pytest.raises(ConfigError, match=rf"absent: mqtt.{key}"):
        Publisher(config, "l1", "b", on={})


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
