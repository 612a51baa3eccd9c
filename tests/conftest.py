"""Real parts that many tests share: a mosquitto of their own, and a listener on it."""

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from xdist.scheduler import LoadScopeScheduling

from edge.wire.messages import BinDecision

START_S = 5.0
ARRIVE_S = 5.0

TOGETHER = {"cameras", "export", "systemd", "train"}
"""Folders whose tests run in one process: what they share is dear to make, or there is one of it on a machine."""


class ByFile(LoadScopeScheduling):
    """With several processes (`pytest -n 2`) a file's tests stay in one of them, and so do those of some folders."""

    def _split_scope(self, nodeid: str) -> str:
        """What `nodeid`, tests/FOLDER/…, stays together with."""
        folder = nodeid.split("/")[1]
        return folder if folder in TOGETHER else nodeid.partition("::")[0]


# xdist 3.8 has marks for this too: with pytest 9.2 it overlooks them without a word (its issue 1386).
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Distribute tests by what they share."""
    return ByFile(config, log)


class Mosquitto:
    """A mosquitto on a free loopback port; nothing of it survives a restart but its port."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        """Further lines of mosquitto.conf in `settings` replace the free access."""
        self.host = "127.0.0.1"
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        owner = "user root\n" if os.geteuid() == 0 else ""
        self._file.write_text(
            f"listener {self.port} {self.host}\n{owner}{settings}\npersistence false\nset_tcp_nodelay true\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Returns when it accepts connections."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.fail("the tests need a real MQTT broker: apt-get install mosquitto", pytrace=False)
        self._process = subprocess.Popen([program, "-c", self._file], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not self._accepts():
            assert self._process.poll() is None, f"mosquitto refused {self._file.read_text()!r}"
            assert time.monotonic() < deadline, f"mosquitto did not listen on {self.port} within {START_S} s"
            time.sleep(0.01)
        return self

    def kill(self) -> None:
        """SIGKILL: it forgets everything, and publishes no will."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(START_S)
            self._process = None

    def restart(self) -> None:
        """Kill it and start an empty one on the same port."""
        self.kill()
        self.start()

    def reload(self) -> None:
        """SIGHUP: it reads passwords and access lists again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def pause(self) -> None:
        """SIGSTOP: the connections stay, nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=0.2):
            return True
        return False


class Heard(NamedTuple):
    """One message, and when it arrived on time.monotonic."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    expiry_s: int | None
    at_s: float


class Listener:
    """A client of its own that keeps all it hears on one topic filter, and can speak."""

    def __init__(self, host: str, port: int, topic: str = "sortline/#") -> None:
        """Subscribed when this returns."""
        self._heard: queue.Queue[Heard] = queue.Queue()
        subscribed: queue.Queue[bool] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._keep
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.connect(host, port)
        self._client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=False))
        self._client.loop_start()
        subscribed.get(timeout=ARRIVE_S)

    def wait_for(self, wanted: Callable[[Heard], bool], timeout_s: float = ARRIVE_S) -> Heard:
        """The next message that is `wanted`; those before it are dropped."""
        deadline = time.monotonic() + timeout_s
        passed: list[Heard] = []
        while (left_s := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                passed.append(self._heard.get(timeout=left_s))
                if wanted(passed[-1]):
                    return passed[-1]
        pytest.fail(f"not heard within {timeout_s} s; heard only {passed}")

    def all_within(self, quiet_s: float) -> list[Heard]:
        """What was heard until nothing came for `quiet_s`."""
        heard: list[Heard] = []
        with contextlib.suppress(queue.Empty):
            while True:
                heard.append(self._heard.get(timeout=quiet_s))
        return heard

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, acknowledged on return."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(ARRIVE_S)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()  # paho leaves them to the collector, whose warning then fails some other test

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        heard = Heard(message.topic, message.payload, message.retain, message.qos, expiry_s, time.monotonic())
        self._heard.put(heard)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until(reached: Callable[[], bool], timeout_s: float = ARRIVE_S) -> None:
    """Fail when `reached` does not become true in time."""
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline, f"not reached within {timeout_s} s"
        time.sleep(0.005)


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What sortline keeps between runs lies in a folder of the tests, not in the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "sortline"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker for this test alone, with free access."""
    broker = Mosquitto(tmp_path).start()
    yield broker
    broker.kill()


@pytest.fixture
def mosquitto_with(tmp_path: Path) -> Iterator[Callable[[str], Mosquitto]]:
    """Start a broker with lines of mosquitto.conf of your own."""
    with contextlib.ExitStack() as brokers:

        def start(settings: str) -> Mosquitto:
            broker = Mosquitto(tmp_path, settings)
            brokers.callback(broker.kill)
            return broker.start()

        yield start


@pytest.fixture
def listener(mosquitto: Mosquitto) -> Iterator[Listener]:
    """Hears all that is said on `mosquitto`."""
    with Listener(mosquitto.host, mosquitto.port) as ears:
        yield ears


@pytest.fixture
def listen() -> type[Listener]:
    """The class to hear a broker of your own with: host, port and topic filter."""
    return Listener


@pytest.fixture
def eventually() -> Callable[..., None]:
    """To wait for a condition, and fail when it does not come: `eventually(lambda: …, timeout_s=5)`."""
    return wait_until


@pytest.fixture
def unused_port() -> int:
    """A loopback port that nobody listens on."""
    return free_port()


@pytest.fixture
def a_decision() -> Callable[..., BinDecision]:
    """A decision for bin `recyclable` of line `l1`, due in 50 ms and valid for 200; keywords replace fields."""

    def make(**fields: Any) -> BinDecision:
        now_ms = fields.setdefault("t_ms", time.monotonic_ns() / 1e6)
        usual = {
            "line": "l1",
            "boot": "boot-1",
            "seq": 1,
            "item": 1,
            "bin": "recyclable",
            "reason": "classified",
            "label": "recyclable",
            "confidence": 0.75,
            "probabilities": {"recyclable": 0.75, "other": 0.25},
            "captured_t_ms": now_ms - 20,
            "act_t_ms": now_ms + 50,
            "act_in_ms": 50.0,
            "valid_ms": 200.0,
            "x_mm": 120.0,
            "frames": 1,
            "model": "waste4-1/int8",
            "captured_at": "2026-01-02T03:04:05.678Z",
        }
        return BinDecision(**{**usual, **fields})

    return make


def fill(folder: Path) -> None:
    """Leave not a byte of the disk that `folder` is on."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            try:
                while file.write(b"\xff" * size) == size:
                    pass
            except OSError:
                continue
