"""A line under test: real daemon, reference gate and mosquitto, and a camera whose every picture is one item."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from edge.bundle.bundle import write_bundle
from edge.camera.frames import shared_memory_folder
from edge.config import MqttConfig
from edge.ledger.file import connect_to_read
from edge.ledger.reader import Entry, Question, read_ledger
from tests.conftest import Mosquitto
from tests.edge.conftest import make_parts
from tests.faults.line_file import BIN, LINE, RATE, RIDE_MM, line_file
from tests.faults.movements import Movement, Notebook

READY_S = 60.0
END_S = 15.0
LOOK_S = 0.01
SETTLED_S = 2.0
"""After the last item: the longest way of a copy that must not move."""
ANSWERED_S = 8.0
"""Longest from the last item until all that was sent is answered: with the calm before, 10 s after healing."""
UNANSWERED = """
SELECT count(*) FROM ring WHERE seq >= 0 AND published AND trim(outcome) IN ('', 'duplicate')
AND json_extract(decision, '$.bin') = ?
"""


class Works:
    """Starts and ends the processes, and reads what they leave behind. All go to one bin, and one gate serves it."""

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        *,
        rows: int = 20_000,
        rate: float = RATE,
        mqtt: MqttConfig | None = None,
        gate_mqtt: MqttConfig | None = None,
        ledger: Path | None = None,
        ride_mm: float = RIDE_MM,
        daemon_environment: Mapping[str, str] | None = None,
        gate_prefix: Sequence[str] = (),
    ) -> None:
        """`mqtt`, `gate_mqtt`: how daemon and gate reach the broker, if not directly. `gate_prefix` runs the gate."""
        self.broker = broker
        self.ledger_path = ledger or folder / "ledger.db"
        self._folder, self._rate = folder, rate
        self._mqtt = mqtt or MqttConfig(host=broker.host, port=broker.port)
        self._gate_mqtt = gate_mqtt or self._mqtt
        self._environment = dict(daemon_environment or {})
        self._gate_prefix = gate_prefix
        self._frames = shared_memory_folder() / f"sortline-faults-{os.getpid()}-{id(self):x}"
        self._movements_path = folder / "movements"
        self._movements = Notebook(self._movements_path)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        write_bundle(folder / "tiny.bundle", *make_parts())
        self._configuration = folder / f"{LINE}.toml"
        text = line_file(
            bundle=folder / "tiny.bundle", frames=self._frames, ledger=self.ledger_path, rows=rows, mqtt=self._mqtt,
            rate=rate, ride_mm=ride_mm,
        )  # fmt: skip
        self._configuration.write_text(text, encoding="utf-8")

    def start(self) -> Self:
        """Returns when items are decided and the first has moved the gate."""
        self.start_camera()
        self.start_gate()
        self.start_daemon()
        self.await_movement(time.monotonic_ns() / 1e6, READY_S)
        return self

    def start_camera(self) -> None:
        """Items come."""
        self._spawn("camera", [sys.executable, "-m", "tests.faults.pictures", str(self._frames), str(self._rate)])

    def start_gate(self) -> None:
        """Returns when it is subscribed."""
        began = self._log("gate").stat().st_size if self._log("gate").exists() else 0
        mqtt, own = self._gate_mqtt, []
        for name in ("ca_file", "cert_file", "key_file"):
            own += [f"--{name.replace('_', '-')}", value] if (value := getattr(mqtt, name)) else []
        command = [*self._gate_prefix, sys.executable, "-m", "tests.faults.witness", "--line", LINE, "--bin", BIN]
        command += ["--host", mqtt.host, "--port", str(mqtt.port), *own]
        command += ["--movements", str(self._movements_path), "--journal", str(self._folder / "journal.db")]
        self._spawn("gate", command)
        self.wait_for(lambda: b" ready " in self._log("gate").read_bytes()[began:], READY_S)

    def start_daemon(self) -> None:
        """Returns when it says READY, as to systemd."""
        name = f"sortline-faults-{os.getpid()}-{id(self):x}"  # no path, which may have 107 bytes and no more
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(f"\0{name}")
            notify.settimeout(0.2)
            command = [sys.executable, "-m", "edge", "run", "--config", str(self._configuration)]
            self._spawn("daemon", command, {**self._environment, "NOTIFY_SOCKET": f"@{name}"})
            self.wait_for(lambda: _said_ready(notify), READY_S)

    def process(self, name: str) -> "subprocess.Popen[bytes]":
        """`daemon`, `gate` or `camera`."""
        return self._processes[name]

    def kill(self, name: str) -> None:
        """SIGKILL."""
        if name == "broker":
            self.broker.kill()
        else:
            self._processes[name].kill()
            self._processes.pop(name).wait(END_S)

    def restart(self, name: str) -> None:
        """Start what was killed; returns when it serves."""
        start = {"broker": self.broker.start, "daemon": self.start_daemon, "gate": self.start_gate}
        start[name]()

    def end_camera(self) -> float:
        """No more items; what was decided rides on to its gate. Seconds until all that was sent is answered."""
        self.kill("camera")
        began_s = time.monotonic()
        while self.unanswered() and time.monotonic() < began_s + ANSWERED_S:
            time.sleep(0.1)
        answered_s = time.monotonic() - began_s
        time.sleep(max(0.0, SETTLED_S - answered_s))
        return answered_s

    def movements(self) -> list[Movement]:
        """All, in the order in which they happened."""
        return self._movements.all()

    def await_movement(self, since_ms: float, timeout_s: float) -> float:
        """The time of the first movement from `since_ms` on, on the monotonic clock in ms. Raises TimeoutError."""
        self.wait_for(lambda: self._movements.newest_ms() >= since_ms, timeout_s)
        return next(movement.at_ms for movement in self.movements() if movement.at_ms >= since_ms)

    def ledger(self) -> list[Entry]:
        """Every decision with its answer, oldest first."""
        return list(read_ledger(self.ledger_path, Question()))

    def count(self) -> int:
        """Decisions in the ledger."""
        with contextlib.closing(connect_to_read(self.ledger_path)) as db:
            number: int = db.execute("SELECT count(*) FROM ring WHERE seq >= 0").fetchone()[0]
        return number

    def unanswered(self) -> int:
        """Decisions in the ledger that were sent to the gate and have no answer."""
        with contextlib.closing(connect_to_read(self.ledger_path)) as db:
            number: int = db.execute(UNANSWERED, (BIN,)).fetchone()[0]
        return number

    def newest_seq(self) -> int:
        """Of the newest decision."""
        return next(read_ledger(self.ledger_path, Question(limit=1))).decision.seq

    def said(self, name: str) -> list[str]:
        """The lines of a process's log."""
        return self._log(name).read_text(errors="replace").splitlines()

    def wait_for(self, reached: Callable[[], bool], timeout_s: float) -> None:
        """Raises TimeoutError when it does not come, RuntimeError when a process has ended by itself."""
        deadline = time.monotonic() + timeout_s
        while not reached():
            self.check()
            if time.monotonic() > deadline:
                last = {name: self.said(name)[-3:] for name in self._processes if self._log(name).exists()}
                raise TimeoutError(f"not reached within {timeout_s:g} s; last words: {last}")
            time.sleep(LOOK_S)

    def check(self) -> None:
        """Raises RuntimeError when a process has ended by itself."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with status {process.returncode}: {self.said(name)[-3:]}")

    def close(self) -> None:
        """End what runs."""
        for name in ("camera", "daemon", "gate"):
            if process := self._processes.pop(name, None):
                process.send_signal(signal.SIGCONT)
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)
                process.kill()
                process.wait()
        self.broker.kill()
        self._movements.close()
        self._frames.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        with self._open_log(name) as log:
            self._processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )

    def _open_log(self, name: str) -> IO[bytes]:
        return self._log(name).open("ab")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _said_ready(notify: socket.socket) -> bool:
    try:
        return b"READY=1" in notify.recv(4096)
    except TimeoutError:
        return False
