"""What a device's own machine may do to it: a wall clock that jumps, a disk that is full, a power cut."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

from edge.wire.mqtt import monotonic_ms
from tests.conftest import Mosquitto, fill
from tests.faults.audit import audit
from tests.faults.kills import HEALED_S
from tests.faults.table import Figure
from tests.faults.works import Works

YEARS_S = 10 * 365 * 86_400
JUMPS_S = (-3_600, -YEARS_S, YEARS_S, 0)
"""Offsets of the wall clock from the true one, one after the other."""
WALL_CLOCK = Path(__file__).with_name("wall_clock.c")
DISK_MIB = 16
DISK_TESTS = Path(__file__).parents[1] / "edge" / "ledger" / "test_ledger_disk.py"


def clock(folder: Path, *, seconds: float) -> list[Figure]:
    """Daemon and gate see the jumps; so long at each."""
    fault = "clock set back an hour, ±10 years"
    if (compiler := shutil.which("cc")) is None:
        return [Figure(fault, "0 early, 0 late, 0 restarts", "needs a C compiler", ok=None)]
    library, offset = folder / "wall_clock.so", folder / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, WALL_CLOCK], check=True)
    offset.write_bytes(struct.pack("=q", 0))
    false = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(offset)}
    prefix = ("env", *(f"{name}={value}" for name, value in false.items()))
    with Works(folder, Mosquitto(folder).start(), daemon_environment=false, gate_prefix=prefix) as works:
        works.start()
        for jump_s in JUMPS_S:
            with offset.open("r+b") as file:
                file.write(struct.pack("=q", jump_s))
            time.sleep(seconds)
            works.await_movement(monotonic_ms(), HEALED_S)
        works.check()
        works.end_camera()
        entries, found = works.ledger(), audit(works.ledger(), works.movements())
    years = sorted({entry.decision.captured_at[:4] for entry in entries})
    boots = {entry.decision.boot for entry in entries}
    measured = f"{found}; {len(boots) - 1} restarts; years {', '.join(years)}"
    ok = found.sound and len(boots) == 1 and len(years) == 3
    return [Figure(fault, "0 early, 0 late, 0 restarts", measured, ok)]


def full_disk(folder: Path, *, seconds: float) -> list[Figure]:
    """Not a byte is left while the daemon sorts, nor when it starts anew."""
    fault, promise = "full disk", "ring goes on"
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
        return [Figure(fault, promise, "needs root", ok=None)]
    try:
        with Works(folder, Mosquitto(folder).start(), rows=1_000, ledger=disk / "ledger.db") as works:
            works.start()
            fill(disk)
            before = works.newest_seq()
            time.sleep(seconds)
            works.kill("daemon")
            works.restart("daemon")
            works.await_movement(monotonic_ms(), HEALED_S)
            time.sleep(seconds)
            works.end_camera()
            entries = works.ledger()
            kept = {(entry.decision.boot, entry.decision.seq) for entry in entries}
            found = audit(entries, [moved for moved in works.movements() if (moved.boot, moved.seq) in kept])
            free = os.statvfs(disk).f_bavail
            words = [line for line in works.said("daemon") if "ledger" in line]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    measured = (
        f"{entries[-1].decision.seq - before} numbers on, newest {found}; {len(words)} complaints, {free} blocks free"
    )
    return [Figure(fault, promise, measured, found.sound and found.moved > 0 and not words and free == 0)]


def power_cuts(_folder: Path, *, cuts: int) -> list[Figure]:
    """The ledger's own test: the write-ahead log is cut everywhere, and each time a new run starts from it."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "power_cut", str(DISK_TESTS)]
    environment = {**os.environ, "SORTLINE_POWER_CUTS": str(cuts)}
    done = subprocess.run([*command, "--timeout", "7200"], env=environment, capture_output=True, text=True, check=False)
    passed = done.returncode == 0 and re.search(r"\b1 passed", done.stdout) is not None
    measured = f"{cuts} cuts, {'0 inconsistent' if passed else done.stdout.strip().splitlines()[-1]}"
    return [Figure("power cut (every WAL prefix)", "0 inconsistent", measured, passed)]
