"""A word in shared memory wakes another process."""

import mmap
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from edge.camera.futex import wait_while, wake

WORD = struct.Struct("=i")
AT = 24
LONG_S = 60.0
WAITER = f"""
import mmap, pathlib, sys
import numpy as np
from edge.camera.futex import wait_while
with pathlib.Path(sys.argv[1]).open("rb") as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
print("waiting", flush=True)
wait_while(np.frombuffer(memory, np.uint8).ctypes.data + {AT}, 7, {LONG_S})
print(int.from_bytes(memory[{AT}:{AT + 4}], sys.byteorder))
"""


def shared(path: Path) -> tuple[mmap.mmap, int]:
    """A page with 7 in the word, and the word's address."""
    path.write_bytes(bytes(AT) + WORD.pack(7) + bytes(4096 - AT - 4))
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    return memory, int(np.frombuffer(memory, np.uint8).ctypes.data) + AT


def test_another_process_that_only_reads_is_woken(tmp_path: Path) -> None:
    """It would sleep for a minute: it wakes long before, and finds the new word."""
    memory, address = shared(tmp_path / "page")
    began_s = time.monotonic()
    command = [sys.executable, "-c", WAITER, str(tmp_path / "page")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiter:
        assert waiter.stdout
        assert waiter.stdout.readline() == "waiting\n"
        while not _sleeps_on_a_futex(waiter.pid):
            time.sleep(0.01)
        WORD.pack_into(memory, AT, 8)
        wake(address)
        said = waiter.stdout.read()

    assert said == "8\n"
    assert time.monotonic() - began_s < LONG_S / 2


def test_nobody_sleeps_on_a_word_that_has_changed(tmp_path: Path) -> None:
    """Between the look at it and the sleep: the wake would have gone to nobody."""
    memory, address = shared(tmp_path / "page")
    WORD.pack_into(memory, AT, 8)
    began_s = time.monotonic()

    wait_while(address, 7, LONG_S)

    assert time.monotonic() - began_s < LONG_S / 2


def test_the_word_is_the_lower_half_of_a_counter(tmp_path: Path) -> None:
    """Which may have grown past 32 bits; and a sleep ends by itself when nothing changes."""
    _memory, address = shared(tmp_path / "page")
    counter = (3 << 32) + 7
    began_s = time.monotonic()

    wait_while(address, counter, 0.2)

    assert time.monotonic() - began_s >= 0.19


def _sleeps_on_a_futex(pid: int) -> bool:
    """By the number of the system call that it is in."""
    call = Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()[0]
    return call == {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine, call)
