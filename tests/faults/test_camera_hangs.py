import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("camera_hangs.py")
HAS = {
    "rtsp": ["/usr/bin/python3", "-c", "import numpy, gi; gi.require_version('GstRtspServer', '1.0')"],
    "gige": [sys.executable, "-c", "import ctypes; ctypes.CDLL('libaravis-0.8.so.0')"],
}
KINDS = 3


@pytest.mark.skipif(os.geteuid() != 0, reason="a cable that can be pulled is a network namespace, which needs root")
@pytest.mark.parametrize("protocol", HAS)
def test_a_camera_that_hangs_is_seen_and_comes_back(protocol: str) -> None:
    """Stopped, unplugged, its process killed: each is noticed, frames return, none of them old."""
    if subprocess.run(HAS[protocol], capture_output=True, check=False).returncode:
        pytest.skip(f"no {protocol} camera here: make cameras installs what it needs")

    done = subprocess.run(
        [sys.executable, DRIVER, "--hangs", str(KINDS), "--protocols", protocol],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.stdout, done.stderr
    hangs = json.loads(done.stdout)["hangs"]
    assert len({hang["fault"] for hang in hangs}) == KINDS
    assert not [hang for hang in hangs if hang["old"]]
