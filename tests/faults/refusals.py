"""Who may not, and what makes no sense: refused, every time, while the line sorts on."""

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.config import MqttConfig
from edge.errors import BrokerError
from edge.wire.messages import encode, topic
from edge.wire.mqtt import NO_EXCHANGE, Connection, monotonic_ms
from edge.wire.mqtt_access import read_access
from edge.wire.mqtt_session import Session
from tests.conftest import Listener, Mosquitto
from tests.faults.audit import audit
from tests.faults.kills import HEALED_S
from tests.faults.line_file import BIN, LINE
from tests.faults.table import Figure
from tests.faults.works import Works

PROMISE = "100 % refused, daemon and gate stay up"
DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"
SAYS = 5.0
OVERSIZE = 2_000_000
DEEP = 20_000
RUBBISH = (
    b"",
    b"\xff\xfe",
    b"{",
    b"null",
    b'{"seq": "x"}',
    b'{"nested": ' + b"[" * DEEP + b"]" * DEEP + b"}",
)
TOO_LARGE = (b'{"line": "l1", "boot": "' + b"x" * OVERSIZE + b'"}', b"x" * OVERSIZE)
HEARD = ("answer", f"gate/{BIN}", "command/nonsense", f"decision/{BIN}", f"ask/{BIN}", "heartbeat", "status")
"""What daemon or gate subscribes to."""
NO_COMMAND = (b"\xff\xfe", b"{", b"null")
"""What is no command: an empty message is one."""
FOREIGN = (
    ("l2", (f"decision/{BIN}", f"ask/{BIN}", "heartbeat", "status", "answer", "command/pause")),
    ("l2-gate-recyclable", ("answer", f"gate/{BIN}", f"decision/{BIN}")),
    ("l1-gate-recyclable", (f"decision/{BIN}", "heartbeat", "status", "command/pause")),
)
"""Devices of the plant, and topics of line l1 that they may not write."""


def identities(folder: Path, *, attempts: int) -> list[Figure]:
    """The shipped broker configuration: strangers are not let in, devices do not speak for others."""
    _certify(folder)
    shipped = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8").replace("/etc/mosquitto/sortline", str(folder))
    broker = Mosquitto(folder, re.sub(r"(?m)^listener .*$", "", shipped)).start()
    own = {name: _identity(broker, folder, name) for name in ("l1", "l1-gate-recyclable", "broker", *_names(FOREIGN))}
    stranger = _identity(broker, folder / "stranger", "l1", authority=folder)
    nobody = MqttConfig(host=broker.host, port=broker.port, ca_file=str(folder / "ca.pem"))
    with Works(folder, broker, mqtt=own["l1"], gate_mqtt=own["l1-gate-recyclable"]) as works:
        works.start()
        wrong = [_shut_out(config) for config in (stranger, nobody, own["broker"]) for _ in range(attempts)]
        foreign = [
            _mute(own[device], topic(LINE, levels)) for device, topics in FOREIGN for levels in topics * attempts
        ]
        lives = _lives(works)
    return [_refused("wrong certificate", wrong, lives), _refused("other line's or device's topic", foreign, lives)]


def passwords(folder: Path, *, attempts: int) -> list[Figure]:
    """A broker that asks for names: a wrong password, a strange name, none."""
    for name, password in (("right", "correct"), ("wrong", "incorrect")):
        (folder / name).write_text(f"{password}\n", encoding="utf-8")
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(folder / "users"), "line", "correct"], check=True)
    broker = Mosquitto(folder, f"allow_anonymous false\npassword_file {folder / 'users'}").start()
    address = {"host": broker.host, "port": broker.port}
    right = MqttConfig(**address, username="line", password_file=str(folder / "right"))
    wrong = (
        MqttConfig(**address, username="line", password_file=str(folder / "wrong")),
        MqttConfig(**address, username="else", password_file=str(folder / "right")),
        MqttConfig(**address),
    )
    try:
        assert not _shut_out(right)
        refused = [_shut_out(config) for config in wrong for _ in range(attempts)]
    finally:
        broker.kill()
    return [_refused("wrong password", refused, lives=True)]


def payloads(folder: Path, *, attempts: int) -> list[Figure]:
    """Rubbish on every topic, oversize too; and commands that a broker has kept.

    What is too large must be refused at the door, as the shipped configuration does: mosquitto 2.0.11 keeps it from a
    client that says what it can take, but counts it as unacknowledged for ever, and is mute to that client after 20.
    """
    (limit,) = re.findall(r"(?m)^max_packet_size .*$", (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8"))
    broker = Mosquitto(folder, f"allow_anonymous true\n{limit}").start()
    with Works(folder, broker) as works, _speaker(works) as speaker:
        works.start()
        sent = [(levels, rubbish) for levels in HEARD for rubbish in RUBBISH]
        sent = [*sent, *(("command/pause", rubbish) for rubbish in NO_COMMAND)] * attempts
        for levels, rubbish in sent:
            speaker.say(topic(LINE, levels), rubbish)
        large = [
            _turned_away(works, topic(LINE, levels), content)
            for levels in (*HEARD, "command/pause")
            for content in TOO_LARGE * attempts
        ]
        lives = _lives(works)
        kept = _retained(works, speaker, attempts)
        works.end_camera()
        found = audit(works.ledger(), works.movements())
    return [
        _refused("malformed payloads", [found.sound] * len(sent), lives, f"; {found}"),
        _refused("oversize payloads", large, lives),
        _refused("retained command", kept, lives and found.sound),
    ]


def _retained(works: Works, speaker: Listener, attempts: int) -> list[bool]:
    """A decision that is right in all but that it was kept, met by a gate that starts: whether it is refused."""
    refused = []
    for number in range(attempts):
        works.kill("gate")
        now_ms = monotonic_ms()
        made = works.ledger()[-1].decision
        kept = msgspec.structs.replace(
            made, seq=made.seq + 10**9 + number, t_ms=now_ms, act_t_ms=now_ms + 5000, valid_ms=20_000.0, act_mm=0.0,
            reach_mm=0.0,
        )  # fmt: skip
        speaker.say(topic(LINE, "decision", BIN), encode(kept), retain=True)
        words = len(works.said("gate"))
        works.restart("gate")
        works.await_movement(monotonic_ms(), HEALED_S)
        speaker.say(topic(LINE, "decision", BIN), b"", retain=True)
        said = [line for line in works.said("gate")[words:] if f"seq={kept.seq} " in line]
        refused.append(bool(said) and all(" rejected " in line and "retained" in line for line in said))
    return refused


def _refused(fault: str, refused: list[bool], lives: bool, found: str = "") -> Figure:
    ok = lives and bool(refused) and all(refused)
    return Figure(fault, PROMISE, f"{sum(refused)} of {len(refused)}; {'both sort' if lives else 'NOT up'}{found}", ok)


def _lives(works: Works) -> bool:
    """The same processes, and an item of now has moved the gate."""
    works.await_movement(monotonic_ms(), HEALED_S)
    works.check()
    return True


def _shut_out(config: MqttConfig) -> bool:
    try:
        with _connection(config) as connection:
            connection.connect()
    except BrokerError:
        return True
    return False


def _mute(config: MqttConfig, where: str) -> bool:
    """Let in, but the broker refuses what it says there."""
    with _connection(config) as connection:
        connection.connect()
        connection.publish(where, b"{}")
        deadline = time.monotonic() + SAYS
        while not connection.problems and time.monotonic() < deadline:
            time.sleep(0.005)
        return connection.problems == ("publish-refused: not authorized",)


def _turned_away(works: Works, where: str, payload: bytes) -> bool:
    """Who says so much loses its connection."""
    session = Session(read_access(MqttConfig(host=works.broker.host, port=works.broker.port)), "intruder", will=None)
    session.open(())
    session.publish(where, payload, qos=1, retain=False, expiry_s=None, exchange=NO_EXCHANGE)
    deadline = time.monotonic() + SAYS
    while not session.ended and time.monotonic() < deadline:
        session.pump(0.1)
    refused = bool(session.ended)
    session.drop()
    session.release()
    return refused


def _connection(config: MqttConfig) -> Connection:
    return Connection(config, "intruder", topics=(), on_message=lambda _arrival: None)


@contextlib.contextmanager
def _speaker(works: Works) -> Iterator[Listener]:
    """A client that may say anything."""
    with Listener(works.broker.host, works.broker.port, "nothing") as speaker:
        yield speaker


def _certify(folder: Path) -> None:
    """What the shipped script makes for two lines, and an authority of somebody else."""
    devices = [("daemon", "l1"), ("daemon", "l2"), ("gate", "l1", BIN), ("gate", "l2", BIN)]
    for arguments in (("ca",), ("broker", "localhost", "127.0.0.1"), *devices):
        subprocess.run([DEPLOY / "certificates", folder, *arguments], check=True, capture_output=True)
    for arguments in (("ca",), ("daemon", "l1")):
        subprocess.run([DEPLOY / "certificates", folder / "stranger", *arguments], check=True, capture_output=True)


def _identity(broker: Mosquitto, folder: Path, name: str, authority: Path | None = None) -> MqttConfig:
    return MqttConfig(
        host=broker.host,
        port=broker.port,
        ca_file=str((authority or folder) / "ca.pem"),
        cert_file=str(folder / f"{name}.pem"),
        key_file=str(folder / f"{name}.key"),
    )


def _names(foreign: tuple[tuple[str, tuple[str, ...]], ...]) -> set[str]:
    return {device for device, _topics in foreign}
