"""A whole plant on one machine: a rendered belt, the real daemon and one real gate process per bin, around a broker."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

import msgspec

from edge.camera.frames import shared_memory_folder
from edge.errors import Unavailable
from edge.sim.play import Truth
from edge.sim.settings import SceneSettings

LINE = "demo"
REJECT = "reject"
FIRST_GATE_MM = 500.0
GATE_STEP_MM = 150.0
READY_S = 60.0
"""A cold disk may need most of it: nothing is measured by this."""
STOP_S = 15.0
"""The daemon stays until its last item has passed the gate."""

CONFIGURATION = """\
line = "{line}"
bundle = "{bundle}"

[camera]
source = "frames:{frames}"

[belt]
direction = "right"
speed_mm_s = {speed_mm_s}
mm_per_px = {mm_per_px}
line_mm = {line_mm}

[mqtt]
host = "{host}"
port = {port}

[ledger]
path = "ledger.db"
rows = 10000
"""
GATE = """
[gates.{bin}]
distance_mm = {distance_mm}
"""


class Plant:
    """Starts the processes and ends them, also by its own death; what they tell each other goes over the broker."""

    def __init__(self, folder: Path, bundle: Path, labels: Sequence[str], broker: tuple[str, int]) -> None:
        """Keep configuration, ledger and logs in `folder`; one gate for every label and one for the rejects."""
        self.bins = (*labels, REJECT)
        self.config_path = folder / f"{LINE}.toml"
        self._folder, self._bundle, (self._host, self._port) = folder, bundle.resolve(), broker
        self._frames = shared_memory_folder() / f"sortline-plant-{os.getpid()}-{id(self):x}.frames"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._logs: list[IO[str]] = []

    def start(self, settings: SceneSettings) -> None:
        """Start the belt (empty), the gates and the daemon; returns when the daemon says READY.

        Raises Unavailable when one of them ends or READY does not come.
        """
        self._write_configuration(settings)
        self._spawn("belt", "edge.sim.play", msgspec.json.encode(settings).decode(), str(self._frames))
        for name in self.bins:
            of_bin = ("--line", LINE, "--bin", name, "--host", self._host, "--port", str(self._port))
            self._spawn(f"gate-{name}", "edge.sim.leash", "edge", "gate", *of_bin)
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start the daemon (again) and wait for its READY, as systemd does."""
        name = f"sortline-plant-{os.getpid()}-{id(self):x}"  # no path, which may have 107 bytes and no more
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(f"\0{name}")
            notify.settimeout(0.2)
            environment = {"NOTIFY_SOCKET": f"@{name}"}
            command = ("edge", "run", "--config", str(self.config_path))
            self._spawn("daemon", "edge.sim.leash", *command, environment=environment)
            self._await_ready(notify)

    def begin(self) -> Truth:
        """Let items onto the belt; returns what they are and when they cross the line. Raises Unavailable."""
        belt = self._processes["belt"]
        assert belt.stdin is not None
        assert belt.stdout is not None
        belt.stdin.write("begin\n")
        belt.stdin.flush()
        if not (said := belt.stdout.readline()):
            self.check()
            raise Unavailable("the belt ended before its scene began")
        return msgspec.json.decode(said, type=Truth)

    @property
    def daemon(self) -> "subprocess.Popen[str]":
        """The daemon's process."""
        return self._processes["daemon"]

    def check(self) -> None:
        """Raise Unavailable when a process has failed, with the last line that it said."""
        for name, process in self._processes.items():
            if process.poll():
                said = (self._folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
                raise Unavailable(f"{name} ended with status {process.returncode}: {said[-1] if said else 'no words'}")

    def stop_daemon(self) -> int:
        """Stop the daemon as systemd does; returns its exit status."""
        return _end(self.daemon)

    def close(self) -> None:
        """End whatever still runs."""
        for process in self._processes.values():
            _end(process)
        for log in self._logs:
            log.close()
        self._frames.unlink(missing_ok=True)

    def _write_configuration(self, settings: SceneSettings) -> None:
        text = CONFIGURATION.format(
            line=LINE,
            bundle=self._bundle,
            frames=self._frames,
            host=self._host,
            port=self._port,
            speed_mm_s=settings.speed_mm_s,
            mm_per_px=settings.mm_per_px,
            line_mm=settings.line_mm,
        )
        for number, name in enumerate(self.bins):
            text += GATE.format(bin=name, distance_mm=FIRST_GATE_MM + number * GATE_STEP_MM)
        self.config_path.write_text(text, encoding="utf-8")

    def _spawn(self, name: str, module: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        log = (self._folder / f"{name}.log").open("a", encoding="utf-8")
        self._logs.append(log)
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if name == "belt" else log,
            stderr=log,
            text=True,
            env=os.environ | (environment or {}),
        )

    def _await_ready(self, notify: socket.socket) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            self.check()
            try:
                if b"READY=1" in notify.recv(4096):
                    return
            except TimeoutError:
                continue
        raise Unavailable(f"the daemon was not READY within {READY_S:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _end(process: "subprocess.Popen[str]") -> int:
    with process:
        process.terminate()
        try:
            process.wait(STOP_S)  # with its leash held: a second SIGTERM may fall into its last moments
        except subprocess.TimeoutExpired:
            process.kill()
    return process.returncode
