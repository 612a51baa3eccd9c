"""Cameras that hang: how soon it is seen, and how soon frames are back; `python camera_hangs.py --hangs 200`.

Real cameras (RTSP by GStreamer, GigE Vision by Aravis) in a network namespace behind a virtual cable are stopped,
killed, or have their cable pulled; the camera process under test is stopped and killed too. Needs root. Prints a table
and exits with 1 when a hang was not seen in 0.5 s, frames were not back in 3 s, or an old picture was used.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

CAMERAS = Path(__file__).parents[1] / "cameras"
sys.path[:0] = [str(CAMERAS), str(Path(__file__).parents[2])]

import time_bars  # noqa: E402

from edge.camera.camera import Camera  # noqa: E402
from edge.camera.frames import Frame  # noqa: E402
from edge.config import CameraConfig  # noqa: E402
from edge.errors import CameraError  # noqa: E402

SEEN_S, BACK_S, OLD_MS = 0.5, 3.0, 500
GONE_S = (0.7, 4.0)
"""How long a source stays away: less than the pause between attempts, and several of them."""
LOOK_S = 0.02
PATIENCE_S = 30.0
STEADY = 30
"""Frames between two hangs."""
COMMANDS = {
    "rtsp": ["/usr/bin/python3", str(CAMERAS / "rtsp_camera.py"), "{address}", "8554"],
    "gige": [sys.executable, str(CAMERAS / "gige_camera.py"), "{cable}p", "EDGE01"],
}
SOURCES = {
    "rtsp": CameraConfig(source="rtsp://{address}:8554/cam", fps=25),
    "gige": CameraConfig(source="genicam:{address}", fps=25, width=320, height=240, pixel_format="Mono8"),
}


@dataclass(frozen=True)
class Hang:
    """One fault and what came of it."""

    protocol: str
    fault: str
    seen_s: float
    """From the fault to the error that says so."""
    back_s: float
    """From the source's return to the first frame."""
    old: int
    """Frames that were handed out half a second or more after they were taken."""


class Plant:
    """A camera behind a cable: a network namespace of its own."""

    def __init__(self, protocol: str) -> None:
        self.cable = f"{protocol}{os.getpid() % 100000}"
        self._net = f"10.{86 + os.getpid() % 100}.{os.getpid() // 256 % 256}"
        self.address = f"{self._net}.2"
        self._command = [part.format(cable=self.cable, address=self.address) for part in COMMANDS[protocol]]
        self.process: subprocess.Popen[str] | None = None

    def lay_cable(self) -> None:
        """A virtual one from here to the namespace."""
        inside = ("ip", "netns", "exec", self.cable)
        for command in (
            ("ip", "netns", "add", self.cable),
            ("ip", "link", "add", self.cable, "type", "veth", "peer", "name", f"{self.cable}p", "netns", self.cable),
            ("ip", "address", "add", f"{self._net}.1/30", "dev", self.cable),
            ("ip", "link", "set", self.cable, "up"),
            (*inside, "ip", "address", "add", f"{self.address}/30", "dev", f"{self.cable}p"),
            (*inside, "ip", "link", "set", f"{self.cable}p", "up"),
            (*inside, "ip", "link", "set", "lo", "up"),
        ):
            subprocess.run(command, check=True)

    def start(self) -> None:
        """Start the camera; it serves when this returns."""
        inside = ["ip", "netns", "exec", self.cable]
        self.process = subprocess.Popen([*inside, *self._command], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def pull(self, state: str) -> None:
        """The cable `down` or `up`, at the camera's end: this end stays configured, as a switch's would."""
        subprocess.run(["ip", "netns", "exec", self.cable, "ip", "link", "set", f"{self.cable}p", state], check=True)

    def remove(self) -> None:
        """All of it."""
        if self.process and self.process.poll() is None:
            self.kill()
        for command in (("ip", "link", "delete", self.cable), ("ip", "netns", "delete", self.cable)):
            subprocess.run(command, check=False)


@contextmanager
def plant_with(protocol: str) -> Iterator[Plant]:
    """A camera that serves, gone at the end."""
    plant = Plant(protocol)
    try:
        plant.lay_cable()
        plant.start()
        yield plant
    finally:
        plant.remove()


def faults(plant: Plant, camera: Camera) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """What can be done to it, and how it is undone."""

    def process(number: int) -> Callable[[], None]:
        return lambda: camera._process and camera._process.send_signal(number)

    return {
        "camera stopped": (lambda: plant.signal(signal.SIGSTOP), lambda: plant.signal(signal.SIGCONT)),
        "cable out": (lambda: plant.pull("down"), lambda: plant.pull("up")),
        "process killed": (process(signal.SIGKILL), lambda: None),
        "camera killed": (plant.kill, plant.start),
        "process stopped": (process(signal.SIGSTOP), lambda: None),
    }


def old(frame: Frame) -> bool:
    """Whether a frame shows what was before: it carries its time."""
    now_ms = time.monotonic_ns() // 1_000_000 % 2**time_bars.BITS
    return now_ms - time_bars.painted_ms(frame.image) > OLD_MS


def watch(camera: Camera, frames: int) -> tuple[float, int]:
    """Take so many frames as the daemon does, starting it anew when it fails; when the first came, how many are old."""
    first_s, taken, stale, again_s = 0.0, 0, 0, 0.0
    deadline = time.monotonic() + PATIENCE_S
    while taken < frames:
        assert time.monotonic() < deadline, "the frames did not come back"
        try:
            if not camera.running:
                time.sleep(max(0.0, again_s - time.monotonic()))
                camera.start()
            frame = camera.newest(LOOK_S)
        except CameraError:
            again_s = time.monotonic() + camera.pause_s
            camera.stop()
            continue
        if frame:
            first_s, taken, stale = first_s or time.monotonic(), taken + 1, stale + old(frame)
    return first_s, stale


def see(camera: Camera) -> int:
    """Return when the camera is seen to be gone; how many frames until then were old."""
    stale, deadline = 0, time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if frame := camera.newest(LOOK_S):
                stale += old(frame)
        except CameraError:
            camera.stop()
            return stale
    raise AssertionError("the hang was never seen")


def hang(camera: Camera, protocol: str, fault: str, begin: Callable[[], None], end: Callable[[], None]) -> Hang:
    """One fault, from running to running."""
    watch(camera, STEADY)
    begin()
    began_s = time.monotonic()
    stale = see(camera)
    seen_s = time.monotonic() - began_s
    back_s = away(camera, began_s + random.uniform(*GONE_S)) if not fault.startswith("process") else time.monotonic()
    end()
    returned_s = time.monotonic() if not fault.startswith("process") else back_s
    first_s, stale_after = watch(camera, STEADY)
    return Hang(protocol, fault, round(seen_s, 3), round(first_s - returned_s, 3), stale + stale_after)


def away(camera: Camera, until_s: float) -> float:
    """Try again and again while the source is away, as the daemon does."""
    again_s = time.monotonic() + camera.pause_s
    while (now_s := time.monotonic()) < until_s:
        try:
            if not camera.running and now_s >= again_s:
                camera.start()
            if not camera.running:
                time.sleep(LOOK_S)
            elif camera.newest(LOOK_S):
                raise AssertionError("a frame came from a source that is away")
        except CameraError:
            again_s = time.monotonic() + camera.pause_s
            camera.stop()
    return until_s


def hangs(protocol: str, count: int) -> Iterator[Hang]:
    """So many, each kind in turn."""
    with plant_with(protocol) as plant:
        asked = SOURCES[protocol]
        source = asked.source.format(address=plant.address)
        with Camera(msgspec.structs.replace(asked, source=source)) as camera:
            kinds = list(faults(plant, camera).items())
            for number in range(count):
                fault, (begin, end) = kinds[number % len(kinds)]
                yield hang(camera, protocol, fault, begin, end)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hangs", type=int, default=20, help="over each protocol")
    parser.add_argument("--protocols", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    arguments = parser.parse_args()
    done = []
    for protocol in arguments.protocols:
        for one in hangs(protocol, arguments.hangs):
            times = f"seen {one.seen_s:6.3f} s  back {one.back_s:6.3f} s  old {one.old}"
            print(f"{one.protocol:5} {one.fault:16} {times}", file=sys.stderr)
            done.append(one)
    good = [one for one in done if one.seen_s <= SEEN_S and one.back_s <= BACK_S and not one.old]
    print(json.dumps({"hangs": [asdict(one) for one in done], "within_limits": len(good)}))
    print(f"{len(good)} of {len(done)} seen in {SEEN_S} s, back in {BACK_S} s, without an old picture", file=sys.stderr)
    return len(good) < len(done)


if __name__ == "__main__":
    sys.exit(main())
