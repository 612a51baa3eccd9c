"""A broker that is away for long, and a day of sorting: nothing may grow, wait or be sent too late."""

import re
import signal
import time
from pathlib import Path

import msgspec

from edge.ledger.reader import Entry
from edge.metrics import percentiles
from edge.wire.messages import Percentiles
from edge.wire.mqtt import monotonic_ms
from tests.conftest import Listener, Mosquitto
from tests.faults.audit import audit
from tests.faults.kills import HEALED_S
from tests.faults.table import Figure
from tests.faults.works import Works

GROWTH_MIB = 2.0
SLACK_MS = 0.25
"""Of the way of a frame: so differently it comes out when it is measured twice."""


def broker_away(folder: Path, *, before_s: float, away_s: float, percentile: str, way: float) -> list[Figure]:
    """Gone and back, empty. `way`: how many times as long a frame's way may be meanwhile, in that percentile."""
    fault = f"broker away {away_s:.0f} s"
    with Works(folder, Mosquitto(folder).start(), rows=round((before_s + away_s + 60) * 150)) as works:
        works.start()
        time.sleep(before_s)
        calm_mib, gone_ms = _memory_mib(works, "daemon"), monotonic_ms()
        works.kill("broker")
        time.sleep(away_s)
        grown_mib = _memory_mib(works, "daemon") - calm_mib
        works.restart("broker")
        healed_ms = monotonic_ms()
        with Listener(works.broker.host, works.broker.port, "sortline/+/decision/+") as listener:
            back_s = (works.await_movement(healed_ms, 3 * HEALED_S) - healed_ms) / 1000
            works.end_camera()
            heard = listener.all_within(0.2)
        entries, found = works.ledger(), audit(works.ledger(), works.movements())
    stale = [message for message in heard if msgspec.json.decode(message.payload)["t_ms"] < healed_ms]
    calm, away = (_way_ms(entries, *span) for span in ((0, gone_ms), (gone_ms, healed_ms)))
    return [
        Figure(
            fault,
            f"way of a frame unchanged ({percentile} ≤ {way:g} x)",
            f"p50 {calm.p50:.2f} -> {away.p50:.2f} ms, p99 {calm.p99:.2f} -> {away.p99:.2f} ms",
            getattr(away, percentile) <= getattr(calm, percentile) * way + SLACK_MS,
        ),
        Figure(fault, f"memory ≤ +{GROWTH_MIB:g} MiB", f"{grown_mib:+.2f} MiB", grown_mib <= GROWTH_MIB),
        Figure(fault, f"caught up ≤ {HEALED_S:.0f} s", f"{back_s:.1f} s; {found}", back_s <= HEALED_S and found.sound),
        Figure(fault, "nothing stale sent", f"{len(stale)} of {len(heard)} decisions heard", bool(heard) and not stale),
    ]


def day(folder: Path, *, decisions: int, rate: float, warm: int, growth: float) -> list[Figure]:
    """So many decisions as fast as they come, in a ring that goes round many times; memory may grow by `growth`.

    Before, `warm` more: a gate remembers 4,096, a daemon keeps as many times of each stage, and the allocator settles.
    Amid them the gate stands still for a while: as much has waited for it then as may ever wait.
    A leak goes on, where room that a busy machine's stall takes is taken once: the calmer half tells, counted twice.
    """
    fault = f"{decisions} decisions"
    with Works(folder, Mosquitto(folder).start(), rows=2_000, rate=rate) as works:
        works.start()
        first = works.newest_seq()
        _await(works, first + warm // 2)
        works.process("gate").send_signal(signal.SIGSTOP)
        time.sleep(STILL_S)
        works.process("gate").send_signal(signal.SIGCONT)
        _await(works, first + warm)
        began, began_s, calm = works.newest_seq(), time.monotonic(), {name: _size(works, name) for name in WATCHED}
        _await(works, first + warm + decisions // 2)
        halfway = {name: _size(works, name) for name in WATCHED}
        _await(works, first + warm + decisions)
        speed = (works.newest_seq() - began) / (time.monotonic() - began_s)
        after = {name: _size(works, name) for name in WATCHED}
    return [_steady(f"{fault}: {name}", calm[name], halfway[name], after[name], speed, growth) for name in WATCHED]


WATCHED = ("daemon", "gate")
STILL_S = 5.0


def _steady(fault: str, calm: "Size", halfway: "Size", after: "Size", speed: float, growth: float) -> Figure:
    grown_mib = 2 * min(halfway.mib - calm.mib, after.mib - halfway.mib)
    return Figure(
        fault,
        f"memory ≤ +{growth:.0%}, descriptors and threads constant",
        f"{calm.mib:.1f} -> {halfway.mib:.1f} -> {after.mib:.1f} MiB, {calm.files} -> {after.files} descriptors, "
        f"{calm.threads} -> {after.threads} threads, at {speed:.0f}/s",
        grown_mib <= calm.mib * growth and (after.files, after.threads) == (calm.files, calm.threads),
    )


class Size(msgspec.Struct, frozen=True):
    """Of a process."""

    mib: float
    files: int
    threads: int


def _size(works: Works, name: str) -> Size:
    """The smallest of some looks: a checkpoint opens files for a while."""
    looks = []
    for _ in range(20):
        folder = Path("/proc", str(works.process(name).pid))
        threads = int(re.findall(r"Threads:\s+(\d+)", (folder / "status").read_text())[0])
        looks.append(Size(_memory_mib(works, name), len(list((folder / "fd").iterdir())), threads))
        time.sleep(0.05)
    return Size(*(min(getattr(look, field) for look in looks) for field in Size.__struct_fields__))


def _memory_mib(works: Works, name: str) -> float:
    """What is its own: pages of mapped files belong to the system."""
    status = Path("/proc", str(works.process(name).pid), "status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) / 1024


def _await(works: Works, seq: int) -> None:
    while works.newest_seq() < seq:
        works.check()
        time.sleep(0.5)


def _way_ms(entries: list[Entry], begin_ms: float, end_ms: float) -> Percentiles:
    made = [entry.decision for entry in entries if begin_ms <= entry.decision.t_ms < end_ms]
    return percentiles([decision.t_ms - decision.captured_t_ms for decision in made])
