import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.sim.scene import Scene

UNIT = Path(__file__).parents[2] / "systemd/sortline-edge@.service"
SERVICE = "sortline-edge@line1"
EXPOSURE = 20
"""Of 100, as systemd-analyze counts: its "OK" begins at 50."""

LINE = """\
line = "line1"
bundle = "/opt/sortline/source/deploy/bundles/waste4.bundle"
[camera]
source = "/srv/pictures"
loop = true
[belt]
direction = "right"
speed_mm_s = 400
mm_per_px = 2.0
line_mm = 320
[ledger]
path = "/var/lib/sortline/line1/ledger.db"
rows = 1000
[gates]
kitchen.distance_mm = 600
recyclable.distance_mm = 600
other.distance_mm = 600
hazardous.distance_mm = 600
reject.distance_mm = 600
"""
FPS = 30
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - looked at, not written
BROKER = "listener 1883 127.0.0.1\nuser root\nallow_anonymous true\n"
LAST_STATUS = """
import paho.mqtt.subscribe
print(paho.mqtt.subscribe.simple("sortline/line1/status", hostname="127.0.0.1").payload.decode())
"""

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")


@needs_analyze
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Every key is known and every value means something."""
    unit = tmp_path / "sortline-edge@line1.service"
    unit.write_text(UNIT.read_text().replace("/opt/sortline/bin/sortline-edge", sys.executable))

    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert verified.returncode == 0
    assert str(unit) not in verified.stderr, "verify exits 0 on unknown keys, and says so"


@needs_analyze
def test_the_service_may_do_little() -> None:
    """What systemd counts as exposed stays under the threshold."""
    judge = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", UNIT]

    judged = subprocess.run(judge, capture_output=True, text=True, check=False)

    assert judged.returncode == 0, judged.stdout[-200:]


def test_the_unit_holds_the_daemon_under_a_real_systemd(
    machine: Any, write: Callable[[Path, str], None], eventually: Callable[..., None]
) -> None:
    """Ready, sandboxed, started again after a hang and a kill, stopped cleanly, and not restarted on a mistake."""
    render(machine.tree / "srv/pictures")
    write(machine.tree / "etc/systemd/system" / UNIT.name, UNIT.read_text())
    write(machine.tree / "etc/sortline/line1.toml", LINE)
    write(machine.tree / "etc/sortline/wrong.toml", f"{LINE}[nonsense]\n")
    write(machine.tree / "etc/mosquitto/test.conf", BROKER)
    machine.boot().run("systemd-run", "--property=Type=notify", "/usr/sbin/mosquitto", "-c", "/etc/mosquitto/test.conf")

    def restarted(times: int) -> bool:
        return machine.show(SERVICE, "NRestarts") == str(times) and machine.show(SERVICE, "ActiveState") == "active"

    machine.run("systemctl", "start", SERVICE)
    log = machine.run("journalctl", "-o", "cat", "-u", SERVICE)
    assert machine.show(SERVICE, "ActiveState") == "active", log
    assert "state online" in log
    assert "[W:onnxruntime" not in log, "it complains of nothing that the sandbox hides"

    main = machine.show(SERVICE, "MainPID")
    status = machine.run("cat", f"/proc/{main}/status")
    assert "Uid:\t0" not in status
    assert "CapEff:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    mounted = machine.run("nsenter", "-t", main, "-m", "cat", "/proc/self/mounts")
    assert " / overlay ro," in mounted
    assert machine.run("ls", "/var/lib/sortline/line1/ledger.db")
    assert machine.run("ls", SHARED_MEMORY).endswith(".frames")

    for times, signal in ((1, "STOP"), (2, "KILL")):
        machine.run("kill", f"-{signal}", machine.show(SERVICE, "MainPID"))
        eventually(partial(restarted, times), timeout_s=30)

    machine.run("systemctl", "stop", SERVICE)
    last = json.loads(machine.run("/opt/sortline/bin/python3", "-c", LAST_STATUS))
    assert (last["state"], last["reasons"]) == ("stopped", ["signal"])
    assert machine.show(SERVICE, "Result") == "success"
    assert machine.run("ls", SHARED_MEMORY) == ""

    machine.run("systemctl", "start", "sortline-edge@wrong")
    time.sleep(3)  # longer than RestartSec
    found = [machine.show("sortline-edge@wrong", name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
    assert found == ["failed", "78", "0"]


def render(folder: Path) -> None:
    """Two items that pass the camera, as numbered pictures."""
    folder.mkdir(parents=True)
    scene = Scene(2, width_px=320, height_px=240, mm_per_px=2.0, lead_s=1.0)
    for number in range(round(scene.duration_s * FPS)):
        picture = cv2.cvtColor(scene.frame(number / FPS), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:05}.jpg"), picture)
