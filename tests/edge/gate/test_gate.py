import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.wire.messages import Answer, BinDecision, Heartbeat, encode
from tests.conftest import Mosquitto
from tests.edge.gate.bench import ask

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


def test_gate_that_may_not_speak_says_so(tmp_path: Path, a_gate: Any) -> None:
    """A broker whose access list has another gate in mind takes nothing: it is named, and the gate stays up."""
    (tmp_path / "acl").write_text("topic read sortline/#\n")
    broker = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}").start()
    try:
        with a_gate(broker) as process:
            said(process, "ready")
            assert said(process, "trouble") == "trouble publish-refused: not authorized\n"
            broker.kill()
            assert said(process, "trouble") == "trouble broker-away\n"
    finally:
        broker.kill()


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
    """After SIGKILL and a restart it tells whoever asks what became of its plans, and a copy of them does not fire."""
    journal = ("--journal", str(tmp_path / "journal.db"))
    decision = a_decision(act_t_ms=time.monotonic_ns() / 1e6 + 60_000, valid_ms=61_000.0)
    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(decision))
        said(process, "planned")
        process.kill()
        process.wait(5)

    with a_gate(mosquitto, *journal) as process:
        said(process, "ready")
        listener.say("sortline/l1/ask/recyclable", encode(ask(1)))
        first = next_answer(listener)
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(decision))
        second = next_answer(listener)

    assert [first.outcome, second.outcome] == ["expired", "duplicate"]


def test_answer_that_was_lost_is_told_again_when_it_is_asked_for(
    mosquitto: Any, listener: Any, a_decision: Make, a_gate: Any
) -> None:
    """Word for word, also to a later boot, and without a journal as long as the gate lives."""
    with a_gate(mosquitto) as process:
        said(process, "ready")
        listener.say("sortline/l1/heartbeat", alive())
        listener.say("sortline/l1/decision/recyclable", encode(a_decision(valid_ms=PATIENT_MS)))
        first = next_answer(listener)
        listener.say("sortline/l1/heartbeat", alive("boot-2"))

        listener.say("sortline/l1/ask/recyclable", encode(ask(1)))

        assert (next_answer(listener), first.outcome) == (first, "fired")


def test_question_that_a_broker_has_kept_is_not_answered(mosquitto: Any, listener: Any, a_gate: Any) -> None:
    """It was asked once, not now; nor is rubbish an answer's reason or a gate's end."""
    listener.say("sortline/l1/ask/recyclable", encode(ask(1)), retain=True)
    with a_gate(mosquitto) as process:
        said(process, "ready")
        assert "answers=0" in said(process, "asked")
        for payload in (b"", b"{", b'{"decisions": 1}'):
            listener.say("sortline/l1/ask/recyclable", payload)
        listener.say("sortline/l1/ask/recyclable", encode(ask(2)))

        assert next_answer(listener).seq == 2
