import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.watchdog import ServiceNotifier

WATCHDOG_S = 0.25


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The socket that systemd listens on, and its name in NOTIFY_SOCKET; a file or a name without one."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(name if request.param == "path" else "\0" + name)
        ears.setblocking(False)
        yield ears, name if request.param == "path" else "@" + name


def heard(ears: socket.socket) -> list[str]:
    """All that has arrived."""
    messages = []
    while True:
        try:
            messages.append(ears.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_says_what_happens(systemd: tuple[socket.socket, str]) -> None:
    """Ready, status and stopping arrive as sd_notify(3) writes them, each status on one line."""
    ears, name = systemd
    service = ServiceNotifier({"NOTIFY_SOCKET": name})

    service.ready("line l1\nREADY=0")
    service.status("12 items")
    service.stopping()

    assert heard(ears) == ["READY=1\nSTATUS=line l1 READY=0", "STATUS=12 items", "STOPPING=1"]


def test_watchdog_is_fed_by_progress_only(systemd: tuple[socket.socket, str]) -> None:
    """Without progress nothing is sent; with much of it, four times per watchdog time at most."""
    ears, name = systemd
    now_s = 100.0
    service = ServiceNotifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}, lambda: now_s)

    service.ready("up")
    silent = heard(ears)
    fed = []
    for _step in range(1024):
        now_s += 1 / 1024
        service.progress()
        fed += heard(ears)

    assert silent == ["READY=1\nSTATUS=up"]
    assert fed == ["WATCHDOG=1"] * 16


def test_progress_without_watchdog_is_silent(systemd: tuple[socket.socket, str]) -> None:
    """A unit without WatchdogSec is not told about progress."""
    ears, name = systemd

    ServiceNotifier({"NOTIFY_SOCKET": name}).progress()

    assert heard(ears) == []


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "1"}])
def test_service_runs_without_systemd(environment: dict[str, str]) -> None:
    """Started from a shell, or with a supervisor that is gone, the service only stays unheard."""
    service = ServiceNotifier(environment)

    service.ready("up")
    service.progress()
    service.stopping()
