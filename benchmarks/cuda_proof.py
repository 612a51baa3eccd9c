"""Proof that it was the graphics card: by onnxruntime's own profile, by nvidia-smi, and by hiding the card."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuda_ways import PLAIN, Model, pictures_of

from edge.engine.engine import Engine
from edge.engine.onnx_cuda import WARM_UP
from edge.engine.onnx_session import CPU, CUDA, onnxruntime, open_session
from edge.errors import Unavailable


def proof(model: Model) -> dict[str, Any]:
    """Which provider ran how many nodes, by onnxruntime's own profile, and what nvidia-smi sees of this process."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime().SessionOptions()
        options.enable_profiling, options.profile_file_prefix = True, f"{folder}/profile"
        session = open_session(model.content, model.provider, options, {} if model.provider == CPU else PLAIN)
        feed = {session.get_inputs()[0].name: pictures_of(1, model.size)}
        for _ in range(WARM_UP):
            session.run(None, feed)
        seen = _nvidia_smi()
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    counts: dict[str, int] = {}
    for event in events:
        if provider := event.get("args", {}).get("provider"):
            counts[provider] = counts.get(provider, 0) + 1
    print(f"nodes run by provider: {counts}; this process is {os.getpid()}; nvidia-smi: {seen}")
    return {"all on the card": set(counts) == {CUDA}, "nodes by provider": counts, "nvidia-smi": seen}


def _nvidia_smi() -> list[str]:
    """The card, its memory and load, and the processes on it."""
    return [
        line
        for query in ("--query-gpu=name,memory.used,utilization.gpu", "--query-compute-apps=pid,used_memory")
        for line in _said(["nvidia-smi", query, "--format=csv,noheader"])
    ]


def _said(command: list[str]) -> list[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        return [f"{command[0]}: {error}"]


def refusal(program: str, bundle: Path) -> dict[str, Any]:
    """With the card hidden, the engine that was asked for CUDA must not open: exit status 69, one line."""
    done = subprocess.run(
        [sys.executable, program, str(bundle), "--only-open"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stderr.strip() or done.stdout.strip()).splitlines() or [""]
    print(f"CUDA_VISIBLE_DEVICES= : exit status {done.returncode}, {said[-1]}")
    refused = done.returncode == Unavailable.exit_status
    return {"refused": refused, "exit status": done.returncode, "said": said[-1]}


def soak(engine: Engine, pictures: Any, seconds: float) -> dict[str, Any]:
    """Memory of the process and of the card at ten moments."""
    samples = list(_samples(engine, pictures, seconds))
    for at_s, calls, resident_mb, card in samples:
        print(f"after {at_s:.0f} s: {calls} calls, {resident_mb} MB, {card}")
    return {"samples": samples}


def _samples(engine: Engine, pictures: Any, seconds: float) -> Iterator[tuple[float, int, float, list[str]]]:
    began_s, calls = time.monotonic(), 0
    for tenth in range(1, 11):
        while time.monotonic() < began_s + seconds * tenth / 10:
            engine(pictures)
            calls += 1
        status = Path("/proc/self/status").read_text(encoding="ascii")
        rss_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        yield time.monotonic() - began_s, calls, round(rss_kb / 1024, 1), _nvidia_smi()
