import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from edge.camera.snapshot import MAX_BYTES, encode_snapshot
from edge.config import MqttConfig
from edge.errors import BrokerError, ConfigError, Refused, Unavailable
from edge.wire.messages import Command, Response
from edge.wire.mqtt import Connection
from edge.wire.mqtt_properties import Exchange
from edge.wire.mqtt_session import Arrival
from edge.wire.remote_client import ask
from edge.wire.remote_commands import BURST, Done, RemoteCommands

RESPONSES = "sortline/l1/command/+/response/#"
PICTURE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


class Belt:
    """Stands in for the line: remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def pause(self, command: Command) -> Done:
        """Always works."""
        self.asked.append(("pause", command.why))
        return Done("paused")

    def reload(self, command: Command) -> Done:
        """The file is wrong."""
        self.asked.append(("reload", command.why))
        raise ConfigError('l1.toml: routing.min_confidence: expected a number from 0 to 1, found "high"')

    def snapshot(self, _command: Command) -> Done:
        """A picture that hardly compresses."""
        return Done("640x480", encode_snapshot(PICTURE))


@pytest.fixture
def belt() -> Belt:
    """What the commands of the tests are about."""
    return Belt()


@contextmanager
def obeying(broker: Any, belt: Belt, **more: Any) -> Iterator[RemoteCommands]:
    """Line l1 that has connected, and serves nothing by itself."""
    do = {"pause": belt.pause, "reload": belt.reload, "snapshot": belt.snapshot}
    with RemoteCommands(MqttConfig(port=broker.port), "l1", "boot-1", do, **more) as commands:
        commands.connect()
        yield commands


@contextmanager
def serving(broker: Any, belt: Belt) -> Iterator[None]:
    """The same with a main loop."""
    over = threading.Event()
    with obeying(broker, belt) as commands:

        def loop() -> None:
            while not over.wait(0.005):
                commands.serve()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_command_is_done_and_answered(mosquitto: Any, belt: Belt) -> None:
    """Who asks is told what was done, and the line was told why."""
    with serving(mosquitto, belt):
        said = ask(MqttConfig(port=mosquitto.port), "l1", "pause", why="Anna: jam at gate 2")

    assert said == "paused"
    assert belt.asked == [("pause", "Anna: jam at gate 2")]


def test_a_refusal_is_told_in_the_lines_own_words(mosquitto: Any, belt: Belt) -> None:
    """A reload of a wrong file names file, key and value to the one who asked."""
    with serving(mosquitto, belt), pytest.raises(Refused, match=r"line l1: reload: l1.toml: routing.min_confidence"):
        ask(MqttConfig(port=mosquitto.port), "l1", "reload")


def test_a_snapshot_is_a_picture(mosquitto: Any, belt: Belt) -> None:
    """The response to a snapshot is a JPEG that fits into one message, also of a picture that hardly compresses."""
    with serving(mosquitto, belt):
        jpeg = ask(MqttConfig(port=mosquitto.port), "l1", "snapshot")

    assert isinstance(jpeg, bytes)
    assert len(jpeg) <= MAX_BYTES
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[1] <= 640


def test_a_snapshot_shows_the_belt_in_its_colours() -> None:
    """Red is red, and a large picture is made smaller with its sides in proportion."""
    red = np.zeros((1200, 1920, 3), np.uint8)
    red[..., 0] = 200

    jpeg = encode_snapshot(red)

    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[:2] == (640, 1024)
    assert np.abs(shown.astype(int) - (0, 0, 200)).max() < 8


@pytest.mark.parametrize(
    ("name", "payload", "said"),
    [
        ("explode", b"", "expected one of ['pause', 'reload', 'snapshot'], found 'explode'"),
        ("pause", b"now", "expected nothing or a JSON object"),
        ("pause", b'{"why": 3}', "expected nothing or a JSON object"),
        ("pause", b'{"why": "' + b"x" * 201 + b'"}', "expected nothing or a JSON object"),
        ("pause", b'{"nested": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "expected nothing or a JSON object"),
    ],
    ids=["unknown", "no JSON", "wrong type", "too long", "too deep"],
)
def test_what_is_no_command_is_answered_with_an_error(
    mosquitto: Any, listen: Any, belt: Belt, name: str, payload: bytes, said: str
) -> None:
    """Nothing is done, and the response says what was expected and what was found."""
    with serving(mosquitto, belt), listen(mosquitto.host, mosquitto.port, RESPONSES) as ears:
        ears.say(f"sortline/l1/command/{name}", payload)

        response = json.loads(ears.wait_for(lambda _: True).payload)

    assert (response["ok"], response["command"], response["line"]) == (False, name, "l1")
    assert said in response["detail"]
    assert belt.asked == []


def test_a_response_carries_its_correlation_data(mosquitto: Any, belt: Belt, eventually: Any) -> None:
    """Two that were asked at once can be told apart."""
    heard: list[Arrival] = []
    where = "sortline/l1/command/pause/response/me"
    config = MqttConfig(port=mosquitto.port)
    with serving(mosquitto, belt), Connection(config, "me", topics=(where,), on_message=heard.append) as me:
        me.connect()

        for number in (b"one", b"two"):
            me.publish("sortline/l1/command/pause", b"{}", exchange=Exchange(where, number))

        eventually(lambda: len(heard) == 2)
    assert [arrival.exchange.correlation for arrival in heard] == [b"one", b"two"]


@pytest.mark.parametrize("evil", ["sortline/l1/decision/recyclable", "sortline/l1/command/pause/responses"])
def test_a_response_goes_nowhere_else(mosquitto: Any, listener: Any, belt: Belt, eventually: Any, evil: str) -> None:
    """A response topic that is not the command's own is not written to: it could be a gate's."""
    with (
        serving(mosquitto, belt),
        Connection(MqttConfig(port=mosquitto.port), "me", topics=(), on_message=print) as me,
    ):
        me.connect()

        me.publish("sortline/l1/command/pause", b"", exchange=Exchange(evil, b"1"))

        eventually(lambda: belt.asked)
        assert [heard.topic for heard in listener.all_within(0.2)] == ["sortline/l1/command/pause"]


def test_a_response_topic_with_a_wildcard_stops_nobody(belt: Belt, mosquitto: Any) -> None:
    """A broker should not let it pass; should one do so, the command is done and nothing is published."""
    arrival = Arrival("sortline/l1/command/pause", b"", False, Exchange("sortline/l1/command/pause/response/#", b""))
    with obeying(mosquitto, belt) as commands:
        commands._receive(arrival)

        commands.serve()

    assert belt.asked == [("pause", "")]


def test_a_retained_command_is_ignored(mosquitto: Any, listener: Any, belt: Belt) -> None:
    """What somebody asked once is not done at every start of the daemon."""
    listener.say("sortline/l1/command/pause", b"{}", retain=True)

    with serving(mosquitto, belt):
        said = ask(MqttConfig(port=mosquitto.port), "l1", "snapshot")

    assert said
    assert belt.asked == []


def test_a_command_that_waited_too_long_is_not_done(mosquitto: Any, listen: Any, belt: Belt, eventually: Any) -> None:
    """A main loop that was away for longer than the command's expiry refuses it."""
    clock = [100.0]
    with (
        obeying(mosquitto, belt, now_s=lambda: clock[0]) as commands,
        listen(mosquitto.host, mosquitto.port, RESPONSES) as ears,
        Connection(MqttConfig(port=mosquitto.port), "me", topics=(), on_message=print) as me,
    ):
        me.connect()
        me.publish("sortline/l1/command/pause", b"{}", expiry_s=2)
        eventually(lambda: not commands._inbox.empty())
        clock[0] += 2.1

        commands.serve()

        response = json.loads(ears.wait_for(lambda _: True).payload)
    assert not response["ok"]
    assert "it had waited for 2.1 s" in response["detail"]
    assert belt.asked == []


def test_a_flood_is_cut(mosquitto: Any, listener: Any, belt: Belt) -> None:
    """Of a thousand commands at once only a few are done, and the line is asked again later as usual."""
    clock = [100.0]
    with obeying(mosquitto, belt, now_s=lambda: clock[0]) as commands:
        for _ in range(1_000):
            listener._client.publish("sortline/l1/command/pause", b"{}", qos=1)
        listener.say("sortline/l1/other", b"")
        listener.wait_for(lambda heard: heard.topic == "sortline/l1/other")
        time.sleep(0.1)
        commands.serve()
        done = len(belt.asked)
        clock[0] += 1.0
        listener.say("sortline/l1/command/pause", b'{"why": "later"}')
        listener.wait_for(lambda heard: heard.payload == b'{"why": "later"}')
        time.sleep(0.1)

        commands.serve()

    assert 1 <= done <= BURST
    assert belt.asked[done:] == [("pause", "later")]


def test_nobody_answers(mosquitto: Any) -> None:
    """A line whose daemon does not run is an error that says so, and the command does not wait for it at the broker."""
    with pytest.raises(Unavailable, match=r"line l9: pause: expected a response within 0.3 s, found none"):
        ask(MqttConfig(port=mosquitto.port), "l9", "pause", timeout_s=0.3)


def test_a_broker_that_refuses_the_command_is_named(mosquitto_with: Callable[[str], Any], tmp_path: Path) -> None:
    """Whoever the broker's access list does not let is told at once."""
    (tmp_path / "acl").write_text("topic read sortline/#\n")
    broker = mosquitto_with(f"allow_anonymous true\nacl_file {tmp_path / 'acl'}")

    with pytest.raises(BrokerError, match=r"publish-refused: not authorized; check its ACL"):
        ask(MqttConfig(port=broker.port), "l1", "pause")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("l1", "pause", "--why", "Anna"), 0, "paused\n"),
        (("l1", "reload"), 1, "sortline-edge: line l1: reload: l1.toml"),
        (("l2", "pause", "--wait", "0.3"), 69, "sortline-edge: line l2: pause: expected a response"),
    ],
)
def test_the_shell_command(mosquitto: Any, belt: Belt, arguments: tuple[str, ...], status: int, said: str) -> None:
    """Done 0, refused 1, nobody there 69; the words of the line are on standard output, errors on standard error."""
    with serving(mosquitto, belt):
        command = [sys.executable, "-m", "edge", "command", *arguments, "--port", str(mosquitto.port)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == status
    assert (ran.stderr or ran.stdout).startswith(said)


def test_the_shell_command_writes_a_snapshot(mosquitto: Any, belt: Belt, tmp_path: Path) -> None:
    """A technician gets a file that every viewer opens."""
    path = tmp_path / "belt.jpg"
    with serving(mosquitto, belt):
        command = [sys.executable, "-m", "edge", "command", "l1", "snapshot", "--out", path]
        subprocess.run([*command, "--port", str(mosquitto.port)], check=True)

    assert cv2.imread(str(path)) is not None


def test_a_response_can_be_read_by_its_type(mosquitto: Any, listen: Any, belt: Belt) -> None:
    """What is sent is a Response of this boot."""
    with serving(mosquitto, belt), listen(mosquitto.host, mosquitto.port, RESPONSES) as ears:
        ears.say("sortline/l1/command/pause", b"")

        response = msgspec.json.decode(ears.wait_for(lambda _: True).payload, type=Response)

    assert response == Response(line="l1", boot="boot-1", command="pause", ok=True, detail="paused")
