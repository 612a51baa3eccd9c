import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.gate.gate import SURE_MS
from edge.wire.messages import Answer, BinDecision, Heartbeat, Status, encode

Make = Callable[..., BinDecision]

PATIENT_MS = 10_000.0
"""How long decisions are valid that these tests are not about: a busy machine delays messages like a bad network."""


def said(process: "subprocess.Popen[str]", word: str) -> str:
    """The next line of the process that begins with `word`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line
    pytest.fail(f"gate ended without saying {word!r}: {process.stderr.read() if process.stderr else ''}")


def alive(boot: str = "boot-1") -> bytes:
    """A heartbeat of now."""
    return encode(Heartbeat(line="l1", boot=boot, t_ms=time.monotonic_ns() / 1e6, state="online"))


def next_answer(listener: Any) -> Answer:
    """The next one on the broker."""
    return msgspec.json.decode(
        listener.wait_for(lambda message: message.topic == "sortline/l1/answer", timeout_s=15).payload, type=Answer
    )


def test_service_fires_answers_and_survives_rubbish(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any
) -> None:
    """The real process fires a decision, outlives malformed messages, and ends cleanly on SIGTERM."""
    with a_gate(mosquitto, "--name", "east") as process:
        said(process, "ready")
        for payload in (b"", b"\xff", b"[]", b'{"seq": 1e999}'):
            for kind in ("decision/recyclable", "heartbeat", "status"):
                listener.say(f"sortline/l1/{kind}", payload)
        now_ms = time.monotonic_ns() / 1e6
        listener.say("sortline/l1/heartbeat", encode(Heartbeat(line="l1", boot="boot-1", t_ms=now_ms, state="online")))

        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=PATIENT_MS)))

        heard = listener.wait_for(lambda message: message.topic == "sortline/l1/answer")
        answer = msgspec.json.decode(heard.payload, type=Answer)
        assert (answer.outcome, answer.gate, answer.seq) == ("fired", "east", 1)
        assert "fired seq=1" in said(process, "fired")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_service_without_broker(mosquitto: Any, a_gate: Any) -> None:
    """A gate that finds no broker says so on one line and exits 69."""
    mosquitto.kill()

    with a_gate(mosquitto) as process:
        _, errors = process.communicate(timeout=10)

    assert process.returncode == 69
    assert len(errors.splitlines()) == 1
    assert f"127.0.0.1:{mosquitto.port}" in errors


def test_answer_waits_for_the_broker(mosquitto: Any, listen: Any, a_decision: Make, a_gate: Any) -> None:
    """What fired while the broker was away is answered after its return, and nothing fires then."""
    with a_gate(mosquitto) as process:
        said(process, "ready")
        with listen(mosquitto.host, mosquitto.port) as ears:
            now_ms = time.monotonic_ns() / 1e6
            ears.say("sortline/l1/heartbeat", encode(Heartbeat(line="l1", boot="boot-1", t_ms=now_ms, state="online")))
            ears.say("sortline/l1/decision/recyclable", encode(a_decision(act_t_ms=now_ms + 300, valid_ms=PATIENT_MS)))
            said(process, "planned")
        mosquitto.kill()
        assert "fired seq=1" in said(process, "fired")

        mosquitto.start()
        with listen(mosquitto.host, mosquitto.port) as ears:
            heard = ears.wait_for(lambda message: message.topic == "sortline/l1/answer", timeout_s=15)
            others = [message for message in ears.all_within(0.5) if message.topic == "sortline/l1/answer"]

    assert msgspec.json.decode(heard.payload, type=Answer).outcome == "fired"
    assert others == []


def test_killed_gate_answers_from_its_journal(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any, tmp_path: Path
) -> None:
    """After SIGKILL and a restart what was planned is answered, and a copy of it does not fire."""
    journal = ("--journal", str(tmp_path / "journal.db"))
    now_ms = time.monotonic_ns() / 1e6
    decision = a_decision(act_t_ms=now_ms + 60_000, valid_ms=61_000.0)
    alive = encode(Heartbeat(line="l1", boot="boot-1", t_ms=now_ms, state="online"))
    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive)
        listener.say("sortline/l1/decision/recyclable", encode(decision))
        said(process, "planned")
        process.kill()
        process.wait(5)

    with a_gate(mosquitto, *journal) as process:
        first = listener.wait_for(lambda message: message.topic == "sortline/l1/answer")
        listener.say("sortline/l1/heartbeat", encode(Heartbeat(line="l1", boot="boot-1", t_ms=now_ms, state="online")))
        listener.say("sortline/l1/decision/recyclable", encode(decision))
        # The heartbeat makes it say once more, word for word, what nobody may have heard.
        second = listener.wait_for(lambda message: message.topic == first.topic and message.payload != first.payload)

    outcomes = [msgspec.json.decode(heard.payload, type=Answer).outcome for heard in (first, second)]
    assert outcomes == ["expired", "duplicate"]


def test_gate_killed_before_the_daemon_surely_heard_says_it_again(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any, tmp_path: Path
) -> None:
    """A broker that took an answer may have died with it, and then the gate too: its journal still has the answer."""
    journal = ("--journal", str(tmp_path / "journal.db"))
    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=PATIENT_MS)))
        first = next_answer(listener)
        process.kill()
        process.wait(5)

    with a_gate(mosquitto, *journal):
        again = next_answer(listener)

    assert (again, first.outcome) == (first, "fired")


def test_gate_restarted_long_after_says_nothing_again(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any, tmp_path: Path
) -> None:
    """After heartbeats without a break the daemon is taken to have the answer."""
    journal = ("--journal", str(tmp_path / "journal.db"))
    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=PATIENT_MS)))
        assert next_answer(listener).outcome == "fired"
        for _ in range(round(SURE_MS / 250) + 2):
            time.sleep(0.25)
            listener.say("sortline/l1/heartbeat", alive())
        process.kill()
        process.wait(5)

    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        heard = listener.all_within(0.5)

    assert [message for message in heard if message.topic == "sortline/l1/answer"] == []


def test_daemon_that_was_killed_hears_what_fired_meanwhile(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any
) -> None:
    """An answer that the old run may not have kept is said once more, also where the new run's status comes first."""
    with a_gate(mosquitto) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=PATIENT_MS)))
        first = next_answer(listener)

        listener.say("sortline/l1/status", encode(Status(line="l1", boot="boot-1", state="offline")))
        listener.say("sortline/l1/status", encode(Status(line="l1", boot="boot-2", state="online")))
        listener.say("sortline/l1/heartbeat", alive("boot-2"))

        assert (next_answer(listener), first.outcome) == (first, "fired")


def test_broker_that_was_killed_and_is_back_at_once_loses_no_answer(
    mosquitto: Any, listen: Any, a_decision: Make, a_gate: Any
) -> None:
    """Too short for a missed heartbeat, long enough to lose an answer: it is said once more when both are back."""
    with a_gate(mosquitto) as process:
        said(process, "ready")
        with listen(mosquitto.host, mosquitto.port) as ears:
            ears.say("sortline/l1/heartbeat", alive())
            ears.say(
                "sortline/l1/decision/recyclable", encode(a_decision(act_in_ms=0.0, act_t_ms=0.0, valid_ms=PATIENT_MS))
            )
            first = next_answer(ears)

        mosquitto.restart()
        with listen(mosquitto.host, mosquitto.port) as ears:
            ears.wait_for(lambda message: "/gate/" in message.topic, timeout_s=15)
            ears.say("sortline/l1/heartbeat", alive())

            assert (next_answer(ears), first.outcome) == (first, "fired")
