import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError
from edge.wire.messages import Answer, BinDecision, Heartbeat, Status
from edge.wire.mqtt import Connection
from edge.wire.mqtt_session import Arrival
from edge.wire.publisher import Publisher, decoded
from edge.wire.remote_client import ask
from edge.wire.remote_commands import Done, RemoteCommands
from tests.conftest import Mosquitto

DEPLOY = Path(__file__).parents[3] / "deploy" / "mosquitto"
PLANT = (
    ("ca",),
    ("broker", "localhost", "127.0.0.1"),
    ("daemon", "l1"),
    ("daemon", "l2"),
    ("gate", "l1", "recyclable"),
    ("sensor", "l1", "encoder"),
    ("operator", "anna"),
    ("bridge", "hall1"),
)
GATE_FILES = {"ca": "ca.pem", "cert": "l1-gate-recyclable.pem", "key": "l1-gate-recyclable.key"}
ONLINE = Status(line="l1", boot="boot-1", state="online")


def make_certificates(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the shipped script."""
    return subprocess.run([DEPLOY / "certificates", folder, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the shipped script makes for a plant of two lines, and an authority of somebody else."""
    folder = tmp_path_factory.mktemp("plant")
    for arguments in PLANT:
        made = make_certificates(folder, *arguments)
        assert made.returncode == 0, made.stderr
    for arguments in (("ca",), ("daemon", "l1")):
        make_certificates(folder / "stranger", *arguments)
    return folder


@pytest.fixture
def deployed(issued: Path, mosquitto_with: Callable[[str], Any]) -> Any:
    """A mosquitto that runs the shipped configuration, but for where it listens and where its files are."""
    shipped = (DEPLOY / "mosquitto.conf").read_text()
    shipped = shipped.replace("/etc/mosquitto/sortline", str(issued))
    return mosquitto_with(re.sub(r"(?m)^listener .*$", "", shipped))


def identity(broker: Any, issued: Path, name: str) -> MqttConfig:
    """How a device with this certificate connects."""
    own = {"cert_file": str(issued / f"{name}.pem"), "key_file": str(issued / f"{name}.key")}
    return MqttConfig(host=broker.host, port=broker.port, ca_file=str(issued / "ca.pem"), **own)


@contextmanager
def let_in(config: MqttConfig, *topics: str) -> Iterator[tuple[Connection, list[Arrival]]]:
    """A bare connection, and what it hears."""
    heard: list[Arrival] = []
    with Connection(config, config.cert_file or "x", topics=topics, on_message=heard.append) as connection:
        connection.connect()
        yield connection, heard


def test_a_line_works_with_its_certificates(
    issued: Path, deployed: Any, a_decision: Callable[..., BinDecision], eventually: Any
) -> None:
    """Daemon, reference gate and operator: decision, answer and command go through, each under its own name."""
    answers: list[Answer] = []
    daemon, operator = identity(deployed, issued, "l1"), identity(deployed, issued, "operator-anna")
    on = {"answer": decoded(Answer, answers.append)}
    with Publisher(daemon, "l1", "boot-1", on=on) as publisher, a_gate(deployed, issued):
        publisher.connect()
        publisher.publish_status(ONLINE)
        decision = a_decision(act_in_ms=100.0, valid_ms=2_000.0)
        publisher.publish_heartbeat(Heartbeat(line="l1", boot="boot-1", t_ms=decision.t_ms, state="online"))

        publisher.publish_decision(decision)

        eventually(lambda: [answer.outcome for answer in answers] == ["fired"])
        assert publisher.problems == ()
        with RemoteCommands(daemon, "l1", "boot-1", {"pause": lambda _command: Done("paused")}) as commands:
            commands.connect()
            with serving(commands):
                assert ask(operator, "l1", "pause") == "paused"


def test_a_daemon_cannot_speak_for_another_line(
    issued: Path, deployed: Any, a_decision: Callable[..., BinDecision], eventually: Any
) -> None:
    """The broker refuses with PUBACK 135, the decision reaches nobody, and the publisher names the refusal."""
    l2, ears = identity(deployed, issued, "l2"), identity(deployed, issued, "operator-anna")
    with Publisher(l2, "l1", "boot-1", on={}) as publisher, let_in(ears, "sortline/#") as (_, heard):
        publisher.connect()

        publisher.publish_decision(a_decision())
        publisher.publish_status(ONLINE)

        eventually(lambda: publisher.problems == ("publish-refused: not authorized",))
    assert heard == []


FORBIDDEN = (
    ("l1", "sortline/l1/answer"),
    ("l1", "sortline/l1/command/pause"),
    ("l1-gate-recyclable", "sortline/l1/decision/recyclable"),
    ("l1-gate-recyclable", "sortline/l1/status"),
    ("l1-gate-recyclable", "sortline/l1/heartbeat"),
    ("l1-gate-recyclable", "sortline/l1/gate/other"),
    ("l1-gate-recyclable", "sortline/l2/answer"),
    ("l1-sensor-encoder", "sortline/l1/decision/recyclable"),
    ("operator-anna", "sortline/l1/decision/recyclable"),
    ("operator-anna", "sortline/l1/status"),
    ("operator-anna", "sortline/l1/command/pause/response"),
)


@pytest.mark.parametrize(("device", "topic"), FORBIDDEN, ids=lambda value: value.replace("sortline/", ""))
def test_what_a_device_may_not_say_is_refused(
    issued: Path, deployed: Any, eventually: Any, device: str, topic: str
) -> None:
    """Whoever takes over one device has that device's word and no other."""
    with let_in(identity(deployed, issued, device)) as (connection, _):
        connection.publish(topic, b"{}")

        eventually(lambda: connection.problems == ("publish-refused: not authorized",))


def test_a_gate_hears_its_own_bin_alone(issued: Path, deployed: Any, eventually: Any) -> None:
    """It may ask for everything, and gets its own line's heartbeat and status and its own bin's decisions."""
    with (
        let_in(identity(deployed, issued, "l1-gate-recyclable"), "#") as (_, heard),
        let_in(identity(deployed, issued, "l1")) as (l1, _),
        let_in(identity(deployed, issued, "l2")) as (l2, _),
    ):
        for levels in ("decision/other", "decision/recyclable", "stats", "heartbeat"):
            l2.publish(f"sortline/l2/{levels}", b"")
            l1.publish(f"sortline/l1/{levels}", b"")

        eventually(lambda: "sortline/l1/heartbeat" in [arrival.topic for arrival in heard])
    assert [arrival.topic for arrival in heard] == ["sortline/l1/decision/recyclable", "sortline/l1/heartbeat"]


@pytest.mark.parametrize("name", ["stranger/l1", "broker"])
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_a_certificate_that_does_not_count_is_refused(issued: Path, deployed: Any, name: str) -> None:
    """One of another authority, or one for another purpose: not let in, and the error says what to look at."""
    with pytest.raises(BrokerError, match=r"mqtt\.cert_file"), let_in(identity(deployed, issued, name)):
        pass


def test_no_certificate_is_refused(issued: Path, deployed: Any) -> None:
    """TLS without a certificate of one's own does not get in either."""
    config = MqttConfig(host=deployed.host, port=deployed.port, ca_file=str(issued / "ca.pem"))

    with pytest.raises(BrokerError, match=r"mqtt\.cert_file"), let_in(config):
        pass


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho leaves the socket to the collector
def test_a_device_cannot_play_the_broker(issued: Path, mosquitto_with: Callable[[str], Any]) -> None:
    """A gate's certificate on a listener is not taken for the broker's."""
    own = f"certfile {issued}/l1-gate-recyclable.pem\nkeyfile {issued}/l1-gate-recyclable.key"
    impostor = mosquitto_with(f"allow_anonymous true\ncafile {issued}/ca.pem\n{own}")

    with pytest.raises(BrokerError, match=r"certificate"), let_in(identity(impostor, issued, "l1")):
        pass


def test_a_device_that_is_struck_from_the_list_is_mute(issued: Path, deployed: Any, eventually: Any) -> None:
    """Locking a lost device out: its stanza goes from the list, the broker reads it again, nothing of it counts."""
    everything = (issued / "acl").read_text()
    (issued / "acl").write_text(re.sub(r"(?ms)^user l1\n.*?\n\n", "", everything))

    try:
        with let_in(identity(deployed, issued, "l1")) as (connection, _):
            deployed.reload()

            eventually(lambda: connection.publish("sortline/l1/status", b"{}") and connection.problems)
            assert connection.problems == ("publish-refused: not authorized",)
    finally:
        (issued / "acl").write_text(everything)


def test_a_bridge_carries_what_people_look_at_and_no_decision(
    issued: Path, deployed: Any, tmp_path_factory: pytest.TempPathFactory, eventually: Any
) -> None:
    """README's bridge from a hall to the plant's broker: status out, commands in, their responses out."""
    block = next(part for part in (DEPLOY / "README.md").read_text().split("```") if "connection plant" in part)
    block = block.replace("/etc/mosquitto/sortline", str(issued))
    block = block.replace("central.plant.example:8883", f"localhost:{deployed.port}")
    hall = Mosquitto(tmp_path_factory.mktemp("hall"), f"allow_anonymous true\n{block}").start()
    operator = identity(deployed, issued, "operator-anna")
    try:
        with (
            Publisher(MqttConfig(port=hall.port), "l1", "boot-1", on={}) as publisher,
            RemoteCommands(
                MqttConfig(port=hall.port), "l1", "boot-1", {"pause": lambda _command: Done("paused")}
            ) as commands,
            let_in(operator, "sortline/#") as (_, heard),
            let_in(MqttConfig(port=hall.port)) as (inside, _),
        ):
            publisher.connect()
            commands.connect()
            inside.publish("sortline/l1/decision/recyclable", b"{}")
            publisher.publish_status(ONLINE)

            eventually(lambda: [arrival.topic for arrival in heard] == ["sortline/l1/status"], timeout_s=20)
            with serving(commands):
                assert ask(operator, "l1", "pause") == "paused"
    finally:
        hall.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("daemon", "a/b"), "expected a name of letters, digits, '_' and '-', found 'a/b'"),
        (("gate", "l1", "#"), "found '#'"),
        (("daemon", "l1"), "l1.pem: expected no such file"),
        (("daemon",), "usage:"),
        (("broker",), "usage:"),
    ],
)
def test_the_script_refuses_what_would_be_wrong(issued: Path, arguments: tuple[str, ...], said: str) -> None:
    """A name that would open other topics, a second certificate of a name, or too few words change nothing."""
    before = (issued / "acl").read_text()

    made = make_certificates(issued, *arguments)

    assert made.returncode != 0
    assert said in made.stderr
    assert (issued / "acl").read_text() == before


def test_keys_are_secret(issued: Path) -> None:
    """Nobody but the owner reads a key."""
    modes = {path.name: path.stat().st_mode & 0o777 for path in issued.glob("*.key")}

    assert set(modes.values()) == {0o600}
    assert len(modes) == len(PLANT)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"cert_file": "l1.pem", "key_file": "l1.key"}, r"mqtt.cert_file: expected mqtt.ca_file beside it"),
        ({"ca_file": "ca.pem", "cert_file": "l1.pem"}, r"mqtt.cert_file: expected both"),
        ({"ca_file": "ca.pem", "cert_file": "l1.pem", "key_file": "l2.key"}, r"expected a PEM certificate and its key"),
        ({"ca_file": "ca.pem", "cert_file": "l1.pem", "key_file": "none.key"}, r"expected a PEM certificate"),
    ],
    ids=["no TLS", "no key", "other key", "missing key"],
)
def test_half_an_identity_is_a_configuration_error(issued: Path, keys: dict[str, str], said: str) -> None:
    """What cannot work is refused before anything is connected, with the keys' names."""
    config = MqttConfig(**{key: str(issued / name) for key, name in keys.items()})

    with pytest.raises(ConfigError, match=said):
        Publisher(config, "l1", "boot-1", on={})


@contextmanager
def a_gate(broker: Any, issued: Path) -> Iterator[None]:
    """`python -m edge gate` with its certificate, subscribed."""
    own = [f"--{key}-file={issued / name}" for key, name in GATE_FILES.items()]
    where = ["--host", broker.host, "--port", str(broker.port)]
    command = [sys.executable, "-m", "edge", "gate", "--line", "l1", "--bin", "recyclable", *where, *own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready ")
            yield
        finally:
            process.terminate()


@contextmanager
def serving(commands: RemoteCommands) -> Iterator[None]:
    """A main loop for the commands."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(0.005):
            commands.serve()

    thread = threading.Thread(target=loop)
    thread.start()
    yield
    over.set()
    thread.join()
