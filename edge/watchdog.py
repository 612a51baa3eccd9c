"""Tells systemd that the service is ready and that it makes progress."""

# Written here: sdnotify's last release is of 2017, systemd-python must be compiled against libsystemd.

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping


class ServiceNotifier:
    """sd_notify(3) over NOTIFY_SOCKET; does nothing where there is no such socket."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads NOTIFY_SOCKET (a path, or an abstract name after "@") and WATCHDOG_USEC."""
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._interval_s = int(environment.get("WATCHDOG_USEC", "0")) / 4e6
        self._now_s = now_s
        self._next_s = 0.0

    def ready(self, status: str) -> None:
        """The service is up."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def progress(self) -> None:
        """Call after each step of real work, and only there: feeds the watchdog at most four times per its time."""
        now_s = self._now_s()
        if self._interval_s and now_s >= self._next_s:
            self._next_s = now_s + self._interval_s
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        self._send(f"STATUS={_one_line(text)}")

    def stopping(self) -> None:
        """The service is going down on purpose."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A supervisor that is gone or busy must not stop the belt; a missed WATCHDOG=1 says enough by itself.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.setblocking(False)
            speaker.sendto(message.encode(), self._address)


def _one_line(text: str) -> str:
    return " ".join(text.split())
