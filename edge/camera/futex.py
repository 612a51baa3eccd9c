"""Sleeping until a word in shared memory changes: Linux's futex(2), for which Python has no call of its own."""

import ctypes
import platform
import time

_NUMBER = {"x86_64": 202, "aarch64": 98}.get(platform.machine()) if ctypes.sizeof(ctypes.c_long) == 8 else None
"""Of the system call; elsewhere whoever waits looks again and again."""
_WAIT, _WAKE = 0, 1
_EVERYBODY = 2**31 - 1
_LOOK_AGAIN_S = 0.0005

_libc = ctypes.CDLL(None)
_libc.syscall.restype = ctypes.c_long


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def wait_while(address: int, word: int, timeout_s: float) -> None:
    """Sleep for `timeout_s` at most while the 32 bits at `address` are `word`; it may end early for no reason.

    `address`: a multiple of 4 in memory that both processes have mapped, readable. Whoever changes the word wakes.
    """
    if _NUMBER is None:
        time.sleep(min(timeout_s, _LOOK_AGAIN_S))
        return
    seconds, rest_s = divmod(max(0.0, timeout_s), 1)
    limit = _Timespec(int(seconds), int(rest_s * 1e9))
    _libc.syscall(
        ctypes.c_long(_NUMBER), ctypes.c_void_p(address), _WAIT, ctypes.c_uint32(word & 0xFFFFFFFF), ctypes.byref(limit)
    )


def wake(address: int) -> None:
    """Wake everybody who waits for the word at `address`, which has changed."""
    if _NUMBER is not None:
        _libc.syscall(ctypes.c_long(_NUMBER), ctypes.c_void_p(address), _WAKE, _EVERYBODY, None)
