"""Processes that die at any moment: SIGKILL for broker, daemon and gate, SIGSTOP for the daemon."""

import random
import signal
import time
from pathlib import Path

import msgspec

from edge.gate.sender import SILENCE_MS
from edge.wire.mqtt import monotonic_ms
from tests.conftest import Listener, Mosquitto
from tests.faults.audit import LOOK_MS, audit
from tests.faults.line_file import RATE
from tests.faults.table import Figure
from tests.faults.works import Works

HEALED_S = 10.0
FAR_MM = 1_000.0
"""A gate so far away has movements waiting when it becomes silent."""
SEED = 1
SPARE_ROWS = 20_000
"""Decisions while processes are restarted."""


def kill(folder: Path, *, broker: int, daemon: int, gate: int, decisions: int, calm_s: float) -> list[Figure]:
    """So many SIGKILLs of each, in random order at random moments, under RATE decisions a second."""
    draw = random.Random(SEED)
    victims = ["broker"] * broker + ["daemon"] * daemon + ["gate"] * gate
    draw.shuffle(victims)
    with Works(folder, Mosquitto(folder).start(), rows=2 * decisions + SPARE_ROWS) as works:
        works.start()
        began_s = time.monotonic()
        times_s = sorted(began_s + draw.uniform(0, decisions / RATE) for _ in victims)
        healed_s = [_die(works, victim, draw, at_s) for victim, at_s in zip(victims, times_s, strict=True)]
        while works.count() < decisions:
            time.sleep(1.0)
        time.sleep(calm_s)
        answered_s = works.end_camera()
        found = audit(works.ledger(), works.movements())
    deaths = f"{len(victims)} SIGKILLs ({broker} broker, {daemon} daemon, {gate} gate) under {RATE:.0f} decisions/s"
    return [
        Figure(
            deaths, "0 gaps, 0 twice, 0 late, 0 reported fired that did not, 0 moved untold", str(found), found.sound
        ),
        Figure(
            deaths,
            f"all answered ≤ {HEALED_S:.0f} s after healing",
            f"first movement after at most {max(healed_s):.1f} s; {found.unanswered} of all unanswered "
            f"{answered_s:.1f} s after the last",
            max(healed_s) <= HEALED_S and not found.unanswered,
        ),
    ]


def _die(works: Works, victim: str, draw: random.Random, at_s: float) -> float:
    """At `at_s`, or at once if that is past, kill and restart it; seconds until the gate moved again."""
    time.sleep(max(0.0, at_s - time.monotonic()))
    works.kill(victim)
    time.sleep(draw.choice((0.0, 0.0, draw.uniform(0, 2.0))))
    works.restart(victim)
    healed_ms = monotonic_ms()
    return (works.await_movement(healed_ms, 3 * HEALED_S) - healed_ms) / 1000


def stop_daemon(folder: Path, *, times: int, told_ms: float) -> list[Figure]:
    """SIGSTOP: the daemon holds its connection and says nothing. `told_ms`: until the gate says that it is safe."""
    draw = random.Random(SEED)
    with (
        Works(folder, Mosquitto(folder).start(), ride_mm=FAR_MM) as works,
        Listener(works.broker.host, works.broker.port) as listener,
    ):
        works.start()
        silences_ms = [_stop(works, listener, draw) for _ in range(times)]
        works.end_camera()
        found = audit(works.ledger(), works.movements())
    moved_ms, safe_ms = (max(times) for times in zip(*silences_ms, strict=True))
    fault = f"SIGSTOP of the daemon, {times} times"
    return [
        Figure(
            fault,
            f"no movement from {SILENCE_MS / 1000:.2f} s after the last heartbeat on, by the gate's clock",
            f"the last one {moved_ms / 1000:.3f} s after it; {found}",
            moved_ms <= SILENCE_MS + found.clock_ms + LOOK_MS and found.sound,
        ),
        Figure(
            fault,
            f"gate safe ≤ {SILENCE_MS / 1000:.2f} s, said ≤ {told_ms / 1000:g} s later",
            f"says so at most {safe_ms / 1000:.3f} s after the last heartbeat",
            safe_ms <= SILENCE_MS + told_ms,
        ),
    ]


def _stop(works: Works, listener: Listener, draw: random.Random) -> tuple[float, float]:
    """Ms from the last heartbeat to the last movement, and to the gate's word that it is safe."""
    time.sleep(draw.uniform(0, 0.5))
    works.process("daemon").send_signal(signal.SIGSTOP)
    words = len(works.said("gate"))
    works.wait_for(lambda: any(" state safe" in line for line in works.said("gate")[words:]), HEALED_S)
    said = next(line for line in works.said("gate")[words:] if " state safe" in line)
    heard = [message for message in listener.all_within(0.1) if message.topic.endswith("/heartbeat")]
    beat_ms = msgspec.json.decode(heard[-1].payload)["t_ms"]
    last_ms = works.movements()[-1].allowed_ms
    works.process("daemon").send_signal(signal.SIGCONT)
    works.await_movement(monotonic_ms(), HEALED_S)
    return last_ms - beat_ms, float(said.split()[0]) - beat_ms
