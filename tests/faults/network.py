"""A bad network between daemon, broker and gate: late, double, turned round, half-open, lossy."""

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from edge.config import MqttConfig
from edge.gate.clock import DRIFT
from edge.wire.mqtt import monotonic_ms
from tests.conftest import Mosquitto, free_port
from tests.faults.audit import CLOCK_MS, audit
from tests.faults.kills import HEALED_S, SEED
from tests.faults.proxy import Proxy, Trouble
from tests.faults.table import Figure
from tests.faults.works import Works

PROMISE = "0 twice, 0 late, all answered"
BAD_S = (1.5, 5.0)
"""How long the network is bad at a time."""
CALM_S = 1.0
LOSS = 0.2
Episode = Callable[[random.Random], Trouble]

# What is done to the network, and how often the gate's words show that it came through.
TROUBLES: dict[str, Episode] = {
    "delay": lambda draw: Trouble(delay_s=draw.uniform(0, 5)),
    "duplicates": lambda _draw: Trouble(duplicate=0.3),
    "reordering": lambda _draw: Trouble(turn=0.3),
    "all-three": lambda draw: Trouble(delay_s=draw.uniform(0, 0.3), duplicate=0.3, turn=0.3),
    "half-open": lambda _draw: Trouble(silent=True),
}
SIGNS: dict[str, Callable[[str], int]] = {
    "delay": lambda words: len(re.findall(r" in=1?\d?\dms| expired | rejected ", words)),
    "duplicates": lambda words: words.count(" duplicate "),
    "reordering": lambda words: _overtaken(words),  # noqa: PLW0108 - it stands below
    "all-three": lambda words: min(words.count(" duplicate "), _overtaken(words)),
    "half-open": lambda words: words.partition(" state ready")[2].count(" state safe "),
}
WORDS = {
    "delay": "delay 0-5 s",
    "duplicates": "duplicates",
    "reordering": "reordering",
    "all-three": "delay, duplicates and reordering",
    "half-open": "half-open",
}


def trouble(folder: Path, *, kind: str, decisions: int, longest_s: float) -> list[Figure]:
    """One of TROUBLES again and again; one time in four for `longest_s`."""
    draw, broker = random.Random(SEED), Mosquitto(folder).start()
    with Proxy(broker.port, 1) as up, Proxy(broker.port, 2) as down:
        ways = {"mqtt": MqttConfig(port=up.port), "gate_mqtt": MqttConfig(port=down.port)}
        with Works(folder, broker, rows=3 * decisions + 5000, **ways) as works:
            works.start()
            back_s = [0.0]
            while works.count() < decisions:
                bad = draw.choice(((up,), (down,), (up, down)))
                for proxy in bad:
                    proxy.trouble = TROUBLES[kind](draw)
                time.sleep(longest_s if draw.random() < 0.25 else draw.uniform(*BAD_S))
                back_s.append(_heal(works, bad, draw))
                time.sleep(CALM_S)
            answered_s = works.end_camera()
            # With no quick message in two bad times, one after the other, the clocks may have come apart.
            found = audit(works.ledger(), works.movements(), CLOCK_MS + 2 * longest_s * 1000 * DRIFT)
            seen = SIGNS[kind]("\n".join(works.said("gate")))
    measured = f"{found}, {answered_s:.1f} s after the last; seen {seen} times; back after at most {max(back_s):.1f} s"
    ok = found.sound and seen > 0 and max(back_s) <= HEALED_S
    return [Figure(WORDS[kind], f"{PROMISE}, back ≤ {HEALED_S:.0f} s", measured, ok)]


def _overtaken(words: str) -> int:
    """Decisions that came after a later one."""
    return sum(int(later) < int(earlier) for earlier, later in pairwise(re.findall(r" planned seq=(\d+)", words)))


def _heal(works: Works, bad: tuple[Proxy, ...], draw: random.Random) -> float:
    """The network is good again; what it held comes now, or is lost with its connection. Seconds to a movement."""
    for proxy in bad:
        if proxy.trouble.silent and draw.random() < 0.5:
            proxy.cut()
        proxy.trouble = Trouble()
    healed_ms = monotonic_ms()
    return (works.await_movement(healed_ms, 3 * HEALED_S) - healed_ms) / 1000


def loss(folder: Path, *, seconds: float) -> list[Figure]:
    """The gate in a network namespace whose cable loses a fifth of all packets."""
    fault = f"{LOSS:.0%} of packets lost, in a network namespace"
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("nft")):
        return [Figure(fault, PROMISE, "needs root, ip and nft", ok=None)]
    with _cable() as (name, near, drop):
        far = MqttConfig(host=near, port=free_port())
        broker = Mosquitto(folder, f"allow_anonymous true\nlistener {far.port} {near}").start()
        with Works(folder, broker, gate_mqtt=far, gate_prefix=("ip", "netns", "exec", name)) as works:
            works.start()
            drop(LOSS)
            time.sleep(seconds)
            lost = drop(0.0)
            healed_ms = monotonic_ms()
            back_s = (works.await_movement(healed_ms, 3 * HEALED_S) - healed_ms) / 1000
            answered_s = works.end_camera()
            found = audit(works.ledger(), works.movements())
    measured = f"{found}, {answered_s:.1f} s after the last; {lost} packets lost; back after {back_s:.1f} s"
    ok = found.sound and lost > 0 and back_s <= HEALED_S
    return [Figure(fault, f"{PROMISE}, back ≤ {HEALED_S:.0f} s", measured, ok)]


@contextlib.contextmanager
def _cable() -> Iterator[tuple[str, str, Callable[[float], int]]]:
    """A network namespace, our end's address, and what sets the share of packets that the far end loses.

    It returns how many were lost until now.
    """
    name, net = f"sortline{os.getpid()}", f"10.{66 + os.getpid() % 100}.{os.getpid() // 256 % 256}"
    near, inside = f"{name[-8:]}n", ["ip", "netns", "exec", name]

    def drop(share: float) -> int:
        rules = f"numgen random mod 1000 < {round(share * 1000)} counter drop"
        before = subprocess.run([*inside, "nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
        _run(*inside, "nft", "flush", "ruleset")
        if share:
            for command in ("add table ip lossy", "add chain ip lossy in { type filter hook input priority 0; }"):
                _run(*inside, "nft", command)
            _run(*inside, "nft", f"add rule ip lossy in {rules}")
        return sum(map(int, re.findall(r"counter packets (\d+)", before)))

    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", "far", "netns", name)
        for command in (f"ip address add {net}.1/30 dev {near}", f"ip link set {near} up"):
            _run(*command.split())
        for command in (f"ip address add {net}.2/30 dev far", "ip link set far up", "ip link set lo up"):
            _run(*inside, *command.split())
        yield name, f"{net}.1", drop
    finally:
        subprocess.run(["ip", "link", "delete", near], check=False, stderr=subprocess.DEVNULL)
        _run("ip", "netns", "delete", name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)
