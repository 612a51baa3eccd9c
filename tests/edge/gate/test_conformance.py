import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.errors import Unavailable, UsageError
from edge.gate.conformance.certify import all_rules, certify, choose, played_daemon
from edge.gate.conformance.verdicts import Verdict
from edge.wire.messages import Heartbeat, encode
from tests.conftest import Mosquitto
from tests.edge.gate.plc_gate import PlcGate, serving

TOLERANCE_MS = 200.0
"""The machine that tests this does other things too."""
OPTIONAL = {"slower-belt", "standing-belt", "asked", "reports"}
"""What README says a gate may do besides."""

BROKEN = {
    "everything": {
        "fires",
        "delayed-decision",
        "delayed-heartbeats",
        "duplicate",
        "reordered",
        "late-arrival",
        "late-movement",
        "stale-boot",
        "boot-change",
        "unknown-boot",
        "major-version",
        "minor-version",
        "malformed",
        "other-line",
        "other-bin",
        "foreign-will",
        "will",
        "silence",
        "recovery",
        "retained",
        "load",
    },
    "once": {"duplicate", "reordered", "load"},
    "expiry": {"late-arrival", "late-movement", "load"},
    "retained": {"retained"},
    "boot": {"stale-boot", "boot-change", "unknown-boot"},
    "address": {"major-version", "other-line", "other-bin"},
    "will": {"will"},
    "silence": {"silence"},
    "clock": {"delayed-decision"},
    "fastest": {"delayed-heartbeats"},
}
"""Which rules a gate breaks that leaves this one out."""

Certified = dict[str, dict[str, Verdict]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One for all gates: each is on a line of its own."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker")).start()
    yield broker
    broker.kill()


@contextmanager
def reference_gate(port: int, line: str) -> Iterator[None]:
    """`python -m edge gate`, subscribed."""
    command = [sys.executable, "-m", "edge", "gate", "--line", line, "--bin", "recyclable", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            while not process.stdout.readline().startswith("ready "):
                assert process.poll() is None
            yield
        finally:
            process.terminate()
            process.stdout.read()


def examine(port: int, line: str, names: Sequence[str] = ()) -> dict[str, Verdict]:
    """Play all rules, or those named, against the gate of this line."""
    with played_daemon(MqttConfig(port=port), line, "recyclable") as daemon:
        verdicts = certify(daemon, choose(all_rules(None), names), TOLERANCE_MS, tell=lambda _verdict: None)
    return {verdict.rule: verdict for verdict in verdicts}


@pytest.fixture(scope="module")
def certified(broker: Any) -> Certified:
    """The verdicts on the reference gate, on one of somebody else, and on bad ones, examined side by side.

    A verdict that surprises is asked for again, by itself: a busy machine delays messages like a bad network.
    """
    lines = ["reference", "plc", *BROKEN]
    with ExitStack() as gates:
        gates.enter_context(reference_gate(broker.port, "reference"))
        for line in lines[1:]:
            gates.enter_context(serving(PlcGate(broker.port, line, without=line if line in BROKEN else "")))
        with ThreadPoolExecutor(len(lines)) as examiners:
            found = dict(zip(lines, examiners.map(lambda line: examine(broker.port, line), lines), strict=True))
        for line, verdicts in found.items():
            optional = set() if line == "reference" else OPTIONAL
            if surprising := (set(broken(verdicts)) - optional) ^ BROKEN.get(line, set()):
                verdicts.update(examine(broker.port, line, sorted(surprising)))
    return found


def broken(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """The rules that were not kept, with what was found."""
    return {rule: verdict.found for rule, verdict in verdicts.items() if not verdict.passed}


def test_the_reference_gate_keeps_every_rule(certified: Certified) -> None:
    """Also the optional ones."""
    assert broken(certified["reference"]) == {}


def test_a_gate_of_somebody_else_can_keep_them(certified: Certified) -> None:
    """The rules ask for what README says, and for nothing that only the reference gate does."""
    assert set(broken(certified["plc"])) <= OPTIONAL, broken(certified["plc"])


def test_a_gate_of_an_older_version_is_told_what_it_leaves_out(certified: Certified) -> None:
    """It may, and its maker should know."""
    assert "asked" in broken(certified["plc"])


@pytest.mark.parametrize("missing", BROKEN)
def test_a_bad_gate_is_found_out(certified: Certified, missing: str) -> None:
    """A gate that leaves one thing out breaks the rules that are about it, and no others."""
    found = broken(certified[missing])

    assert set(found) - OPTIONAL == BROKEN[missing], found


def test_a_gate_that_rubbish_stops_is_found_out(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that dies of what it cannot parse fails, and does not take the examiner along."""
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    with serving(PlcGate(broker.port, "fragile", without="parsing")), ExitStack() as examiner:
        daemon = examiner.enter_context(played_daemon(MqttConfig(port=broker.port), "fragile", "recyclable"))

        (verdict,) = certify(daemon, choose(all_rules(None), ["malformed"]), TOLERANCE_MS, tell=print)

    assert not verdict.passed
    assert "no answer" in verdict.found


def test_a_line_that_runs_is_not_disturbed(mosquitto: Any, listen: Any) -> None:
    """With the real daemon's heartbeat on the line, nothing is played."""
    beat = encode(Heartbeat(line="l1", boot="real", t_ms=1.0, state="online"))
    with listen(mosquitto.host, mosquitto.port) as ears:
        ears.say("sortline/l1/heartbeat", beat, retain=True)
        ears.all_within(0.1)

        with (
            pytest.raises(Unavailable, match="heartbeat of real"),
            played_daemon(MqttConfig(port=mosquitto.port), "l1", "recyclable"),
        ):
            pass

        assert ears.all_within(0.2) == []


def test_a_rule_that_does_not_exist_is_named() -> None:
    """With those that do."""
    with pytest.raises(UsageError, match=r"expected some of fires, .*, found sings"):
        choose(all_rules(None), ["fires", "sings"])


@pytest.mark.parametrize(("without", "status"), [("", 0), ("address", 1)])
def test_the_shell_command(broker: Any, without: str, status: int) -> None:
    """One line a rule, the demand where it is broken, JSON last; exit status 1 when one is broken."""
    line = f"shell-{status}"
    command = [sys.executable, "-m", "edge", "gate-test", "--line", line, "--bin", "recyclable", "--json"]
    chosen = ["--rule", "fires", "--rule", "other-bin", "--port", str(broker.port), "--tolerance", str(TOLERANCE_MS)]
    with serving(PlcGate(broker.port, line, without=without)):
        ran = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False)
        if ran.returncode != status:  # a busy machine delays messages like a bad network: asked for again
            ran = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False)

    assert ran.returncode == status, ran.stdout + ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["passed"] == (status == 0)
    assert [rule["rule"] for rule in told["rules"]] == ["fires", "other-bin"]
    assert ("must be: a decision for another bin is not fired" in ran.stdout) == (status == 1)
