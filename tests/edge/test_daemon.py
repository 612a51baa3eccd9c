import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import msgspec
import pytest

from edge.camera.frames import shared_memory_folder
from edge.config_file import load_config
from edge.ledger.reader import Question, read_ledger
from edge.sim.scene import Scene
from edge.wire.messages import Answer, Ask, BinDecision, Heartbeat, Stats, Status, encode
from edge.wire.schemas import json_schema

START_S = 30.0
STOP_S = 15.0

Recording = tuple[Path, Scene]
Daemon = subprocess.Popen[str]


@pytest.fixture
def start() -> Iterator[Callable[..., Daemon]]:
    """Start `python -m edge run` on a file; whatever still runs at the end is killed."""
    running: list[Daemon] = []

    def daemon(config: Path, **environment: str) -> Daemon:
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment))
        return running[-1]

    yield daemon
    for process in running:
        process.kill()
        process.communicate()


def test_a_recording_is_sorted_to_its_end(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """online, one decision per item on the topic of its bin, heartbeats and figures, stopped; exit status 0."""
    folder, scene = recording

    daemon = start(line_file(tiny_bundle, folder, port=mosquitto.port))
    online = hear_until(listener, says("online"))[-1]
    heard = hear_until(listener, says("stopped"))

    assert daemon.wait(STOP_S) == 0, daemon.stderr.read()
    decisions = {one.topic: msgspec.json.decode(one.payload, type=BinDecision) for one in heard if is_decision(one)}
    items = [msgspec.json.decode(one.payload, type=BinDecision).item for one in heard if is_decision(one)]
    assert items == list(range(items[0], items[0] + len(scene.items)))
    assert all(topic == f"sortline/l1/decision/{decision.bin}" for topic, decision in decisions.items())
    heartbeats, stats = of_kind(heard, "heartbeat", Heartbeat), of_kind(heard, "stats", Stats)
    assert heartbeats
    assert sum(stats[-1].decisions.values()) == len(items)
    assert {message.boot for message in (*heartbeats, *stats, *decisions.values())} == {boot_of(online)}
    final = msgspec.json.decode(heard[-1].payload, type=Status)
    assert final.engine.startswith("onnxruntime-cpu int8, 1 thread")
    assert (final.reasons, final.model, final.boot) == (("end of recording",), "tiny-1/int8", boot_of(online))
    assert final.bins == ("hazardous", "kitchen", "other", "recyclable", "reject")


def test_sigterm_is_a_clean_stop_that_systemd_follows(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any, tmp_path: Path
) -> None:
    """READY when items can be told from the belt, WATCHDOG with the frames, STOPPING, the status `stopped`, exit 0."""
    address = tmp_path / "notify"
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true")

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(START_S)
        daemon = start(config, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="400000")
        told = [notify.recv(4096).decode()]
        while "WATCHDOG=1" not in told:
            told.append(notify.recv(4096).decode())
        daemon.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in told:
            told.append(notify.recv(4096).decode())

    assert daemon.wait(STOP_S) == 0, daemon.stderr.read()
    assert any(line.startswith("READY=1\nSTATUS=l1: sorting with tiny-1/int8") for line in told)
    last = msgspec.json.decode(listener.wait_for(says("stopped")).payload, type=Status)
    assert last.reasons == ("signal",)


def test_a_killed_daemon_is_offline(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any, eventually: Any
) -> None:
    """SIGKILL: the broker says `offline` for the boot that was online, and the camera process ends by itself."""
    daemon = start(line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true"))
    online = listener.wait_for(says("online"), timeout_s=START_S)
    (camera,) = children(daemon)

    daemon.kill()

    offline = listener.wait_for(says("offline"), timeout_s=START_S)
    assert boot_of(offline) == boot_of(online)
    assert offline.topic == "sortline/l1/status"
    eventually(lambda: not is_running(camera))
    assert not list(shared_memory_folder().glob(f"sortline-{daemon.pid}-*"))


def test_answers_that_a_killed_daemon_never_got_are_asked_for_by_the_next(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any, eventually: Any
) -> None:
    """The ledger outlives the run; what the gate then tells is found in it."""
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true")
    daemon = start(config)
    made = msgspec.json.decode(listener.wait_for(is_decision, timeout_s=START_S).payload, type=BinDecision)
    listener.wait_for(is_decision, timeout_s=START_S)
    daemon.kill()
    daemon.wait(STOP_S)

    start(config)
    heard = listener.wait_for(lambda one: one.topic == f"sortline/l1/ask/{made.bin}", timeout_s=START_S)
    ask = msgspec.json.decode(heard.payload, type=Ask)
    told = Answer(line="l1", boot=made.boot, seq=made.seq, item=made.item, bin=made.bin, gate="g", outcome="unknown")
    listener.say("sortline/l1/answer", encode(told))

    jsonschema.validate(json.loads(heard.payload), json_schema(Ask))
    assert (ask.boot, heard.retained) == (made.boot, False)
    assert made.seq in [one.seq for one in ask.decisions]
    ledger = Path(load_config(config).ledger.path)
    eventually(lambda: [one.answer for one in read_ledger(ledger, Question(outcome="unknown"))] == [told])


def test_a_lost_camera_degrades_the_line_until_it_is_back(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """The camera process is killed: `degraded` with the reason, then `online` again, and sorting goes on."""
    daemon = start(line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true"))
    listener.wait_for(says("online"), timeout_s=START_S)
    (camera,) = children(daemon)

    os.kill(camera, signal.SIGKILL)

    degraded = msgspec.json.decode(listener.wait_for(says("degraded"), timeout_s=START_S).payload, type=Status)
    assert "camera-fault" in degraded.reasons[0]
    listener.wait_for(says("online"), timeout_s=START_S)
    listener.wait_for(is_decision, timeout_s=START_S)
    assert daemon.poll() is None
    assert children(daemon) != [camera]


def test_the_belts_measured_speed_is_followed_and_told(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """Degraded until an encoder speaks, and again when it falls silent; heartbeats tell gates the odometer."""
    path = line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true")
    path.write_text(path.read_text().replace("[belt]", '[belt]\nspeed_from = "mqtt"\nstale_s = 1.0'))
    start(path)
    unknown = msgspec.json.decode(listener.wait_for(says("degraded"), timeout_s=START_S).payload, type=Status)

    listener.say("sortline/l1/belt", b'{"speed_mm_s": 500, "sensor": "drum"}')

    listener.wait_for(says("online"), timeout_s=START_S)
    first, second = (next_beat(listener) for _ in range(2))
    silent = msgspec.json.decode(listener.wait_for(says("degraded"), timeout_s=START_S).payload, type=Status)
    assert unknown.reasons == silent.reasons == ("belt-speed-unknown: no reading for 1 s",)
    assert first.speed_mm_s == second.speed_mm_s == 500
    assert second.belt_mm - first.belt_mm == pytest.approx((second.t_ms - first.t_ms) * 0.5, abs=0.02)


def test_a_full_bin_degrades_the_line(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """What a gate reports of its bin, kept at the broker, is in the line's status until the gate says ready."""
    where, full = "sortline/l1/gate/other", {"line": "l1", "bin": "other", "gate": "g", "state": "full"}
    listener.say(where, msgspec.json.encode(full), retain=True)

    start(line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true"))

    degraded = msgspec.json.decode(listener.wait_for(says("degraded"), timeout_s=START_S).payload, type=Status)
    assert degraded.reasons == ("bin-closed: other is full",)
    listener.say(where, msgspec.json.encode(full | {"state": "ready"}), retain=True)
    listener.wait_for(says("online"), timeout_s=START_S)


def test_a_refused_broker_ends_the_start(
    recording: Recording, tiny_bundle: Path, line_file: Any, start: Any, unused_port: int
) -> None:
    """Nobody listens on the broker's port: one line and exit status 69."""
    daemon = start(line_file(tiny_bundle, recording[0], port=unused_port))

    assert_refused(daemon, 69, f"broker 127.0.0.1:{unused_port}: expected")


def test_a_missing_camera_ends_the_start(tiny_bundle: Path, line_file: Any, mosquitto: Any, start: Any) -> None:
    """No such device: one line and exit status 69, not a degraded line that sorts nothing."""
    daemon = start(line_file(tiny_bundle, "/dev/video97", port=mosquitto.port))

    assert_refused(daemon, 69, "/dev/video97: expected a camera, found no such device")


def test_a_damaged_bundle_ends_the_start(recording: Recording, line_file: Any, start: Any, tmp_path: Path) -> None:
    """The bundle is checked before camera and broker: one line and exit status 78."""
    broken = tmp_path / "broken.bundle"
    broken.write_bytes(b"broken")

    daemon = start(line_file(broken, recording[0]))

    assert_refused(daemon, 78, f"{broken}: expected a bundle")


def test_a_configuration_that_does_not_fit_the_bundle_ends_the_start(
    recording: Recording, six_bundle: Path, line_file: Any, start: Any
) -> None:
    """Classes without a gate: one line and exit status 78."""
    config = line_file(six_bundle, recording[0])

    daemon = start(config)

    assert_refused(daemon, 78, f"{config}: gates: expected a table for every bin")


def test_a_belt_that_does_not_fit_the_pictures_ends_the_start(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, start: Any
) -> None:
    """What only the first frame can tell is told like the rest of the file: one line and exit status 78."""
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port)
    config.write_text(config.read_text().replace("line_mm = 320", "line_mm = 900"))

    daemon = start(config)

    assert_refused(daemon, 78, f"{config}: belt.line_mm: expected less than the view's 640 mm, found 900")


def test_an_engine_that_fails_sends_what_it_was_to_decide_to_the_reject_bin_and_ends(
    recording: Recording, failing_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """Proven on the golden pictures, it fails on the belt: nothing is guessed at, and systemd starts a new process."""
    daemon = start(line_file(failing_bundle, recording[0], port=mosquitto.port, camera="loop = true"))

    heard = hear_until(listener, says("stopped"))

    decisions = [msgspec.json.decode(one.payload, type=BinDecision) for one in heard if is_decision(one)]
    assert decisions
    assert {(decision.bin, decision.reason) for decision in decisions} == {("reject", "engine-fault")}
    assert msgspec.json.decode(heard[-1].payload, type=Status).reasons[0].startswith("engine-fault: onnxruntime-cpu: ")
    assert daemon.wait(STOP_S) == 69
    assert daemon.stderr.read().splitlines()[-1].startswith("sortline-edge: onnxruntime-cpu: expected an answer")


def test_an_unknown_key_ends_the_start(recording: Recording, tiny_bundle: Path, line_file: Any, start: Any) -> None:
    """A misspelt key: one line and exit status 78."""
    config = line_file(tiny_bundle, recording[0], more="[engine]\nthread = 2")

    daemon = start(config)

    assert_refused(daemon, 78, f"{config}: engine.thread: expected only known keys")


def says(state: str) -> Callable[[Any], bool]:
    """Whether a message is the status with this state."""
    return lambda heard: heard.topic.endswith("/status") and msgspec.json.decode(heard.payload)["state"] == state


def is_decision(heard: Any) -> bool:
    """Whether a message is a decision."""
    return "/decision/" in heard.topic


def next_beat(listener: Any) -> Heartbeat:
    """The next heartbeat."""
    heard = listener.wait_for(lambda one: one.topic.endswith("/heartbeat"))
    return msgspec.json.decode(heard.payload, type=Heartbeat)


def of_kind(heard: list[Any], kind: str, message: Any) -> list[Any]:
    """The messages of one topic."""
    return [msgspec.json.decode(one.payload, type=message) for one in heard if one.topic == f"sortline/l1/{kind}"]


def hear_until(listener: Any, wanted: Callable[[Any], bool]) -> list[Any]:
    """All messages up to the wanted one."""
    passed: list[Any] = []

    def note(heard: Any) -> bool:
        passed.append(heard)
        return wanted(heard)

    listener.wait_for(note, timeout_s=START_S)
    return passed


def boot_of(heard: Any) -> str:
    """The boot that a message is from."""
    return msgspec.json.decode(heard.payload, type=Status).boot


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:4]
    except FileNotFoundError:
        return False


def children(process: Daemon) -> list[int]:
    """The process ids of a process's children."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for thread in threads for pid in thread.read_text().split()]


def assert_refused(daemon: Daemon, status: int, said: str) -> None:
    """It ends with this status, and beside its log says one line, which begins so."""
    lines = daemon.communicate(timeout=START_S)[1].splitlines()
    words = [line for line in lines if not line.startswith(("INFO ", "WARNING "))]
    assert daemon.returncode == status, lines
    assert len(words) == 1, lines
    assert words[0].startswith(f"sortline-edge: {said}")


def ask_line(port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What an operator's `command` says."""
    command = [sys.executable, "-m", "edge", "command", "l1", *arguments, "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_operator_pauses_and_resumes_the_line(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """Paused: degraded with who and why, and every item goes to the reject bin for that reason; then it sorts again."""
    start(line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true"))
    listener.wait_for(says("online"), timeout_s=START_S)

    paused = ask_line(mosquitto.port, "pause", "--why", "Anna: jam")

    assert paused.returncode == 0, paused.stderr
    status = msgspec.json.decode(listener.wait_for(says("degraded"), timeout_s=START_S).payload, type=Status)
    assert "paused: Anna: jam" in status.reasons
    decision = msgspec.json.decode(listener.wait_for(is_decision, timeout_s=START_S).payload, type=BinDecision)
    assert (decision.bin, decision.reason) == ("reject", "paused")
    resumed = ask_line(mosquitto.port, "resume")
    assert resumed.returncode == 0, resumed.stderr
    listener.wait_for(says("online"), timeout_s=START_S)
    decision = msgspec.json.decode(listener.wait_for(is_decision, timeout_s=START_S).payload, type=BinDecision)
    assert decision.reason != "paused"


def test_an_operator_reloads_the_routing(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any
) -> None:
    """A wrong file or a change that wants a restart is refused and changes nothing; a right one counts at once."""
    config = line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true")
    right = config.read_text()
    daemon = start(config)
    listener.wait_for(says("online"), timeout_s=START_S)

    config.write_text(right + "[routing]\nmin_confidence = 3\n")
    wrong = ask_line(mosquitto.port, "reload")
    config.write_text(right.replace("fps = ", "fps = 1"))
    restart = ask_line(mosquitto.port, "reload")
    config.write_text(right + '[routing]\nreject = "other"\n')
    bins = ask_line(mosquitto.port, "reload")
    config.write_text(right + "[routing]\nmin_confidence = 1.0\n")
    done = ask_line(mosquitto.port, "reload")

    assert (wrong.returncode, restart.returncode, bins.returncode, done.returncode) == (1, 1, 1, 0)
    assert f"{config}: routing.min_confidence: expected" in wrong.stderr
    assert f"{config}: camera: expected no change but in routing" in restart.stderr
    assert "routing: expected the bins" in bins.stderr
    assert done.stdout == "reloaded: routing.min_confidence\n"
    assert daemon.poll() is None
    listener.all_within(0.05)
    decision = msgspec.json.decode(listener.wait_for(is_decision, timeout_s=START_S).payload, type=BinDecision)
    assert (decision.bin, decision.reason) == ("reject", "unsure")


def test_an_operator_takes_a_snapshot(
    recording: Recording, tiny_bundle: Path, line_file: Any, mosquitto: Any, listener: Any, start: Any, tmp_path: Path
) -> None:
    """The newest picture of the belt as a JPEG, without a login on the device."""
    start(line_file(tiny_bundle, recording[0], port=mosquitto.port, camera="loop = true"))
    listener.wait_for(says("online"), timeout_s=START_S)

    taken = ask_line(mosquitto.port, "snapshot", "--out", str(tmp_path / "belt.jpg"))

    assert taken.returncode == 0, taken.stderr
    assert cv2.imread(str(tmp_path / "belt.jpg")).shape == (240, 320, 3)
