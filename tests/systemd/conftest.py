"""A real systemd in a container over this machine's own files, without their network; gone when the test ends."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
DEBIANS_PYTHON = Path("/usr/bin/python3")
BOOT_S = 20.0
COMMAND_S = 60.0

# /run: systemd-nspawn's own locks stay inside. The overlay takes what systemd and the test write; it is in memory.
BOOT = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/merged"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/merged"
cd "$1/merged"
rm -rf opt/sortline etc/sortline var/lib/sortline var/lib/private/sortline
cp -a "$2/." "$1/merged/"
: > "$1/merged/etc/machine-id"
mount -t tmpfs tmpfs /run
exec systemd-nspawn -D "$1/merged" --bind-ro="$3:/opt/sortline/packages" --bind-ro="$4:/opt/sortline/source" \
    --register=no --keep-unit --console=pipe --private-network --kill-signal=SIGRTMIN+3 -b systemd.unit=test.target
"""
TARGET = "[Unit]\nRequires=basic.target\nAfter=basic.target\n"
PROGRAM = "#!/opt/sortline/bin/python3\nfrom edge.__main__ import main\nmain()\n"


class Machine:
    """A booted systemd. Files below `tree` are there from the start."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self._folder = folder
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def boot(self) -> Self:
        """Returns when its systemd answers; skips the test where no systemd can be booted."""
        _write(self.tree / "etc/systemd/system/test.target", TARGET)
        base = self._folder / "base"
        base.mkdir()
        packages = sysconfig.get_paths()["purelib"]
        with (self._folder / "console").open("wb") as console:
            self._nspawn = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", BOOT, "boot", base, self.tree, packages, ROOT],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        deadline = time.monotonic() + BOOT_S
        while not self._answers():
            if self._nspawn.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "console").read_text(errors="replace").strip()
                self.power_off()
                pytest.skip(f"no systemd boots in a container of this machine: {said[-300:]}")
            time.sleep(0.1)
        return self

    def run(self, *command: str) -> str:
        """Standard output of a command inside, as its root; what it says besides and its status are dropped."""
        enter = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "--"]
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, timeout=COMMAND_S, check=False
        ).stdout.strip()

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit)

    def power_off(self) -> None:
        """All of it is gone when this returns."""
        if self._nspawn:
            self._nspawn.terminate()
            try:
                self._nspawn.wait(BOOT_S)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()

    def _answers(self) -> bool:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        leader = children.read_text().split() if children.exists() else []
        if not leader or not Path("/proc", leader[0], "root/run/systemd/private").exists():
            return False
        self._leader = int(leader[0])
        return self.run("systemctl", "is-active", "test.target") == "active"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with sortline installed at /opt/sortline as the unit expects it; not yet booted."""
    _skip_unless_bootable()
    one = Machine(tmp_path)
    _install_sortline(one.tree / "opt/sortline")
    yield one
    one.power_off()


@pytest.fixture
def write() -> Callable[[Path, str], None]:
    """Write a text file and the folders above it."""
    return _write


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _skip_unless_bootable() -> None:
    if os.geteuid() != 0:
        pytest.skip("booting a systemd needs root")
    for program in ("systemd-nspawn", "nsenter", "unshare", "mosquitto"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            pytest.skip(f"booting a systemd needs {program}: apt-get install systemd-container mosquitto")
    asked = [DEBIANS_PYTHON, "-c", "import json, sys; print(json.dumps(sys.version_info[:2]))"]
    if not DEBIANS_PYTHON.exists() or json.loads(subprocess.check_output(asked)) != list(sys.version_info[:2]):
        pytest.skip(f"the service needs a Python outside of home folders: {DEBIANS_PYTHON} of this version")


def _install_sortline(environment: Path) -> None:
    """An environment of the system's Python that has this environment's packages and this source."""
    subprocess.run([DEBIANS_PYTHON, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python3.*/site-packages")
    (site / "sortline.pth").write_text("/opt/sortline/source\n/opt/sortline/packages\n")
    (environment / "bin/sortline-edge").write_text(PROGRAM)
    (environment / "bin/sortline-edge").chmod(0o755)
    (environment / "source").mkdir()
    (environment / "packages").mkdir()
