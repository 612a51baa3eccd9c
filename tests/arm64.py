"""Run by `make arm64`: the wheels of a 64-bit Arm device install, and the golden self-test passes there, emulated.

No container and no root: Debian's Python for arm64 is unpacked, not installed, and runs under qemu's user emulation. It
proves correctness only: an emulated picture takes seconds.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "deploy" / "bundles" / "waste4.bundle"
QEMU = "qemu-aarch64-static"
PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in range(39, 16, -1)), "manylinux2014_aarch64")
EXTRAS = "cpu,tflite"
LIMIT_S = 3000
PROCESSOR = """\
processor\t: {number}
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""
"""A Neoverse N1, which has the int8 dot products of newer Jetsons and Raspberry Pis."""

SELF_TEST = """
import platform, sys
from pathlib import Path
from edge.bundle.bundle import open_bundle
from edge.engine.engine import open_classifier
from edge.engine.runtimes import on_processor
from edge.engine.litert import tflite_runtime
import cv2, cryptography.hazmat.primitives.asymmetric.ed25519, paho.mqtt.client

bundle = open_bundle(Path(sys.argv[1]))
for variant in bundle.manifest.variants:
    if variant.provider == "cpu":
        open_classifier(bundle, variant, on_processor(variant), threads=1)
        print(f"{platform.machine()}: {variant.file} of {bundle.manifest.id} passes its golden self-test", flush=True)
print(f"{platform.machine()}: {tflite_runtime().__name__} imports", flush=True)
"""


def main() -> None:
    """Unpack a Python for arm64, install the device's wheels beside it, and run the self-test in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?", default=SHIPPED)
    bundle = parser.parse_args().bundle.resolve()
    with tempfile.TemporaryDirectory(prefix="sortline-arm64-") as name:
        folder = Path(name)
        version = _run(["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
        tree = _unpacked(folder, f"python{version}")
        site = _installed(folder, version)
        emulated = [QEMU, "-L", tree, "-E", f"PYTHONPATH={site}", "-E", f"PYTHONHOME={tree}/usr"]
        program = [tree / "usr" / "bin" / f"python{version}", "-c", SELF_TEST, bundle]
        subprocess.run([*emulated, *program], cwd=folder, check=True, timeout=LIMIT_S)


def _unpacked(folder: Path, python: str) -> Path:
    """The root of a Debian for arm64 with this Python: its packages' files and nothing run."""
    lists, packages, tree = folder / "lists", folder / "packages", folder / "tree"
    for made in (lists / "partial", packages, tree):
        made.mkdir(parents=True)
    apt = ["-qq", "-oAPT::Architecture=arm64", "-oAPT::Architectures=arm64", f"-oDir::State::Lists={lists}"]
    apt += ["-oAPT::Sandbox::User=", "-oDebug::NoLocking=1", f"-oDir::Cache={folder}"]
    _run(["apt-get", *apt, "update"])
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    wanted = [python, f"lib{python}-stdlib", "libstdc++6"]
    needed = _run(["apt-cache", *apt, "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), *wanted])
    names = sorted({line for line in needed.splitlines() if line[:1].isalnum()})
    _run(["apt-get", *apt, "download", *names], cwd=packages)
    for package in packages.glob("*.deb"):
        _run(["dpkg-deb", "--extract", package, tree])
    _tell_processors(tree)
    return tree


def _tell_processors(tree: Path) -> None:
    """/proc/cpuinfo of an Arm machine: onnxruntime crashes over this one's, which qemu would show it."""
    (tree / "proc").mkdir(exist_ok=True)
    told = [PROCESSOR.format(number=number) for number in range(os.cpu_count() or 1)]
    (tree / "proc" / "cpuinfo").write_text("\n".join(told), encoding="ascii")


def _installed(folder: Path, version: str) -> Path:
    """A folder with sortline and what a device needs, as wheels for arm64."""
    pip, site = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"], folder / "site"
    source = folder / "source"  # a copy: building leaves its traces where the source is
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "deploy"))
    _run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source])
    wheel = next(folder.glob("sortline-*.whl"))
    target = ["--target", site, "--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    constraint = ["--constraint", ROOT / "constraints.txt"]
    _run([*pip, "install", *target, *platforms, *constraint, f"{wheel}[{EXTRAS}]"])
    return site


def _run(command: list[str | Path], cwd: Path | None = None) -> str:
    """What it prints; leaves with its errors when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:4]))}…: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
