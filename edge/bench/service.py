"""The daemon as a process: how soon it is READY, its memory, and its rate beside that of the bare runtime."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from edge.bench.feed import Feed, feeding
from edge.bench.settings import LINE, Items, line_config, write_config
from edge.bundle.bundle import Bundle
from edge.config import EngineConfig
from edge.engine.engine import Engine
from edge.errors import Unavailable
from edge.sim.broker import Broker
from edge.sim.watch import Watch

READY_S = 30.0
DAEMON_S, BARE_S = 3.0, 2.0
"""The daemon and the bare loop take turns: a stopped daemon's connection outlives BARE_S (keepalive 5 s)."""
FPS = 120.0
"""More than any of it takes: the newest frame is always new."""


class Service:
    """What all measurements of the daemon share."""

    def __init__(self, bundle: Bundle, config: EngineConfig, broker: Broker, folder: Path) -> None:
        self._bundle, self._config, self._broker, self._folder = bundle, config, broker, folder

    def measure(self, engine: Engine, turns: int) -> dict[str, Any]:
        """Start it so many times, then let it and the bare runtime take so many turns."""
        starts = [self._start_s() for _ in range(turns)]
        return {"start to READY, s": round(median(starts), 2), **self._throughput(engine, turns)}

    def _start_s(self) -> float:
        with feeding(self._feed("belt", 30.0, empty=True)):
            began_s = time.monotonic()
            with self._daemon("belt"):
                return time.monotonic() - began_s

    def _throughput(self, engine: Engine, turns: int) -> dict[str, Any]:
        """Decisions a second while every frame is an item, beside calls of the bare runtime a second."""
        inputs = self._bundle.golden(engine.candidate.variant).inputs[:1]
        with (
            feeding(self._feed("frame", FPS, empty=False)),
            self._daemon("frame") as daemon,
            Watch(self._config_of("frame").mqtt, LINE) as watch,
        ):
            rounds = [(self._decided(watch), self._bare(daemon, engine, inputs)) for _ in range(turns)]
            memory = {"daemon, MB": _megabytes(daemon.pid, "Pss:"), "highest, MB": _megabytes(daemon.pid, "VmHWM:")}
        decided, bare = (median(column) for column in zip(*rounds, strict=True))
        return {
            "decisions a second": round(decided, 1),
            "bare calls a second": round(bare, 1),
            "share of bare": round(decided / bare, 3),
            "memory": memory,
        }

    def _decided(self, watch: Watch) -> float:
        time.sleep(0.5)  # what waited while it was stopped is through
        before, began_s = len(watch.decisions), time.monotonic()
        time.sleep(DAEMON_S)
        return (len(watch.decisions) - before) / (time.monotonic() - began_s)

    def _bare(self, daemon: "subprocess.Popen[bytes]", engine: Engine, inputs: Any) -> float:
        """The camera goes on meanwhile, as it does beside the daemon."""
        daemon.send_signal(signal.SIGSTOP)
        calls, began_s = 0, time.monotonic()
        while time.monotonic() - began_s < BARE_S:
            engine.runner(inputs)
            calls += 1
        rate = calls / (time.monotonic() - began_s)
        daemon.send_signal(signal.SIGCONT)
        return rate

    @contextmanager
    def _daemon(self, items: Items) -> Iterator["subprocess.Popen[bytes]"]:
        """Entered when it is READY. Raises Unavailable when it ends before or takes too long."""
        path, address = self._folder / f"{items}.toml", self._folder / "notify"
        write_config(self._config_of(items), self._bundle.path, path)
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            notify.settimeout(0.1)
            command = [sys.executable, "-m", "edge", "run", "--config", str(path)]
            with subprocess.Popen(
                command, env={**os.environ, "NOTIFY_SOCKET": str(address)}, stderr=subprocess.PIPE
            ) as daemon:
                try:
                    _await_ready(daemon, notify)
                    yield daemon
                finally:
                    daemon.kill()

    def _config_of(self, items: Items) -> Any:
        labels = self._bundle.manifest.labels
        frames = Path(self._feed(items, FPS, empty=False).path)
        return line_config(items, frames, self._folder, self._broker, labels, self._config)

    def _feed(self, items: Items, fps: float, *, empty: bool) -> Feed:
        return Feed(path=str(self._folder / f"{items}.frames"), fps=fps, empty=empty)


def _await_ready(daemon: "subprocess.Popen[bytes]", notify: socket.socket) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s and daemon.poll() is None:
        try:
            if b"READY=1" in notify.recv(4096):
                return
        except TimeoutError:
            continue
    daemon.kill()
    said = (daemon.stderr.read() if daemon.stderr else b"").decode(errors="replace").strip().splitlines()
    raise Unavailable(f"the daemon: expected READY within {READY_S:.0f} s, found {said[-1] if said else 'no words'}")


def _megabytes(pid: int, what: str) -> float:
    """A process's own share of its memory (Pss), or the most that it ever held (VmHWM)."""
    name = "smaps_rollup" if what == "Pss:" else "status"
    lines = Path(f"/proc/{pid}/{name}").read_text(encoding="ascii").splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith(what))) / 1024, 1)
