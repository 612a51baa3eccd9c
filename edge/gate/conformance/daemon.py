"""The daemon of a line, played: says what a rule makes it say, and remembers what the gate answered, and when."""

import random
import time
from secrets import token_hex
from typing import Any

import msgspec

from edge.config import MqttConfig
from edge.errors import BrokerError, Unavailable
from edge.gate.conformance.hearing import Hearing
from edge.wire.messages import Ask, Asked, BinDecision, Heartbeat, Message, State, Status, encode, topic
from edge.wire.mqtt import Connection, monotonic_ms

BEAT_S = 0.25
LOOK_S = 0.01
ACT_IN_MS, VALID_MS = 250.0, 600.0
"""Of a decision that a rule says nothing else about."""
SETTLE_S = 0.4
"""Heartbeats of a new boot before a rule begins: a gate needs some to know the clock."""


class PlayedDaemon:
    """One boot after the other of a daemon, each with a clock of its own; heartbeats go out while `run` waits."""

    def __init__(self, config: MqttConfig, line: str, bin_name: str) -> None:
        """Connects on `connect`. Raises ConfigError."""
        self.line, self.bin, self.config = line, bin_name, config
        self.heard = Hearing()
        self.answer_ms = 0.0
        """From a movement of this gate to its answer: one that answers when the movement is over needs some time."""
        self.boot = ""
        self.speed_mm_s: float | None = None
        """Of the belt; None: heartbeats say nothing of a belt, as from a line that does not measure its speed."""
        self._skew_ms = 0.0
        self._belt_mm = 0.0
        self._belt_ms = monotonic_ms()
        self._beats = True
        self._next_beat_s = 0.0
        # Above all that an earlier test of the same gate used, and exact in a PLC's 64-bit float.
        self._seq = int(time.time() * 1000) << 8
        listens = (("answer",), ("gate", bin_name), ("heartbeat",))
        self._connection = Connection(
            config,
            f"gate-test-{token_hex(4)}",
            topics=tuple(topic(line, *levels) for levels in listens),
            on_message=self.heard.receive,
        )

    def connect(self) -> None:
        """Raises BrokerError, or Unavailable when the line's real daemon is there: two of them would confuse gates."""
        self._connection.connect()
        self.silence()
        self.run(3 * BEAT_S)
        if self.heard.beats:
            boot = self.heard.beats[-1].boot
            raise Unavailable(f"line {self.line}: expected no daemon, found the heartbeat of {boot}; stop it")
        self.require_broker()

    def close(self) -> None:
        """Say `stopped`, when it was a daemon at all, and leave."""
        if self.boot and self._connection.connected:
            self.say_status("stopped")
        self._connection.close()

    def require_broker(self) -> None:
        """Raises BrokerError when the broker refused something or is gone."""
        if problems := self._connection.problems:
            where = f"{self.config.host}:{self.config.port}"
            raise BrokerError(f"broker {where}: {', '.join(problems)}; its ACL must let us be the line's daemon")

    def reboot(self) -> str:
        """Begin a new boot, with a new clock, as a gate sees it on a line that works; returns the old boot."""
        old = self.boot
        self.boot = token_hex(8)
        self._skew_ms = random.uniform(0, 1e9)
        self.speed_mm_s = None
        self.say_status("online")
        self.resume()
        self.run(SETTLE_S)
        return old

    def silence(self) -> None:
        """No heartbeats from now on."""
        self._beats = False

    def resume(self) -> None:
        """Heartbeats from now on, the first one at once."""
        self._beats, self._next_beat_s = True, 0.0

    def now_ms(self) -> float:
        """Now, on the clock of this boot: the scale of `t_ms`."""
        return monotonic_ms() + self._skew_ms

    def own_ms(self, t_ms: float) -> float:
        """A time of this boot's clock on this machine's."""
        return t_ms - self._skew_ms

    @property
    def belt_mm(self) -> float:
        """The odometer now."""
        return self._belt_mm + (self.speed_mm_s or 0.0) * (monotonic_ms() - self._belt_ms) / 1000

    def drive(self, speed_mm_s: float) -> None:
        """The belt runs at this speed from now on, and a heartbeat says so at once."""
        self._belt_mm, self._belt_ms = self.belt_mm, monotonic_ms()
        self.speed_mm_s = speed_mm_s
        self.beat()

    def beat(self, *, delayed_ms: float = 0.0) -> None:
        """One heartbeat, as if it had been under way for so long."""
        t_ms = self.now_ms() - delayed_ms
        beat = Heartbeat(line=self.line, boot=self.boot, t_ms=t_ms, state="online")
        if self.speed_mm_s is not None:
            beat = msgspec.structs.replace(beat, belt_mm=self.belt_mm, speed_mm_s=self.speed_mm_s)
        self._say("heartbeat", beat, qos=0)

    def say_status(self, state: State, boot: str | None = None) -> None:
        """The status of this boot, or of another one, retained as the daemon's and its will's are."""
        self._say("status", Status(line=self.line, boot=boot or self.boot, state=state), retain=True)

    def decision(self, *, sent_ms_ago: float = 0.0, act_in_ms: float = ACT_IN_MS, **fields: Any) -> BinDecision:
        """A new seq for this gate, whose item arrives `act_in_ms` from now; `fields` replace what else there is."""
        self._seq += 1
        t_ms = self.now_ms() - sent_ms_ago
        usual = {
            "line": self.line,
            "boot": self.boot,
            "seq": self._seq,
            "item": self._seq & 0xFFFF,
            "bin": self.bin,
            "reason": "classified",
            "label": self.bin,
            "confidence": 0.9,
            "probabilities": {self.bin: 0.9, "something-else": 0.1},
            "t_ms": t_ms,
            "captured_t_ms": t_ms - 30,
            "act_t_ms": self.now_ms() + act_in_ms,
            "act_in_ms": act_in_ms + sent_ms_ago,
            "valid_ms": VALID_MS + sent_ms_ago,
            "x_mm": 100.0,
            "frames": 3,
            "model": "gate-test/none",
            "captured_at": "2026-01-01T00:00:00.000+00:00",
        }
        return BinDecision(**{**usual, **fields})

    def send(self, decision: BinDecision) -> BinDecision:
        """On this gate's topic."""
        self.send_raw(encode(decision))
        return decision

    def send_raw(self, payload: bytes, *, retain: bool = False) -> None:
        """Anything at all on this gate's topic."""
        self._publish(topic(self.line, "decision", self.bin), payload, retain=retain)

    def ask(self, *decisions: BinDecision) -> None:
        """As if no answer to these had come."""
        asked = tuple(Asked(seq=one.seq, item=one.item) for one in decisions)
        self._say(f"ask/{self.bin}", Ask(line=self.line, boot=decisions[0].boot, bin=self.bin, decisions=asked), qos=0)

    def run(self, seconds: float) -> None:
        """Be the daemon for so long."""
        until_s = time.monotonic() + seconds
        while (now_s := time.monotonic()) < until_s:
            if self._beats and now_s >= self._next_beat_s:
                self._next_beat_s = now_s + BEAT_S
                self.beat()
            self.heard.listen(min(LOOK_S, until_s - now_s))

    def _say(self, kind: str, message: Message, *, qos: int = 1, retain: bool = False) -> None:
        self._publish(topic(self.line, kind), encode(message), qos=qos, retain=retain)

    def _publish(self, where: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Here a full window is waited for: it is the gate that is tested, not the way to the broker."""
        until_s = time.monotonic() + self.config.connect_timeout_s
        while not self._connection.publish(where, payload, qos=qos, retain=retain):
            self.require_broker()
            if time.monotonic() > until_s:
                raise BrokerError(f"broker {self.config.host}:{self.config.port}: expected it to acknowledge")
            time.sleep(0.001)
